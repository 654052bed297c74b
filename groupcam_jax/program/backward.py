"""Other backward rules for a model's ReLUs, put into its flat program: the model itself is not touched.

A ReLU is `jax.nn.relu`, `jax.nn.relu6` or `max(x, 0)`. Smooth activations have no rule that any paper gives, and are
refused: with a plain derivative among changed ones the map would look right and mean nothing.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Literal, Var

from groupcam_jax.program.flat import Equation, Program, inline
from groupcam_jax.program.layers import operation

Rule = Callable[[Any, Any], Any]
SMOOTH = {
    *("celu", "elu", "gelu", "glu", "hard_silu", "hard_swish", "leaky_relu", "log_sigmoid", "mish", "selu", "silu"),
    *("soft_sign", "softplus", "squareplus", "swish"),
}


def replace_relu_rule(program: Program, rule: Rule, method: str) -> Program:
    """Gives every ReLU of a program another backward rule.

    Args:
      program: the model.
      rule: `(whether the gradient passes here, cotangent of the output) -> cotangent of the input`.
      method: who asks, for the message.

    Returns:
      The same function with other derivatives.

    Raises:
      ValueError: the model has a smooth activation, such as gelu or silu, or no ReLU at all.
    """
    zeros, constants, equations, replaced = zero_variables(program), dict(program.constants), [], 0
    for scope, eqn in program.equations:
        if name := smooth_activation(eqn):
            raise ValueError(
                f"{method} is defined for networks of ReLUs; this one has {name} at {scope or 'the top level'!r}. "
                "grad_cam, integrated_gradients and group_cam need no rule for it"
            )
        x = relu_input(eqn, zeros)
        if x is not None:
            bound = 6.0 if operation(eqn) == "relu6" else jnp.inf
            abstract = jax.ShapeDtypeStruct(x.aval.shape, x.aval.dtype)
            ((_, new),), _ = inline(jax.make_jaxpr(clip_with_rule(rule, bound))(abstract), [x], eqn, constants)
            eqn, replaced = new.replace(outvars=eqn.outvars), replaced + 1
        equations.append(Equation(scope, eqn))
    if not replaced:
        raise ValueError(
            f"{method} changes the backward rule of ReLUs, and the model has none outside loops: nothing would change. "
            "A ReLU is jax.nn.relu, jax.nn.relu6 or jnp.maximum(x, 0)"
        )
    return program._replace(equations=equations, constants=constants)


def clip_with_rule(rule: Rule, bound: float) -> Callable[[Any], Any]:
    """A ReLU, bounded above or not, that goes backward by a rule."""

    @jax.custom_vjp
    def clip(x):
        return jnp.clip(x, 0, bound)

    clip.defvjp(lambda x: (clip(x), x), lambda x, cotangent: (rule((x > 0) & (x < bound), cotangent),))
    return clip


def smooth_activation(eqn: JaxprEqn) -> str:
    """The name of the smooth activation that an equation is part of, '' if it is none.

    Some, such as `jax.nn.gelu`, leave no name in the program: the equation's traceback tells what function wrote it.
    """
    traceback: Any = eqn.source_info.traceback
    functions = {frame.function_name for frame in traceback.frames} if traceback else set()
    return next(iter(SMOOTH & {operation(eqn), *functions}), "")


def zero_variables(program: Program) -> set[Var]:
    """The variables that hold nothing but zeros: a zero converted, or broadcast to a shape."""
    zeros: set[Var] = set()
    for _, eqn in program.equations:
        if eqn.primitive.name in ("broadcast_in_dim", "convert_element_type") and is_zero(eqn.invars[0], zeros):
            zeros.update(eqn.outvars)
    return zeros


def is_zero(atom: Any, zeros: set[Var]) -> bool:
    """Whether an operand is 0 in every place."""
    return jnp.shape(atom.val) == () and bool(atom.val == 0) if isinstance(atom, Literal) else atom in zeros


def relu_input(eqn: JaxprEqn, zeros: set[Var]) -> Any:
    """The x of an equation that computes relu(x), with or without an upper bound; None for any other equation."""
    if eqn.primitive.name == "custom_jvp_call" and operation(eqn) in ("relu", "relu6"):
        return eqn.invars[0]
    if eqn.primitive.name == "max":
        left, right = eqn.invars
        if is_zero(right, zeros) and isinstance(left, Var):
            return left
        if is_zero(left, zeros) and isinstance(right, Var):
            return right
    return None
