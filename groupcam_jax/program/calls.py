"""Functions with a derivative of their own, which the flat program keeps whole, in the open."""

from typing import cast

from jax.extend.core import Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, Equation, inline, replaced
from groupcam_jax.program.relus import find_relus


def open_calls(program: Program) -> Program:
    """Inlines functions with a derivative of their own, such as a softmax, but for activation functions."""
    kept, constants = find_relus(program).entrywise, dict(program.constants)
    same: dict[Var, Atom] = {}
    equations: list[Equation] = []
    for position, (scope, eqn, remat) in enumerate(program.equations):
        eqn = eqn.replace(invars=replaced(eqn.invars, same))
        if eqn.primitive.name == "custom_jvp_call" and position not in kept:
            inner, results = inline(eqn.params["call_jaxpr"], eqn.invars, eqn, constants, remat)
            same.update(zip(eqn.outvars, results, strict=True))
            equations += inner
        else:
            equations.append(Equation(scope, eqn, remat))
    (logits,) = replaced([program.logits], same)
    return program._replace(equations=equations, constants=constants, logits=cast(Var, logits))
