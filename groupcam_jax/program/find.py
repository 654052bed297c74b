"""Which activation a user's `layer` means."""

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import SupportsIndex, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Var

from groupcam_jax.program.axes import Axes
from groupcam_jax.program.default import default_layer, shares_read
from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import LayerEntry, activations
from groupcam_jax.program.layout import find_grid, told_axes
from groupcam_jax.program.not_found import hidden_in_loop, listing, places_lost, told_layout
from groupcam_jax.program.scopes import scope_matches
from groupcam_jax.program.twins import beside, side_by_side, twins_of
from groupcam_jax.types import Layer, Model, Params


def list_layers(model_apply: Model, params: Params, image_shape: tuple[int, int, int]) -> list[LayerEntry]:
    """Lists the activations of a model in the order they are computed; each can be a `layer=` by index or scope.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      image_shape: `(h, w, c)` of one image.

    Returns:
      One `LayerEntry` per layer: index, scope, operation, shape without the batch, whether it is a cut, where it was
      written, and which of them is the default.
    """
    program = trace(model_apply, params, jax.ShapeDtypeStruct((1, *image_shape), jnp.float32))
    axes = label_axes(program)
    found = activations(program, axes)
    remarks = {entry.index: "places lost" for entry in found if entry.grid is None}
    if any(entry.is_cut and entry.grid for entry in found):
        default = default_layer(program, axes, found)
        remarks |= {**default.remarks, default.entry.index: ""} if default.lost else default.remarks
    return [dataclasses.replace(entry, remark=remarks.get(entry.index, "")) for entry in found]


def find_activation(program: Program, axes: Mapping[Var, Axes], layer: Layer) -> LayerEntry:
    """Finds the activation that a user's `Layer` means, by the rule given there.

    Raises:
      ValueError: no such activation, or one that the logits do not read; the message lists all.
      TypeError: the layer is neither a name nor an index.
    """
    told = layer.tokens_to_grid is not None or layer.data_format is not None
    found = activations(program, axes, told=told)
    if layer.at is None:
        fitting = [entry for one in found if (entry := laid_out(program, one, layer))]
        if not any(entry.is_cut and entry.grid for entry in fitting):
            raise ValueError(
                f"layer=None: everything flows through no spatial activation{beside(program, found)}; "
                f"name a layer. {listing(found)}"
            )
        default = default_layer(program, axes, fitting)
        if default.lost:
            raise ValueError(f"layer=None: the model goes on after {default.entry}, in {places_lost(default.lost)}")
        return default.entry
    entry = named(program, found, layer.at) if isinstance(layer.at, str) else indexed(found, layer.at)
    fitting = laid_out(program, entry, layer)
    if fitting is None:
        seen = (
            "the program does not tell a grid of it"
            if entry.grid is None
            else "the program shows {} x {}".format(*entry.grid.shape)
        )
        raise ValueError(f"layer {entry} is not laid out as {told_layout(layer)} says: {seen}")
    if fitting.grid is None:
        raise ValueError(f"layer {places_lost(entry)}")
    if not any(share for _, share in shares_read(program, [fitting])):
        below = [one for one in found if one.position < entry.position]
        others = [one for one, share in shares_read(program, below) if share][::-1]
        raise ValueError(
            f"layer {entry}: the logits read none of its places, for a class token, say, is read alone; "
            f"gradients there are 0. layer=None finds one that is read. {listing(others)}"
        )
    return fitting


def laid_out(program: Program, entry: LayerEntry, layer: Layer) -> LayerEntry | None:
    """An activation with its grid: what the program tells, and else what the user does; None if they disagree."""
    if layer.tokens_to_grid is None and layer.data_format is None:
        return entry
    batch = shape_of(program.images)[0]
    axes = told_axes(shape_of(entry.var), layer.tokens_to_grid, layer.data_format)
    grid = None if axes is None else find_grid(axes, batch)
    if grid is None:
        return None
    if entry.grid is None:
        return dataclasses.replace(entry, grid=grid)
    numbers = np.arange(np.prod(shape_of(entry.var))).reshape(shape_of(entry.var))
    return entry if np.array_equal(entry.grid.take(numbers)[0], grid.take(numbers)[0]) else None


def indexed(found: Sequence[LayerEntry], at: object) -> LayerEntry:
    """The activation of an index."""
    try:
        index = operator.index(cast(SupportsIndex, at))
    except TypeError:
        expected = "expected a scope name, an index, (features, head), Layer(...) or None"
        raise TypeError(f"layer={at!r}: {expected}. {listing(found)}") from None
    if not -len(found) <= index < len(found):
        raise ValueError(f"layer={index}: no such index. {listing(found)}")
    return found[index]


def named(program: Program, found: Sequence[LayerEntry], name: str) -> LayerEntry:
    """The last activation of a scope, unless another one was computed beside it in the same way."""
    matching = [entry for entry in found if scope_matches(entry.scope, name)]
    if not matching:
        raise ValueError(f"layer {name!r}: {hidden_in_loop(program, name)}. {listing(found)}")
    *_, last = [entry for entry in matching if entry.grid] or matching
    if twins := twins_of(program, matching, last):
        raise ValueError(f"layer {name!r}{side_by_side([*twins, last])}")
    return last
