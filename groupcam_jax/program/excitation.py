"""A second value for every variable of a model: its excitation by positive weights and inputs.

Between nonlinearities the excitation is the output of the linear layers without their negative weights and biases.
After each nonlinearity it is the activation itself. Let e be the excitation of a variable and r the gradient of a seed
with respect to e. Then e r is the probability that the winner's path passes through the variable (Zhang et al.,
arXiv:1608.00507, equation 4). Linear layers pass it down by their gradient, and nonlinearities by `hand_on`.
"""

import jax
import jax.numpy as jnp
from jax.extend.core import Literal, Var
from jaxtyping import Array, Float

from groupcam_jax.program.evaluate import run_equation
from groupcam_jax.program.excitation_rules import (
    Values,
    excite_linear,
    is_product,
    unweighted,
)
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Constant, variables
from groupcam_jax.program.params import partition
from groupcam_jax.program.relus import find_relus, first_of, no_rule
from groupcam_jax.types import Params


def excite(
    program: Program, params: Params, images: Values, excitation: Values, *, negate_last: bool = False
) -> Float[Array, "n classes"]:
    """Runs a program on values and excitations.

    Args:
      program: a model, or its head above a layer.
      params: its weights.
      images: its input.
      excitation: the excitation of the input, not negative.
      negate_last: whether to negate the last linear layer's weights, so that what speaks against a class excites.

    Returns:
      The excitation of the output `[n, classes]`, differentiable with respect to the input's.

    Raises:
      ValueError: an operation that has no rule; the message names it.
    """
    # Behind the barrier, weights that a user's jit makes constants are not split by sign while XLA compiles.
    weights = jax.lax.optimization_barrier(partition(params)[0])
    values: dict[Var, Constant] = {**program.constants, **dict(zip(program.params, weights, strict=True))}
    values[program.images] = images
    excitations = {program.images: unweighted(excitation)}
    found, last = find_relus(program), last_product(program)
    if found.others:
        raise ValueError(no_rule("excitation_backprop", program.equations[first_of(found.others)]))
    for position, equation in enumerate(program.equations):
        eqn = equation.eqn
        operands = [atom.val if isinstance(atom, Literal) else values[atom] for atom in eqn.invars]
        results = run_equation(equation, operands)
        values.update(zip(eqn.outvars, results, strict=True))
        if position in found.inside or excitations.keys().isdisjoint(variables(eqn.invars)):
            continue
        if not any(jnp.issubdtype(result.dtype, jnp.floating) for result in results):
            continue  # the comparisons of a pooling pass nothing on
        arrived = [None if isinstance(atom, Literal) else excitations.get(atom) for atom in eqn.invars]
        if position in found.relus:
            came = excitations[found.relus[position].argument]
            passed = [unweighted(hand_on(came.positive, results[0]))]
        else:
            passed = excite_linear(equation, operands, arrived)
            if negate_last and position == last:
                passed = [one.negated() for one in passed]
        excitations.update(zip(eqn.outvars, passed, strict=True))
    return excitations[program.logits].positive


@jax.custom_vjp
def hand_on(came: Values, activation: Values) -> Values:
    """The excitation after a nonlinearity: its activation. Backward, each input takes all that its output won."""
    del came
    return activation


def hand_back(residuals: tuple[Values, Values], gradient: Values) -> tuple[Values, Values]:
    """Turns r into (activation r) / came, 0 where nothing came."""
    came, activation = residuals
    share = gradient * activation / jnp.where(came > 0, came, 1)
    return jnp.where(came > 0, share, 0), jnp.zeros_like(activation)


hand_on.defvjp(lambda came, activation: (activation, (came, activation)), hand_back)


def last_product(program: Program) -> int:
    """The position of the last product of an activation with weights; -1 if there is none."""
    reached, last = {program.images}, -1
    for position, (_, eqn, _) in enumerate(program.equations):
        if not reached.isdisjoint(variables(eqn.invars)):
            reached.update(eqn.outvars)
            last = position if is_product(eqn) else last
    return last
