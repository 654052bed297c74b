"""What a function of one value is: straight, a ReLU, a gate, a statistic, or another activation function.

Functions are known by their values at a few numbers; a ReLU is what equals `clip(x, 0, bound)` there. Gates (a sigmoid
that another activation is multiplied with) and statistics (the variance of a normalisation, the sum of a softmax) are
known by who reads them too; they are no activation functions.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.entrywise import NUMBERS, Function
from groupcam_jax.program.inline import is_floating
from groupcam_jax.program.uses import Uses, leads

Functions = Mapping[Var, Function]
FACTORS, ROOTS = {"mul", "dot_general"}, {"sqrt", "rsqrt", "log"}


class Relu(NamedTuple):
    """A ReLU: what it is applied to, and the bound above which it is constant."""

    argument: Var
    bound: float


def ancestors(var: Var, functions: Functions) -> list[Var]:
    """The values that a function is made of, in their order, without its root and itself."""
    found: dict[Var, None] = {}

    def visit(var: Var) -> None:
        for operand in functions[var].operands if var in functions else ():
            if operand in functions and operand not in found:
                visit(operand)
                found[operand] = None

    visit(var)
    return [*found]


def as_relu(var: Var, functions: Functions) -> Relu | None:
    """What a value is the ReLU of: the last affine function of the root among its ancestors that fits."""
    if not is_floating(var):
        return None
    function = functions[var]
    values = function.values.astype(np.float32)
    candidates = [(one, functions[one].values) for one in ancestors(var, functions) if is_floating(one)]
    for argument, x in [(function.root, NUMBERS), *candidates][::-1]:
        if affine_in(NUMBERS, x):
            x = x.astype(np.float32)
            bound = float(values.max()) if values.max() < 0.9 * x.max() else np.inf
            if close(np.clip(x, 0, bound), values):
                return Relu(argument, bound)
    return None


def affine_in(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether y is a x + b for some a and b, a not 0."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    if not np.isfinite(y).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
        return False
    low, high = x.argmin(), x.argmax()
    slope = (y[high] - y[low]) / (x[high] - x[low])
    return close(y[low] + slope * (x - x[low]), y)


def close(expected: np.ndarray, values: np.ndarray) -> bool:
    """Equal but for rounding, by the range of the values."""
    rounding = 4 * np.finfo(np.float32).eps * np.abs(expected).max()
    return bool(np.allclose(values, expected, rtol=0, atol=1e-5 * np.ptp(expected) + rounding))


def is_gate(values: np.ndarray, var: Var, uses: Uses) -> bool:
    """Whether a function that saturates on both sides (sigmoid, tanh) is only a factor of another activation.

    It lies within -1 and 1: a ReLU6 does not.
    """
    far_below, below, above, far_above = values[-4:].astype(np.float64)  # of -150, -40, 40 and 150
    saturates = abs(far_below - below) < 1e-2 and abs(far_above - above) < 1e-2 and np.abs(values).max() < 1.01
    return bool(saturates) and leads(
        var, uses, lambda var, eqn: eqn.primitive.name in FACTORS and len(uses.arrived(eqn)) > 1
    )


def is_statistic(made_by: set[str], uses: Uses, var: Var) -> bool:
    """Whether a value only scales others: a variance, its root, the sum of a softmax or its logarithm.

    A root that is a feature by itself, as in pooling by a norm, is none.
    """

    def ends(var: Var, eqn: JaxprEqn) -> bool:
        name = eqn.primitive.name
        if name in ROOTS:
            return is_statistic({*made_by, name}, uses, eqn.outvars[0])
        if name == "div":
            return "exp" in made_by or var is eqn.invars[1]
        if name == "sub":
            return "log" in made_by and var is eqn.invars[1]
        return name in FACTORS and not made_by.isdisjoint(ROOTS) and len(uses.arrived(eqn)) > 1

    return leads(var, uses, ends)
