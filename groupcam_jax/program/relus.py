"""Finds the ReLUs of a traced model by what they compute, however they are written, and all other activations.

`jax.nn.relu`, `max(x, 0)`, `where(x > 0, x, 0)`, `x * (x > 0)` and `(x + abs(x)) / 2` are one function, see `kinds`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jax.extend.core import JaxprEqn, Var, jaxprs_in_params

from groupcam_jax.program.constants import Constants, constant_values, literal_value
from groupcam_jax.program.entrywise import NUMBERS, entrywise_functions, values_from
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation, inline, is_floating, variables
from groupcam_jax.program.kinds import (
    Functions,
    Relu,
    affine_in,
    ancestors,
    as_relu,
    is_gate,
    is_statistic,
)
from groupcam_jax.program.layers import operation
from groupcam_jax.program.source import place_of
from groupcam_jax.program.uses import uses_of


class Other(NamedTuple):
    """Another activation function: what it is applied to, its value at 0, and the position of its first operation."""

    argument: Var
    at_zero: float
    begins: int


class Activations(NamedTuple):
    """The activation functions between the image and the logits.

    Attributes:
      relus: by the position of the equation that gives their result.
      others: those that are no ReLU, likewise.
      inside: the positions of equations that only serve a ReLU, such as its comparison with 0.
      factors: the positions of gates and statistics.
      entrywise: the positions of all equations that were looked at in this.
    """

    relus: dict[int, Relu]
    others: dict[int, Other]
    inside: set[int]
    factors: set[int]
    entrywise: set[int]


def find_relus(program: Program) -> Activations:
    """Finds the ReLUs of a program, and its other activation functions."""
    return find_activations(program.equations, [program.images], [program.logits], constant_values(program))


def activations_inside(eqn: JaxprEqn) -> Activations:
    """Finds the activation functions inside a loop, a branch, or a function with its own derivative."""
    found = Activations({}, {}, set(), set(), set())
    for jaxpr in jaxprs_in_params(eqn.params):
        equations, results = inline(jaxpr, jaxpr.invars, None, {})
        inside = find_activations(equations, jaxpr.invars, variables(results), literal_value)
        opaque = [one.eqn for position, one in enumerate(equations) if position not in inside.entrywise]
        deeper = map(activations_inside, opaque)
        for one in (inside, *deeper):
            found.relus.update(one.relus)
            found.others.update(one.others)
    return found


def find_activations(
    equations: Sequence[Equation], inputs: Sequence[Var], outputs: Sequence[Var], constant: Constants
) -> Activations:
    """Finds the activation functions among equations; see `entrywise_functions`."""
    functions, uses = entrywise_functions(equations, inputs, constant), uses_of(equations, inputs)
    found = Activations({}, {}, set(), set(), {function.position for function in functions.values()})
    straight = straight_functions(functions, equations, constant)
    for var, function in functions.items():
        of_others = [eqn for eqn in uses.readers.get(var, ()) if not continues(eqn, function.root, functions)]
        if not (of_others or var in outputs) or not is_floating(var) or var in straight:
            continue
        chain = [*ancestors(var, functions), var]
        made_by = {equations[functions[one].position].eqn.primitive.name for one in chain}
        if is_statistic(made_by, uses, var):
            found.factors.add(function.position)
            continue
        arguments = [function.root, *(one for one in chain if one in straight)][::-1]
        of = ((one, values_from(one, chain, functions, equations, constant)) for one in arguments)
        argument, values = next((one, values) for one, values in of if values is not None)
        if is_gate(values, var, uses):  # of its last straight argument: a mean of many numbers hardly moves
            found.factors.add(function.position)
            continue
        relus = [(one, relu) for one in chain if (relu := as_relu(one, functions))]
        fitting = [pair for pair in relus if affine_in(functions[pair[0]].values, function.values)]
        if fitting:
            result, relu = fitting[0]
            found.relus[functions[result].position] = relu
            serving = {*ancestors(result, functions)} - {relu.argument, *ancestors(relu.argument, functions)}
            found.inside.update(functions[one].position for one in serving)
        else:
            harmless = {one for one, _ in relus}
            bent = (one for one in chain if is_floating(one) and one not in harmless and one not in straight)
            begins = functions[next(bent, var)].position
            found.others[function.position] = Other(argument, float(values[NUMBERS == 0][0]), begins)
    return found


def straight_functions(functions: Functions, equations: Sequence[Equation], constant: Constants) -> set[Var]:
    """The functions a x + b, found step by step: what follows a mean over many numbers hardly moves with their sum."""
    straight: set[Var] = set()
    for var, function in functions.items():
        if not is_floating(var):
            continue
        first, *others = function.operands
        if others:
            values = function.values
        elif first is function.root or first in straight:
            values = values_from(first, [var], functions, equations, constant)
        else:
            values = None
        if values is not None and affine_in(NUMBERS, values):
            straight.add(var)
    return straight


def first_of(others: Mapping[int, Other]) -> int:
    """The position at which the first of several activations begins."""
    return min(other.begins for other in others.values())


def no_rule(method: str, equation: Equation) -> str:
    """Says which operation a method has no rule for, and where it was written."""
    place = place_of(equation.scope, equation.eqn)
    return (
        f"{method} has no rule for {operation(equation.eqn)} at {place}: it is defined for networks of linear layers, "
        "ReLUs and pooling. grad_cam, integrated_gradients and group_cam need no rule for it"
    )


def continues(eqn: JaxprEqn, root: Var, functions: Functions) -> bool:
    """Whether an equation goes on with a function of the same value."""
    return all(made in functions and functions[made].root is root for made in eqn.outvars)
