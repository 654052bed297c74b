"""The layers of a traced model: its activations, which of them everything flows through, and which one a name means.

An activation is a floating value `[n, ., ., .]` or `[n, tokens, channels]` that depends on the images and that a user
would name: not a mere view of another one (reshape, pad, ...), and not a partial result that only the next sum or
product of its own module reads (a convolution before its bias).
"""

import dataclasses
import math
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal, Var, jaxprs_in_params

from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.scopes import join_scopes, scope_matches, scope_of
from groupcam_jax.types import Model, Params

VIEWS = {
    *("broadcast_in_dim", "convert_element_type", "copy", "expand_dims", "name", "optimization_barrier", "pad"),
    *("reduce_precision", "reshape", "rev", "sharding_constraint", "slice", "squeeze", "stop_gradient", "transpose"),
}
ARITHMETIC = {"add", "add_any", "div", "mul", "sub"}


@dataclasses.dataclass(frozen=True)
class Activation:
    """One line of `list_layers`.

    `shape` is without the batch; at a cut nothing bypasses the activation; `position` is that of its equation.
    """

    index: int
    scope: str
    primitive: str
    shape: tuple[int, ...]
    is_cut: bool
    position: int
    var: Var

    def __str__(self) -> str:
        return f"{self.index} '{self.scope}' {[*self.shape]}"


def list_layers(model_apply: Model, params: Params, image_shape: tuple[int, int, int]) -> list[Activation]:
    """Lists the activations of a model in the order they are computed; each can be a `layer=` by index or scope.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      image_shape: `(h, w, c)` of one image.

    Returns:
      One `Activation` a layer: index, scope, primitive, shape without the batch, whether it is a cut.
    """
    return activations(trace(model_apply, params, jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)))


def activations(program: Program) -> list[Activation]:
    """Lists the activations of a traced model; see `list_layers`."""
    batch = shape_of(program.images)[0]
    last_use = last_uses(program)
    readers = Counter(id(atom) for _, eqn in program.equations for atom in eqn.invars)
    dependent, alive_until, found = {program.images}, last_use[program.images], []
    for position, (scope, eqn) in enumerate(program.equations):
        if dependent.isdisjoint(variables(eqn.invars)):
            continue
        dependent.update(eqn.outvars)
        for var in eqn.outvars:
            shape, is_cut = shape_of(var), alive_until <= position
            alive_until = max(alive_until, last_use.get(var, -1))
            if (
                len(shape) in (3, 4)
                and shape[0] == batch
                and var in last_use
                and eqn.primitive.name not in VIEWS
                and not is_partial(program, position, var, readers)
            ):
                found.append(Activation(len(found), scope, eqn.primitive.name, shape[1:], is_cut, position, var))
    return found


def shape_of(var: Var) -> tuple[int, ...]:
    """The shape of a floating variable; () for integers, keys and the like, which are no activations."""
    aval: Any = var.aval
    return aval.shape if jnp.issubdtype(getattr(aval, "dtype", jnp.int32), jnp.floating) else ()


def last_uses(program: Program) -> dict[Var, int]:
    """The position of the last equation that reads each variable on the way to the logits; unread ones are left out."""
    last_use = {program.logits: len(program.equations)}
    for position, (_, eqn) in reversed([*enumerate(program.equations)]):
        if any(var in last_use for var in eqn.outvars):
            for var in variables(eqn.invars):
                last_use.setdefault(var, position)
    return last_use


def is_partial(program: Program, position: int, var: Var, readers: Counter[int]) -> bool:
    """Whether the only reader of a value, views apart, is a sum or product in the same scope."""
    scope = program.equations[position].scope
    for reader_scope, eqn in program.equations[position + 1 :]:
        if var in variables(eqn.invars):
            if readers[id(var)] > 1 or reader_scope != scope:
                return False
            if eqn.primitive.name not in VIEWS:
                return eqn.primitive.name in ARITHMETIC
            (var,) = eqn.outvars
    return False


def variables(atoms: Any) -> list[Var]:
    """The variables among atoms, literals left out."""
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def find_activation(
    program: Program, layer: str | int | None, tokens_to_grid: tuple[int, int] | None, data_format: str
) -> Activation:
    """Finds the activation that a user's `layer` means; see `split` for the rule.

    Raises:
      ValueError: there is none; the message lists those there are.
    """
    found = activations(program)
    if isinstance(layer, int):
        if not -len(found) <= layer < len(found):
            raise ValueError(f"layer={layer}: no such index. {listing(found)}")
        return found[layer]
    if layer is not None:
        matching = [activation for activation in found if scope_matches(activation.scope, layer)]
        if not matching:
            raise ValueError(f"layer {layer!r}: {hidden_in_loop(program, layer)}. {listing(found)}")
        return matching[-1]
    cuts = [activation for activation in found if activation.is_cut]
    if tokens_to_grid is not None:
        wanted = [cut for cut in cuts if len(cut.shape) == 2 and cut.shape[0] >= math.prod(tokens_to_grid)]
    else:
        space = slice(0, 2) if data_format == "NHWC" else slice(1, 3)
        spatial = [cut for cut in cuts if len(cut.shape) == 3]
        # A pooled activation [1, 1, channels] shows nothing, unless the image is that small.
        wanted = [cut for cut in spatial if max(cut.shape[space]) > 1] or spatial
        if wanted and len(cuts[-1].shape) == 2:
            raise ValueError(
                f"this looks like a model of tokens: after its last spatial activation comes {cuts[-1]}; "
                "name a layer of tokens with tokens_to_grid=(height, width), or a spatial one with layer=..."
            )
    if not wanted:
        raise ValueError(f"layer=None: everything flows through no spatial activation; name a layer. {listing(found)}")
    return wanted[-1]


def listing(found: list[Activation]) -> str:
    """Names the last activation of each scope in an error message."""
    if not found:
        return "The model has no activations [h, w, channels] outside loops"
    last = {activation.scope: activation for activation in found}
    return "The model's activations are (the last of each scope): " + ", ".join(map(str, last.values()))


def hidden_in_loop(program: Program, layer: str) -> str:
    """Says why no activation has this scope: it lies within a loop or branch, or there is no such scope."""
    for scope, eqn in program.equations:
        for inner in jaxprs_in_params(eqn.params):
            if any(scope_matches(path, layer) for path in scopes_within(inner, scope)):
                return (
                    f"it lies within the {eqn.primitive.name} at {scope or 'the top level'!r}, and no model can be cut "
                    "inside a loop or branch; choose a layer outside, unroll it, or pass layer=(features, head)"
                )
    return "no such scope"


def scopes_within(jaxpr: Jaxpr, scope: str) -> list[str]:
    """The scopes of all equations inside a loop's body, nested ones too."""
    scopes = []
    for eqn in jaxpr.eqns:
        scopes.append(join_scopes(scope, scope_of(eqn)))
        for inner in jaxprs_in_params(eqn.params):
            scopes += scopes_within(inner, scopes[-1])
    return scopes
