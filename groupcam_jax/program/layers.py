"""The layers of a traced model: its activations, and which of them nothing bypasses.

An activation is a floating value `[n, ., ., .]` or `[n, tokens, channels]` that depends on the images. It is not a
mere view of another (reshape, pad, ...), nor a partial result that only the next sum or product of its own module reads
(a convolution before its bias).
"""

import dataclasses
from collections import Counter

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.inline import variables
from groupcam_jax.types import Model, Params

VIEWS = {
    *("broadcast_in_dim", "convert_element_type", "copy", "expand_dims", "name", "optimization_barrier", "pad"),
    *("pvary", "reduce_precision", "reshape", "rev", "sharding_constraint", "slice", "squeeze", "stop_gradient"),
    "transpose",
}
PRODUCTS = {"conv_general_dilated", "dot_general"}
ARITHMETIC = {"add", "add_any", "div", "mul", "sub"}


@dataclasses.dataclass(frozen=True)
class LayerEntry:
    """One line of `list_layers`.

    `operation` computes it, at `position` in the program. `shape` leaves out the batch. If `is_cut`, nothing bypasses
    the activation.
    """

    index: int
    scope: str
    operation: str
    shape: tuple[int, ...]
    is_cut: bool
    position: int
    var: Var

    def __str__(self) -> str:
        return f"{self.index} '{self.scope}' {[*self.shape]}"


def list_layers(model_apply: Model, params: Params, image_shape: tuple[int, int, int]) -> list[LayerEntry]:
    """Lists the activations of a model in the order they are computed; each can be a `layer=` by index or scope.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      image_shape: `(h, w, c)` of one image.

    Returns:
      One `LayerEntry` per layer: index, scope, operation, shape without the batch, whether it is a cut.
    """
    return activations(trace(model_apply, params, jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)))


def activations(program: Program) -> list[LayerEntry]:
    """Lists the activations of a traced model; see `list_layers`.

    Raises:
      ValueError: the logits do not depend on the images.
    """
    batch = shape_of(program.images)[0]
    last_use = last_uses(program)
    if program.images not in last_use:
        raise ValueError("the model's logits do not depend on the images: there is nothing to explain")
    readers = Counter(id(atom) for _, eqn, _ in program.equations for atom in eqn.invars)
    dependent, alive_until, found = {program.images}, last_use[program.images], []
    for position, (scope, eqn, _) in enumerate(program.equations):
        if dependent.isdisjoint(variables(eqn.invars)):
            continue
        dependent.update(eqn.outvars)
        until = {var: last_use.get(var, -1) for var in eqn.outvars}
        for var in eqn.outvars:
            beside = max([alive_until, *(end for other, end in until.items() if other is not var)])
            shape, is_cut = shape_of(var), beside <= position
            if (
                len(shape) in (3, 4)
                and shape[0] == batch
                and var in last_use
                and eqn.primitive.name not in VIEWS
                and not is_partial(program, position, var, readers)
            ):
                found.append(LayerEntry(len(found), scope, operation(eqn), shape[1:], is_cut, position, var))
        alive_until = max([alive_until, *until.values()])
    return found


def operation(eqn: JaxprEqn) -> str:
    """The name of an equation's primitive, or of the function with a custom derivative that it calls."""
    inner = eqn.params["call_jaxpr"].eqns if eqn.primitive.name == "custom_jvp_call" else []
    return inner[0].params.get("name", eqn.primitive.name) if inner else eqn.primitive.name


def shape_of(var: Var) -> tuple[int, ...]:
    """The shape of a floating variable; () for integers, keys and the like, which are no activations."""
    floating = jnp.issubdtype(getattr(var.aval, "dtype", jnp.int32), jnp.floating)
    return getattr(var.aval, "shape", ()) if floating else ()


def last_uses(program: Program) -> dict[Var, int]:
    """The position of the last equation that reads each variable on the way to the logits; unread ones are left out."""
    last_use = {program.logits: len(program.equations)}
    for position, (_, eqn, _) in reversed([*enumerate(program.equations)]):
        if any(var in last_use for var in eqn.outvars):
            for var in variables(eqn.invars):
                last_use.setdefault(var, position)
    return last_use


def is_partial(program: Program, position: int, var: Var, readers: Counter[int]) -> bool:
    """Whether the only reader of a value, apart from views, is a sum or product in the same scope."""
    scope = program.equations[position].scope
    for reader_scope, eqn, _ in program.equations[position + 1 :]:
        if var in variables(eqn.invars):
            if readers[id(var)] > 1 or reader_scope != scope:
                return False
            if eqn.primitive.name not in VIEWS:
                return eqn.primitive.name in ARITHMETIC
            (var,) = eqn.outvars
    return False
