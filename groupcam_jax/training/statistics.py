"""Which arrays are statistics of a normalisation, and so must not be changed by gradients.

They are known by what the network computes with them, whatever they are called: a variance by the root that is taken of
it, apart from an epsilon and a factor (a correction for few steps); where there is one, a mean by being subtracted.
Names tell of those that other code stores.
"""

import re

from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import variables
from groupcam_jax.program.layers import VIEWS

NAMES = re.compile(r"(^|/)(batch_stats/.*|(running|moving)_\w+|(mean|var|average|hidden|counter)s?)$")
PLAIN = {*VIEWS, "add", "max", "mul", "div", "select_n", "broadcast_in_dim", "convert_element_type", "copy", "neg"}
ROOTS = {"rsqrt", "sqrt", "pow"}


def statistics(program: Program, names: list[str]) -> list[str]:
    """The names of those of a program's params that look like statistics; `names` has one for each of them."""
    origin: dict[Var, str] = dict(zip(program.params, names, strict=True))
    variances, subtracted = set(), set()
    for equation in program.equations:
        eqn = equation.eqn
        arrays = [var for var in variables(eqn.invars) if size(var) > 1]
        found = [origin[var] for var in arrays if var in origin]
        if eqn.primitive.name == "neg" or is_subtracted(eqn, origin):
            subtracted.update(found)
        if len(found) == 1 == len(arrays):
            variances.update(found if eqn.primitive.name in ROOTS else ())
            origin.update((var, found[0]) for var in eqn.outvars if eqn.primitive.name in PLAIN)
    means = subtracted if variances else set()
    return [name for name in names if name in variances | means or NAMES.search(name)]


def is_subtracted(eqn: JaxprEqn, origin: dict[Var, str]) -> bool:
    """Whether an equation takes one of the arrays from another value."""
    return eqn.primitive.name == "sub" and eqn.invars[1] in origin and eqn.invars[0] not in origin


def size(var: Var) -> int:
    """How many numbers a value has."""
    return getattr(var.aval, "size", 0)
