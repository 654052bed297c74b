"""Turns some of a program's equations back into a function.

Equations from one `jax.checkpoint` are put back into one: the backward pass recomputes their intermediate values, as
the model asks, instead of storing them.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, JaxprEqn, Var, jaxpr_as_fun
from jaxtyping import Array

from groupcam_jax.program.inline import Atom, Equation, type_of, variables

PART = DebugInfo("jit", "part of a model", None, None)


def evaluator(
    equations: Sequence[Equation], inputs: Sequence[Var], outputs: Sequence[Var]
) -> Callable[..., list[Array]]:
    """Turns equations, in order, into a function from the values of the inputs to those of the outputs."""
    return jaxpr_as_fun(ClosedJaxpr(make_jaxpr(inputs, outputs, renest(equations, outputs)), ()))


def renest(equations: Sequence[Equation], outputs: Sequence[Var]) -> list[JaxprEqn]:
    """Puts the equations left of each call of `jax.checkpoint` back into one such call."""
    runs = [[*run] for _, run in itertools.groupby(equations, key=lambda equation: id(equation.remat))]
    wanted, nested = set(outputs), []
    for run in reversed(runs):
        eqns, call = [equation.eqn for equation in run], run[0].remat
        made = dict.fromkeys(var for eqn in eqns for var in eqn.outvars)
        read = dict.fromkeys(var for eqn in eqns for var in variables(eqn.invars) if var not in made)
        if call is not None:
            returned = [var for var in made if var in wanted]
            body = make_jaxpr([*read], returned, eqns)
            eqns = [call.replace(invars=[*read], outvars=returned, params={**call.params, "jaxpr": body})]
        wanted.update(read)
        nested = [*eqns, *nested]
    return nested


def make_jaxpr(inputs: Sequence[Var], outputs: Sequence[Var], eqns: Sequence[JaxprEqn]) -> Jaxpr:
    """The jaxpr of a function with these equations and no others."""
    effects = {effect for eqn in eqns for effect in eqn.effects}
    return Jaxpr((), [*inputs], [*outputs], [*eqns], effects, debug_info=PART)


def run_equation(equation: Equation, operands: Any) -> list[Array]:
    """Computes one equation."""
    arguments = [Var(atom.aval) for atom in equation.eqn.invars]
    eqn = equation.eqn.replace(invars=[*arguments])
    return evaluator([Equation(equation.scope, eqn)], arguments, eqn.outvars)(*operands)


def one_call(function: Callable[..., Any], inputs: Sequence[Atom], outputs: Sequence[Var], source: Any) -> JaxprEqn:
    """A jitted function of the inputs as the one equation of the outputs; `source` says where it is written."""
    with jax.disable_jit(False):  # even while the user debugs: else it is no single call
        (call,) = jax.make_jaxpr(function)(*map(type_of, inputs)).jaxpr.eqns
    return call.replace(invars=[*inputs], outvars=[*outputs], source_info=source)
