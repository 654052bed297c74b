"""Which arrays are statistics of a normalisation, and so must not be changed by gradients.

They are known by what the network computes with them, whatever they are called: the inverse square root of a stored
variance, apart from an epsilon; and, by their names, the means that lie beside it.
"""

import re

from jax.extend.core import Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import variables
from groupcam_jax.program.layers import VIEWS

NAMES = re.compile(r"(batch_stats|running_|moving_|(^|/)(mean|var|average|hidden|counter)s?($|/))")
PLAIN = {*VIEWS, "add", "max", "broadcast_in_dim", "convert_element_type", "copy"}
ROOTS = {"rsqrt", "sqrt", "pow"}


def statistics(program: Program, names: list[str]) -> list[str]:
    """The names of those of a program's params that look like statistics."""
    origin: dict[Var, str] = dict(zip(program.params, names, strict=True))
    variances = set()
    for equation in program.equations:
        read = variables(equation.eqn.invars)
        if len(read) != 1 or (source := origin.get(read[0])) is None:
            continue
        if equation.eqn.primitive.name in ROOTS:
            variances.add(source)
        if equation.eqn.primitive.name in PLAIN:
            origin.update((var, source) for var in equation.eqn.outvars)
    return [name for name in names if name in variances or NAMES.search(name)]
