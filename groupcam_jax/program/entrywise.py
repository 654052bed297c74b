"""Values of a traced model as functions of one other value, entry by entry, computed on a few numbers.

Operations between two activations begin anew: only what is a function of one value and of constants is followed. A
weight in such a function, the slope of a parametric ReLU, say, is some number between 0 and 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var, jaxprs_in_params

from groupcam_jax.program.constants import Constants, literal_value
from groupcam_jax.program.inline import Equation, shape_of, variables

NUMBERS = np.concatenate([np.linspace(-9.3, 9.1, 93), [0.0, -150.0, -40.0, 40.0, 150.0]]).astype(np.float32)
OPERATIONS = {
    *("abs", "add", "add_any", "and", "cbrt", "ceil", "clamp", "convert_element_type", "cos", "div", "eq"),
    *("erf", "erfc", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "le", "log", "log1p", "logistic"),
    *("lt", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "round", "rsqrt", "select_n"),
    *("sign", "sin", "sqrt", "square", "sub", "tan", "tanh"),
}
SAME = {"copy", "pvary", "reduce_precision"}
CALLS = {"custom_jvp_call", "jit", "pjit", "closed_call"}


class Function(NamedTuple):
    """A value as a function of another one.

    Attributes:
      root: the value that it is a function of.
      values: what it is of `NUMBERS`.
      operands: the values that it is computed from.
      position: of the equation that computes it.
    """

    root: Var
    values: np.ndarray
    operands: tuple[Var, ...]
    position: int


def entrywise_functions(
    equations: Sequence[Equation], inputs: Iterable[Var], constant: Constants
) -> dict[Var, Function]:
    """Every value that is a function of one other value, entry by entry.

    Args:
      equations: of a model, or of a function inside it.
      inputs: the variables that vary.
      constant: the value of an operand that does not vary, if it is known.
    """
    dependent, found = {*inputs}, {}
    for position, (_, eqn, _) in enumerate(equations):
        operands = [var for var in variables(eqn.invars) if var in dependent]
        if not operands:
            continue
        dependent.update(eqn.outvars)
        roots = {found[var].root if var in found else var for var in operands}
        if (
            len(roots) > 1
            or len(eqn.outvars) > 1
            or {shape_of(var) for var in (*roots, *eqn.outvars)} != {shape_of(eqn.outvars[0])}
        ):
            continue
        (root,) = roots
        known = {var: found[var].values if var in found else NUMBERS for var in operands}
        values = computed(eqn, known, constant)
        if values is not None:
            found[eqn.outvars[0]] = Function(root, values, tuple(operands), position)
    return found


def values_from(
    argument: Var,
    chain: Sequence[Var],
    found: Mapping[Var, Function],
    equations: Sequence[Equation],
    constant: Constants,
) -> np.ndarray | None:
    """What the last value of a chain is as a function of one within it; None if it is none.

    Args:
      argument: a value of the chain, or its root.
      chain: values of `found`, in their order.
      found: from `entrywise_functions`.
      equations, constant: as there.
    """
    known = {argument: NUMBERS}
    for var in chain:
        if var is not argument and all(operand in known for operand in found[var].operands):
            values = computed(equations[found[var].position].eqn, known, constant)
            assert values is not None  # it was computed before
            known[var] = values
    return known.get(chain[-1])


def number(value: np.ndarray | None) -> np.ndarray:
    """A constant that is the same everywhere, or any number for another one."""
    if value is not None and value.size and (value == value.flat[0]).all():
        return np.asarray(value.flat[0])
    return np.asarray(0.37, np.float32)


def computed(eqn: JaxprEqn, known: Mapping[Var, np.ndarray], constant: Constants) -> np.ndarray | None:
    """What an equation makes of numbers instead of arrays; None if it does not work entry by entry."""
    operands = [
        known[atom] if isinstance(atom, Var) and atom in known else number(constant(atom)) for atom in eqn.invars
    ]
    name = eqn.primitive.name
    if name in SAME or (name == "broadcast_in_dim" and shape_of(eqn.invars[0]) == ()):
        return operands[0]
    if name in CALLS:
        (jaxpr,) = jaxprs_in_params(eqn.params)
        return called(jaxpr, operands)
    if name not in OPERATIONS:
        return None
    params = {**eqn.params, **({"sharding": None} if "sharding" in eqn.params else {})}
    if name == "convert_element_type":
        params["new_dtype"] = precise(eqn.params["new_dtype"])
    with jax.ensure_compile_time_eval():
        dtypes = [precise(getattr(atom.aval, "dtype", np.dtype(np.float32))) for atom in eqn.invars]
        pairs = zip(operands, dtypes, strict=True)
        full = [jnp.broadcast_to(jnp.asarray(operand, dtype), NUMBERS.shape) for operand, dtype in pairs]
        return np.asarray(eqn.primitive.bind(*full, **params))


def precise(dtype: np.dtype) -> np.dtype:
    """The dtype to compute in: rounding to bfloat16 would bend a straight line."""
    return np.dtype(np.float32) if jnp.issubdtype(dtype, jnp.floating) else dtype


def called(jaxpr: Jaxpr, operands: Sequence[np.ndarray]) -> np.ndarray | None:
    """What a function makes of numbers."""
    known = dict(zip(jaxpr.invars, operands, strict=True))
    for eqn in jaxpr.eqns:
        values = computed(eqn, known, literal_value) if len(eqn.outvars) == 1 else None
        if values is None:
            return None
        known[eqn.outvars[0]] = values
    (result,) = jaxpr.outvars
    return np.asarray(result.val) if isinstance(result, Literal) else known[result]
