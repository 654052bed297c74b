"""A second value for every variable of a model: what excites it, and how neurons share out what they win.

Between nonlinearities the excitation is the output of the linear layers, of the terms that raise it and of those that
lower it, without biases. After each nonlinearity it is the activation itself. Let e be the excitation of a variable and
r the gradient of a seed with respect to e. Then e r is what the variable has won of the seed: the probability that the
winner's path passes through it (Zhang et al., arXiv:1608.00507, equation 4), or its relevance (Bach et al., 2015,
doi:10.1371/journal.pone.0130140). Linear layers pass it down by their gradient, and neurons by `hand_on`.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from groupcam_jax.division import divided
from groupcam_jax.program.excitation_rules import Excitation, Values, excite_linear, is_product, unweighted
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation, dependent_on, values_of, variables
from groupcam_jax.program.params import partition
from groupcam_jax.program.relus import find_relus, first_of
from groupcam_jax.types import Params


@runtime_checkable
class Neuron(Protocol):
    """How a layer of neurons hands on what its inputs bring."""

    def __call__(self, came: Excitation, before: Values, after: Values | None, *, first: bool) -> Excitation:
        """Returns the excitation of the neurons' output.

        Args:
          came: their excitation by their inputs.
          before: the sum of their inputs, with the bias.
          after: their output; None where another linear layer follows at once.
          first: whether their inputs are the program's.
        """
        ...


def winning(came: Excitation, before: Values, after: Values | None, *, first: bool) -> Excitation:
    """The neuron of excitation backpropagation: what raises it wins."""
    del before, first
    return unweighted(came.positive if after is None else hand_on(came.positive, after))


def excite(
    program: Program,
    params: Params,
    images: Values,
    excitation: Excitation,
    neuron: Neuron,
    refusal: Callable[[Equation], str],
    *,
    negate_last: bool = False,
) -> Excitation:
    """Runs a program on values and excitations.

    Args:
      program: a model, or its head above a layer.
      params: its weights.
      images: its input.
      excitation: the excitation of the input.
      neuron: how nonlinearities hand it on, and linear layers that follow another.
      refusal: what is said of an operation that has no rule.
      negate_last: whether to negate the last linear layer's weights, so that what speaks against a class excites.

    Returns:
      What the neurons of the output `[n, classes]` hand on, differentiable with respect to the input's excitation.

    Raises:
      ValueError: an operation that has no rule; the message names it. Logits that do not depend on the images.
    """
    # Behind the barrier, weights that a user's jit makes constants are not split by sign while XLA compiles.
    weights = jax.lax.optimization_barrier(partition(params)[0])
    values = program.given(weights, images)
    excitations, first = {program.images: excitation}, {program.images}
    found, last = find_relus(program), last_product(program)
    if found.others:
        raise ValueError(refusal(program.equations[first_of(found.others)]))
    for position, equation in enumerate(program.equations):
        eqn = equation.eqn
        operands = values_of(eqn.invars, values)
        results = program.run(equation, operands)
        values.update(zip(eqn.outvars, results, strict=True))
        # The last operation of a ReLU may read what lies inside of it alone: its argument has the excitation.
        read = [found.relus[position].argument] if position in found.relus else variables(eqn.invars)
        if position in found.inside or excitations.keys().isdisjoint(read):
            continue
        if not any(jnp.issubdtype(result.dtype, jnp.floating) for result in results):
            continue  # the comparisons of a pooling pass nothing on
        arrived = [None if isinstance(atom, Literal) else excitations.get(atom) for atom in eqn.invars]
        if position in found.relus:
            argument = found.relus[position].argument
            before = jnp.asarray(values[argument])
            passed = [neuron(excitations[argument], before, results[0], first=argument in first)]
        else:
            if not first.isdisjoint(variables(eqn.invars)):
                first.update(eqn.outvars)
            for place, one in enumerate(arrived):
                if one is not None and one.weighted and is_product(eqn):  # a new layer
                    before = jnp.asarray(operands[place])
                    arrived[place] = neuron(one, before, None, first=eqn.invars[place] in first)
                    first.difference_update(eqn.outvars)
            passed = excite_linear(program, equation, operands, arrived, refusal)
            if negate_last and position == last:
                passed = [one.negated() for one in passed]
        excitations.update(zip(eqn.outvars, passed, strict=True))
    if program.logits not in excitations:
        raise ValueError("the model's logits do not depend on the images: there is nothing to explain")
    return neuron(excitations[program.logits], jnp.asarray(values[program.logits]), None, first=program.logits in first)


@jax.custom_vjp
def hand_on(came: Values, activation: Values) -> Values:
    """The excitation after a neuron: its activation. Backward, what came takes all that the activation won."""
    del came
    return activation


def hand_back(residuals: tuple[Values, Values], gradient: Values) -> tuple[Values, Values]:
    """Turns r into (activation r) / came, 0 where nothing came."""
    came, activation = residuals
    return divided(gradient * activation, came), jnp.zeros_like(activation)


hand_on.defvjp(lambda came, activation: (activation, (came, activation)), hand_back)


def last_product(program: Program) -> int:
    """The position of the last product of an activation with weights; -1 if there is none."""
    dependent = dependent_on(program.equations, [program.images])
    products = (
        position
        for position, (_, eqn, _) in enumerate(program.equations)
        if is_product(eqn) and not dependent.isdisjoint(eqn.outvars)
    )
    return max(products, default=-1)
