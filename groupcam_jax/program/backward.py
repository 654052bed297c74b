"""Replaces the backward rule of a model's ReLUs, in its flat program; the model itself is not changed.

A ReLU is `jax.nn.relu`, `jax.nn.relu6` or `max(x, 0)`. One that is only used to take a square root is left alone: it
guards the variance of a normalisation. Smooth activations are refused: no paper gives a rule for them. ReLUs inside
loops, branches and functions with a custom derivative cannot be reached and are refused too: a map that mixes old and
new rules would look right and mean nothing. Gates (sigmoid, tanh) keep their derivative.
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var, jaxprs_in_params
from jaxtyping import Array, Bool, Float

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, Equation, inline, variables
from groupcam_jax.program.layers import VIEWS, operation

Values = Float[Array, "..."]
Passes = Bool[Array, "..."]  # where a ReLU passes gradients
BackwardRule = Callable[[Passes, Values], Values]
SMOOTH = {
    *("celu", "elu", "gelu", "glu", "hard_silu", "hard_swish", "leaky_relu", "log_sigmoid", "mish", "selu", "silu"),
    *("soft_sign", "softplus", "squareplus", "swish"),
}


def replace_relu_rule(program: Program, rule: BackwardRule, method: str) -> Program:
    """Gives every ReLU of a program another backward rule.

    Args:
      program: the model.
      rule: `(whether the gradient passes here, cotangent of the output) -> cotangent of the input`.
      method: name of the method, for the message.

    Returns:
      The same function with other derivatives.

    Raises:
      ValueError: the model has a smooth activation, such as gelu or silu, a ReLU out of reach, or no ReLU.
    """
    zeros = zero_variables(equation.eqn for equation in program.equations)
    constants, equations, replaced = dict(program.constants), [], 0
    for position, (scope, eqn, remat) in enumerate(program.equations):
        place = f"at {scope or 'the top level'!r}. grad_cam, integrated_gradients and group_cam need no rule for it"
        if name := next(filter(None, map(smooth_activation, [eqn, *inner_equations(eqn)])), ""):
            raise ValueError(f"{method} is defined for networks of ReLUs; this one has {name} {place}")
        x = relu_input(eqn, zeros)
        if x is None and any(map(holds_relu, jaxprs_in_params(eqn.params))):
            raise ValueError(f"{method} cannot change the rule of a ReLU inside {eqn.primitive.name}; one is {place}")
        if x is not None and not only_rooted(program, position):
            bound = 6.0 if operation(eqn) == "relu6" else jnp.inf
            ((_, new, _),), _ = inline(jax.make_jaxpr(clip_with_rule(rule, bound))(x.aval), [x], eqn, constants)
            eqn, replaced = new.replace(outvars=eqn.outvars), replaced + 1
        equations.append(Equation(scope, eqn, remat))
    if not replaced:
        raise ValueError(
            f"{method} changes the backward rule of ReLUs, and the model has none: nothing would change. "
            "A ReLU is jax.nn.relu, jax.nn.relu6 or jnp.maximum(x, 0)"
        )
    return program._replace(equations=equations, constants=constants)


def inner_equations(eqn: JaxprEqn) -> Iterator[JaxprEqn]:
    """The equations inside a loop, a branch or a call, at any depth."""
    for jaxpr in jaxprs_in_params(eqn.params):
        for inner in jaxpr.eqns:
            yield inner
            yield from inner_equations(inner)


def holds_relu(jaxpr: Jaxpr) -> bool:
    """Whether a ReLU is among the equations of a loop, a branch or a call, at any depth."""
    zeros = zero_variables(jaxpr.eqns)
    return any(
        relu_input(eqn, zeros) is not None or any(map(holds_relu, jaxprs_in_params(eqn.params))) for eqn in jaxpr.eqns
    )


def only_rooted(program: Program, position: int) -> bool:
    """Whether the output of an equation is only used, apart from views and sums, to take its square root."""
    awaited, rooted = set(program.equations[position].eqn.outvars), False
    for _, eqn, _ in program.equations[position + 1 :]:
        if awaited.isdisjoint(variables(eqn.invars)):
            continue
        if eqn.primitive.name in ("sqrt", "rsqrt"):
            rooted = True
        elif eqn.primitive.name in {"add", *VIEWS}:
            awaited.update(eqn.outvars)
        else:
            return False
    return rooted and program.logits not in awaited


def clip_with_rule(rule: BackwardRule, bound: float) -> Callable[[Values], Values]:
    """A ReLU, bounded above or not, with this backward rule."""

    @jax.custom_vjp
    def clip(x):
        return jnp.clip(x, 0, bound)

    clip.defvjp(lambda x: (clip(x), x), lambda x, cotangent: (rule((x > 0) & (x < bound), cotangent),))
    return clip


def smooth_activation(eqn: JaxprEqn) -> str:
    """The name of the smooth activation that an equation is part of; '' if there is none.

    Some, such as `jax.nn.gelu`, leave no name in the program: the equation's traceback names the function behind it.
    """
    traceback = eqn.source_info.traceback
    functions = {frame.function_name for frame in traceback.frames} if traceback else set()
    return next(iter(SMOOTH & {operation(eqn), *functions}), "")


def zero_variables(equations: Iterable[JaxprEqn]) -> set[Var]:
    """The variables that hold only zeros: a zero converted or broadcast to a shape."""
    zeros: set[Var] = set()
    for eqn in equations:
        if eqn.primitive.name in ("broadcast_in_dim", "convert_element_type", "pvary") and is_zero(
            eqn.invars[0], zeros
        ):
            zeros.update(eqn.outvars)
    return zeros


def is_zero(atom: Atom, zeros: set[Var]) -> bool:
    """Whether an operand is 0 in every place."""
    return jnp.shape(atom.val) == () and bool(atom.val == 0) if isinstance(atom, Literal) else atom in zeros


def relu_input(eqn: JaxprEqn, zeros: set[Var]) -> Atom | None:
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
