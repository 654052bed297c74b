"""Replaces the backward rule of a model's ReLUs, in its flat program; the model itself is not changed.

ReLUs are known by what they compute, see `relus`; the guard of a variance, max(0, variance), is none. Other activation
functions are refused: no paper gives a rule for them. ReLUs inside loops, branches and functions with a custom
derivative cannot be reached and are refused too: a map that mixes old and new rules would look right and mean nothing.
Gates (sigmoid, tanh) keep their derivative.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation, inline
from groupcam_jax.program.relus import activations_inside, find_relus, first_of, no_rule
from groupcam_jax.program.source import source_of

Values = Float[Array, "..."]
Passes = Bool[Array, "..."]  # where a ReLU passes gradients
BackwardRule = Callable[[Passes, Values], Values]


def replace_relu_rule(program: Program, rule: BackwardRule, method: str) -> Program:
    """Gives every ReLU of a program another backward rule.

    Args:
      program: the model.
      rule: `(whether the gradient passes here, cotangent of the output) -> cotangent of the input`.
      method: name of the method, for the message.

    Returns:
      The same function with other derivatives.

    Raises:
      ValueError: the model has another activation function, such as gelu, a ReLU out of reach, or no ReLU.
    """
    activations = find_relus(program)
    if activations.others:
        raise ValueError(no_rule(method, program.equations[first_of(activations.others)]))
    constants, equations, replaced = dict(program.constants), [], 0
    for position, (scope, eqn, remat) in enumerate(program.equations):
        if position not in activations.entrywise:
            inside = activations_inside(eqn)
            if inside.others:
                raise ValueError(no_rule(method, Equation(scope, eqn, remat)))
            if inside.relus:
                hidden = f"{method} cannot change the rule of a ReLU inside {eqn.primitive.name}"
                raise ValueError(f"{hidden}; one is at {scope or 'the top level'!r} ({source_of(eqn)})")
        relu = activations.relus.get(position)
        if relu is not None:
            clip = jax.make_jaxpr(clip_with_rule(rule, relu.bound))(relu.argument.aval)
            ((_, new, _),), _ = inline(clip, [relu.argument], eqn, constants)
            eqn, replaced = new.replace(outvars=eqn.outvars), replaced + 1
        equations.append(Equation(scope, eqn, remat))
    if not replaced:
        raise ValueError(f"{method} changes the backward rule of ReLUs, and the model has none: nothing would change")
    return program._replace(equations=equations, constants=constants)


def clip_with_rule(rule: BackwardRule, bound: float) -> Callable[[Values], Values]:
    """A ReLU, bounded above or not, with this backward rule."""

    @jax.custom_vjp
    def clip(x):
        return jnp.clip(x, 0, bound)

    clip.defvjp(lambda x: (clip(x), x), lambda x, cotangent: (rule((x > 0) & (x < bound), cotangent),))
    return clip
