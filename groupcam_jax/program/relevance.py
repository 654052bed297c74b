"""Rules of layer-wise relevance propagation: in what proportion the inputs of a neuron share its relevance.

A rule is a function z(p, n, b) of the sum p of the neuron's positive terms, inputs times weights, of the sum n of its
negative ones, without their sign, and of its bias b. The sum of its inputs is p - n + b. A term t has the share
dz/dp t / z of the relevance if it is positive, and dz/dn |t| / z if it is negative.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from groupcam_jax.program.excitation import Neuron, hand_on
from groupcam_jax.program.excitation_rules import Values, from_both_signs

Rule: TypeAlias = Callable[[Values, Values, Values], Values]


def epsilon(value: float = 1e-6) -> Rule:
    """All terms share; z moves away from 0 by `value`, which takes part of the relevance, as does the bias.

    Raises:
      ValueError: value negative.
    """
    check(value, "epsilon")

    def rule(positive: Values, negative: Values, bias: Values) -> Values:
        total = positive - negative + bias
        return total + jnp.where(total < 0, -value, value).astype(total.dtype)

    return rule


def gamma(value: float = 0.25) -> Rule:
    """Terms of the sign of their sum, and such a bias, count 1 + `value` times.

    For neurons below a ReLU it is the rule of Montavon et al. (2019), for sums below 0 its mirror image.

    Raises:
      ValueError: value negative.
    """
    check(value, "gamma")

    def rule(positive: Values, negative: Values, bias: Values) -> Values:
        total = positive - negative + bias
        raised = total + value * (positive + jax.nn.relu(bias))
        return jnp.where(total < 0, total - value * (negative + jax.nn.relu(-bias)), raised)

    return rule


def z_plus(positive: Values, negative: Values, bias: Values) -> Values:
    """The positive terms share all of the relevance, and the bias has none."""
    del negative, bias
    return positive


def sharing(dense: Rule, convolution: Rule, *, boxed: bool) -> Neuron:
    """The neuron of layer-wise relevance propagation.

    Args:
      dense: the rule of neurons that lie on no grid.
      convolution: the rule of the others.
      boxed: whether the first layer has the rule z-plus, of inputs above a lower bound and below an upper one.
    """

    def neuron(came, before, after, *, first):
        rule = z_plus if boxed and first else dense if before.ndim == 2 else convolution
        bias = jax.lax.stop_gradient(before - (came.positive - came.negative))
        return from_both_signs(hand_on(rule(came.positive, came.negative, bias), before if after is None else after))

    return neuron


def check(value: float, name: str) -> None:
    """Raises ValueError unless the number of a rule is at least 0."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}({value}): expected a number, at least 0")
