"""Replaces the derivatives of a model's nonlinearities, so that the input times the gradient is the output (LibraGrad).

A linear layer is its own derivative, f(x) = f'(x) x, apart from biases; so is a ReLU, or a maximum. Other operations
are not, and a gradient through them tells less than it seems to. Mehri et al. (arXiv:2411.16760) give each the
derivative of the linear function that it is for this image:

    activation      f(x) = x (f(x) / x)         the ratio is constant
    softmax, gate   A v, sigmoid(u) v           the weights A, sigmoid(u) are constant
    normalisation   (x - mean) / deviation      the deviation is constant
    product         u v                         each factor takes one half

The values of the model stay what they are.
"""

import math

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Var
from jaxtyping import Array, Float

from groupcam_jax.division import divided
from groupcam_jax.program.calls import open_calls
from groupcam_jax.program.excitation_rules import MAXIMA, SUMS
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation, is_floating, values_of
from groupcam_jax.program.layers import PRODUCTS, VIEWS, operation
from groupcam_jax.program.params import partition
from groupcam_jax.program.relus import Activations, find_relus
from groupcam_jax.program.source import place_of
from groupcam_jax.program.uses import uses_of
from groupcam_jax.types import Images, Params

PRODUCT = {*PRODUCTS, "mul"}
# What is its own derivative, for each image.
HOMOGENEOUS = {
    *VIEWS,
    *SUMS,
    *MAXIMA,
    *("add", "add_any", "clamp", "cumlogsumexp", "cummax", "cummin", "dynamic_update_slice", "min", "neg"),
    *("reduce_min", "reduce_window_min", "scatter", "scatter-add", "select_and_gather_add", "sort", "sub", "top_k"),
}


def run_balanced(program: Program, params: Params, images: Images) -> Float[Array, "n classes"]:
    """Runs a program whose derivatives are balanced.

    Raises:
      ValueError: an operation without a rule; the message names it.
    """
    program = open_calls(program)
    found, uses = find_relus(program), uses_of(program.equations, [program.images])
    values = program.given(partition(params)[0], images)
    constant: set[Var] = set()  # values that depend on the image, and that no gradient passes
    for position, equation in enumerate(program.equations):
        eqn = equation.eqn
        operands = values_of(eqn.invars, values)
        moving = [var for var in uses.arrived(eqn) if var not in constant]
        name = eqn.primitive.name
        if moving and position not in found.entrywise and not is_discrete(eqn):
            if name in PRODUCT and len(moving) == 2:
                operands = [*map(halve, operands)]
            elif name == "div" and eqn.invars[1] in moving:
                operands[1] = jax.lax.stop_gradient(operands[1])
            elif name not in HOMOGENEOUS | PRODUCT | {"div"}:
                raise ValueError(no_balance(equation))
        results = program.run(equation, operands)
        if position in found.factors:
            results = [*map(jax.lax.stop_gradient, results)]
        elif (argument := argument_of(position, found, equation)) is not None:
            results = [proportional(values[argument], results[0])]
        if not moving or position in found.factors or is_discrete(eqn):
            constant.update(eqn.outvars)
        values.update(zip(eqn.outvars, results, strict=True))
    if program.logits in constant:
        raise ValueError("libragrad finds no way from the image to the logits that has a gradient; explain without it")
    return jnp.asarray(values[program.logits])


def argument_of(position: int, found: Activations, equation: Equation) -> Var | None:
    """What an activation that is not its own derivative is applied to."""
    if position in found.relus and math.isfinite(found.relus[position].bound):
        return found.relus[position].argument
    if position not in found.others:
        return None
    other = found.others[position]
    if not abs(other.at_zero) < 1e-6:
        raise ValueError(no_balance(equation))
    return other.argument


def is_discrete(eqn: JaxprEqn) -> bool:
    """Whether an equation gives indices, comparisons and the like, which have no derivative."""
    return not any(map(is_floating, eqn.outvars))


def halve(operand: Array) -> Array:
    """The operand itself, with half its derivative."""
    return operand / 2 + jax.lax.stop_gradient(operand / 2)


@jax.custom_jvp
def proportional(argument: Array, result: Array) -> Array:
    """The result, as if it were a constant multiple of the argument."""
    del argument
    return result


@proportional.defjvp
def proportional_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Multiplies by result / argument, which is constant; 0 where the argument is 0."""
    argument, result = primals
    return result, divided(result, argument) * tangents[0]


def no_balance(equation: Equation) -> str:
    """Says which operation has no rule, and where it was written."""
    place = place_of(equation.scope, equation.eqn)
    return f"libragrad has no rule for {operation(equation.eqn)} at {place}; explain the model without libragrad"
