"""How linear equations pass on excitations: the terms that raise their output apart from those that lower it.

Biases are ignored. A product with weights and the constant factors around it, such as those of a batch norm that is not
folded, are one linear layer with one sign per weight: a negative factor turns what lowers the output into excitation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn
from jaxtyping import Array

from groupcam_jax.program.backward import Values
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation
from groupcam_jax.program.layers import PRODUCTS, VIEWS, holds_product

SUMS = {
    *("concatenate", "cumsum", "dynamic_slice", "gather", "reduce_sum", "reduce_window_sum", "select_n", "split"),
    *("stack", "unstack"),
}
MAXIMA = {"max", "reduce_max", "reduce_window_max"}


class Excitation(NamedTuple):
    """What excites a variable.

    Attributes:
      positive: the excitation: the sum of all positive terms, inputs times weights.
      negative: what it would be if all weights since the last neuron were negated.
      weighted: whether there was a product with weights since; a second one starts a new layer.
    """

    positive: Values
    negative: Values
    weighted: bool = False

    def map(self, function: Callable[[Values], Values]) -> "Excitation":
        """Applies a function that is linear and has no negative weights."""
        return self._replace(positive=function(self.positive), negative=function(self.negative))

    def negated(self) -> "Excitation":
        """The excitation of the variable times -1."""
        return self._replace(positive=self.negative, negative=self.positive)

    def plus(self, other: "Excitation") -> "Excitation":
        """The excitation of the sum of two variables."""
        weighted = self.weighted or other.weighted
        return Excitation(self.positive + other.positive, self.negative + other.negative, weighted)


def unweighted(activation: Values) -> Excitation:
    """The excitation of an activation that is not negative."""
    return Excitation(activation, jnp.zeros_like(activation))


def from_both_signs(activation: Values) -> Excitation:
    """The excitation of an activation of any sign."""
    return Excitation(jax.nn.relu(activation), jax.nn.relu(-activation))


def excite_linear(
    program: Program,
    equation: Equation,
    operands: list[Any],
    arrived: list[Excitation | None],
    refusal: Callable[[Equation], str],
) -> list[Excitation]:
    """Passes the excitations that arrive through an equation without a nonlinearity."""
    name = equation.eqn.primitive.name
    came = [one for one in arrived if one is not None]

    def with_operands(replace: Callable[[Any, Excitation | None], Any]) -> list[Values]:
        return program.run(equation, [replace(o, one) for o, one in zip(operands, arrived, strict=True)])

    if name in ("add", "add_any"):
        return [came[0] if len(came) == 1 else came[0].plus(came[1])]  # biases are left out
    if name == "sub":
        signed = [one.negated() if side else one for side, one in enumerate(arrived) if one is not None]
        return [signed[0] if len(signed) == 1 else signed[0].plus(signed[1])]
    if name == "neg":
        return [came[0].negated()]
    if (name == "mul" and len(came) == 1) or (name == "div" and arrived[1] is None):
        factor = next(o for o, one in zip(operands, arrived, strict=True) if one is None)
        factor = 1 / factor if name == "div" else factor
        kept, turned = (came[0].map(lambda part, s=s: part * jax.nn.relu(s)) for s in (factor, -factor))
        return [kept.plus(turned.negated())]
    if is_product(equation.eqn) and len(came) == 1:

        def product(part: Values, sign: int) -> Values:
            return with_operands(lambda o, one: part if one else jax.nn.relu(sign * o))[0]

        positive, negative = (product(came[0].positive, sign) + product(came[0].negative, -sign) for sign in (1, -1))
        return [Excitation(positive, negative, weighted=True)]
    if name in VIEWS | SUMS | MAXIMA:
        weighted = any(one.weighted for one in came)
        parts = []
        for part in ("positive", "negative"):
            moved = [getattr(one, part) if one else silent(o) for o, one in zip(operands, arrived, strict=True)]
            if name in MAXIMA:
                parts.append(jax.jvp(lambda *operands: program.run(equation, operands), operands, moved)[1])
            else:
                parts.append(program.run(equation, moved))
        return [Excitation(positive, negative, weighted) for positive, negative in zip(*parts, strict=True)]
    raise ValueError(refusal(equation))


def silent(operand: Any) -> Array:
    """Zeros for an operand that no image reaches; integers and the like (indices, predicates) stay."""
    operand = jnp.asarray(operand)
    return jnp.zeros_like(operand) if jnp.issubdtype(operand.dtype, jnp.floating) else operand


def is_product(eqn: JaxprEqn) -> bool:
    """Whether an equation is a product with weights, maybe inside a function with a custom derivative."""
    return eqn.primitive.name in {*PRODUCTS, "custom_jvp_call"} and holds_product(eqn)
