"""Who reads each value of a model, and what becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.inline import Equation, dependent_on, variables
from groupcam_jax.program.layers import VIEWS

PASSING = {*VIEWS, "add", "add_any", "max", "reduce_max", "reduce_sum", "reduce_window_sum", "sub"}


class Uses(NamedTuple):
    """Who reads each value of a model, and which values depend on the images."""

    readers: Mapping[Var, Sequence[JaxprEqn]]
    dependent: set[Var]

    def scales(self, eqn: JaxprEqn) -> bool:
        """Whether an equation is a product with a constant or a weight."""
        return eqn.primitive.name in ("mul", "div") and len(self.arrived(eqn)) == 1

    def arrived(self, eqn: JaxprEqn) -> list[Var]:
        """The operands that depend on the images."""
        return [var for var in variables(eqn.invars) if var in self.dependent]


def uses_of(equations: Sequence[Equation], inputs: Sequence[Var]) -> Uses:
    """Looks up who reads what."""
    readers: dict[Var, list[JaxprEqn]] = {}
    for _, eqn, _ in equations:
        for var in {*variables(eqn.invars)}:
            readers.setdefault(var, []).append(eqn)
    return Uses(readers, dependent_on(equations, inputs))


def leads(var: Var, uses: Uses, ends: Callable[[Var, JaxprEqn], bool]) -> bool:
    """Whether a value, apart from sums, views and constant factors, is only read by equations of one kind."""
    pending, seen = [var], {var}
    while pending:
        current = pending.pop()
        if not uses.readers.get(current):
            return False
        for eqn in uses.readers[current]:
            if ends(current, eqn):
                continue
            if eqn.primitive.name not in PASSING and not uses.scales(eqn):
                return False
            pending += [made for made in eqn.outvars if made not in seen]
            seen.update(eqn.outvars)
    return True
