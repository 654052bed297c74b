"""Functions with a derivative of their own, which the flat program keeps whole, in the open."""

from typing import Any

from jax.extend.core import Literal, Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, Equation, inline
from groupcam_jax.program.relus import find_relus


def open_calls(program: Program) -> Program:
    """Inlines functions with a derivative of their own, such as a softmax, but for activation functions."""
    kept, constants = find_relus(program).entrywise, dict(program.constants)
    same: dict[Var, Atom] = {}
    equations: list[Equation] = []
    for position, (scope, eqn, remat) in enumerate(program.equations):
        eqn = eqn.replace(invars=[atom if isinstance(atom, Literal) else same.get(atom, atom) for atom in eqn.invars])
        if eqn.primitive.name == "custom_jvp_call" and position not in kept:
            inner, results = inline(eqn.params["call_jaxpr"], eqn.invars, eqn, constants, remat)
            same.update(zip(eqn.outvars, results, strict=True))
            equations += inner
        else:
            equations.append(Equation(scope, eqn, remat))
    logits: Any = same.get(program.logits, program.logits)
    return program._replace(equations=equations, constants=constants, logits=logits)
