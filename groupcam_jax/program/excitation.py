"""A second value for every variable of a model: its excitation, which only positive weights and inputs make.

Between nonlinearities the excitation is what the linear layers give with their negative weights and their biases left
out; after each nonlinearity it is the activation itself. With r the gradient of a seed in the excitation e of a
variable, e r is the probability that a winner takes its way through it (Zhang et al., arXiv:1608.00507, equation 4):
the gradient carries it through the linear layers by itself, and each nonlinearity hands it on to its input.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun, jaxprs_in_params

from groupcam_jax.program.backward import relu_input, zero_variables
from groupcam_jax.program.flat import Equation, Program, partition
from groupcam_jax.program.layers import VIEWS, variables
from groupcam_jax.types import Params

PRODUCTS = {"conv_general_dilated", "dot_general"}
SUMS = {"concatenate", "cumsum", "dynamic_slice", "gather", "reduce_sum", "reduce_window_sum", "select_n", "split"}
MAXIMA = {"max", "reduce_max", "reduce_window_max"}


def excite(program: Program, params: Params, images: Any, excitation: Any, *, negate_last: bool = False) -> Any:
    """Runs a program on values and excitations.

    Args:
      program: a model, or its head above a layer.
      params: its weights.
      images: its input.
      excitation: the excitation of the input, not negative.
      negate_last: whether the last linear layer's weights change their signs: what speaks against a class then excites.

    Returns:
      The excitation of the output `[n, classes]`, differentiable in that of the input.

    Raises:
      ValueError: an operation that has no rule; the message names it.
    """
    values: dict[Var, Any] = {**program.constants, **dict(zip(program.params, partition(params)[0], strict=True))}
    values[program.images] = images
    excitations = {program.images: excitation}
    zeros, last = zero_variables(eqn for _, eqn in program.equations), last_product(program)
    for position, (scope, eqn) in enumerate(program.equations):
        operands = [atom.val if isinstance(atom, Literal) else values[atom] for atom in eqn.invars]
        results = evaluate(program, eqn, operands)
        values.update(zip(eqn.outvars, results, strict=True))
        if excitations.keys().isdisjoint(variables(eqn.invars)):
            continue
        if not any(jnp.issubdtype(result.dtype, jnp.floating) for result in results):
            continue  # comparisons, by which a pooling selects, pass nothing on
        arrived = [None if isinstance(atom, Literal) else excitations.get(atom) for atom in eqn.invars]
        if relu_input(eqn, zeros) is not None or is_clip(eqn, arrived):
            (came,) = [one for one in arrived if one is not None]
            passed = [hand_on(came, jax.nn.relu(results[0]))]
        else:
            sign = -1 if negate_last and position == last else 1
            passed = excite_linear(program, Equation(scope, eqn), operands, arrived, sign)
        excitations.update(zip(eqn.outvars, passed, strict=True))
    return excitations[program.logits]


@jax.custom_vjp
def hand_on(came: Any, activation: Any) -> Any:
    """The excitation after a nonlinearity: its activation. Backward, each place takes all that its output won."""
    del came
    return activation


def hand_back(residuals: Any, gradient: Any) -> Any:
    """Makes (activation r) / came of r, 0 where nothing came."""
    came, activation = residuals
    share = gradient * activation / jnp.where(came > 0, came, 1)
    return jnp.where(came > 0, share, 0), jnp.zeros_like(activation)


hand_on.defvjp(lambda came, activation: (activation, (came, activation)), hand_back)


def excite_linear(
    program: Program, equation: Equation, operands: list[Any], arrived: list[Any], sign: int
) -> list[Any]:
    """The excitations that an equation without a nonlinearity makes of those that arrive."""
    eqn, name = equation.eqn, equation.eqn.primitive.name
    count = sum(one is not None for one in arrived)
    if name in ("add", "add_any"):
        return [sum(one for one in arrived if one is not None)]  # biases are left out
    if name == "sub":
        return [jnp.zeros_like(arrived[1]) if arrived[0] is None else arrived[0]]
    if name == "neg":
        return [jnp.zeros_like(arrived[0])]
    if name == "div" and arrived[1] is None:
        return [arrived[0] * jax.nn.relu(1 / operands[1])]
    if name in MAXIMA:
        floating = [jnp.zeros_like(o) if one is None else one for o, one in zip(operands, arrived, strict=True)]
        return jax.jvp(lambda *operands: evaluate(program, eqn, operands), operands, floating)[1]
    if (name == "mul" or is_product(eqn)) and count == 1:
        weights = [jax.nn.relu(sign * o) if one is None else one for o, one in zip(operands, arrived, strict=True)]
        return evaluate(program, eqn, weights)
    if name in VIEWS | SUMS:
        moved = [silent(o) if one is None else one for o, one in zip(operands, arrived, strict=True)]
        return evaluate(program, eqn, moved)
    raise ValueError(
        f"excitation_backprop has no rule for {name}{' of two activations' if count > 1 else ''} at "
        f"{equation.scope or 'the top level'!r}: it is defined for networks of linear layers, ReLUs and pooling. "
        "Methods that need no rule for it: grad_cam, group_cam; or choose a layer above it"
    )


def silent(operand: Any) -> Any:
    """An operand that no image reached: it excites nothing; integers and the like (indices, predicates) stay."""
    operand = jnp.asarray(operand)
    return jnp.zeros_like(operand) if jnp.issubdtype(operand.dtype, jnp.floating) else operand


def is_clip(eqn: JaxprEqn, arrived: list[Any]) -> bool:
    """Whether an equation bounds an activation by a constant: the upper bound of relu6."""
    return eqn.primitive.name in ("min", "clamp") and sum(one is not None for one in arrived) == 1


def is_product(eqn: JaxprEqn) -> bool:
    """Whether an equation is a product with weights, maybe within a function that has a derivative rule of its own."""
    return contains_product(eqn) if eqn.primitive.name == "custom_jvp_call" else eqn.primitive.name in PRODUCTS


def contains_product(eqn: JaxprEqn) -> bool:
    """Whether a product with weights lies in any of the functions that an equation calls."""
    inner = (eqn for jaxpr in jaxprs_in_params(eqn.params) for eqn in jaxpr.eqns)
    return any(one.primitive.name in PRODUCTS or contains_product(one) for one in inner)


def last_product(program: Program) -> int:
    """The position of the last product of an activation with weights; -1 if there is none."""
    reached, last = {program.images}, -1
    for position, (_, eqn) in enumerate(program.equations):
        if not reached.isdisjoint(variables(eqn.invars)):
            reached.update(eqn.outvars)
            last = position if is_product(eqn) else last
    return last


def evaluate(program: Program, eqn: JaxprEqn, operands: Any) -> list[Any]:
    """Computes one equation."""
    arguments: list[Any] = [Var(atom.aval) for atom in eqn.invars]
    jaxpr = Jaxpr(
        (), arguments, eqn.outvars, [eqn.replace(invars=arguments)], eqn.effects, debug_info=program.source.debug_info
    )
    return jaxpr_as_fun(ClosedJaxpr(jaxpr, ()))(*operands)
