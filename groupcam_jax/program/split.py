"""Cuts a model at a layer: `features` computes the activation, `head` the logits from it.

The gradient with respect to the activation is that of `head` alone: nothing below the layer is differentiated.
"""

from typing import NamedTuple

import jax
from jax.extend.core import Var

from groupcam_jax.program.crops import check_crop
from groupcam_jax.program.find import find_activation
from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.inline import Equation, dependent_on, equations_for, shape_of, variables
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import LayerEntry
from groupcam_jax.types import Features, Head, Images, Layer, LayerLike, Model, Params


class Parts(NamedTuple):
    """A model in two parts, and the name of the layer between them."""

    features: Features
    head: Head
    name: str


def split(
    model_apply: Model, params: Params, images: Images | jax.ShapeDtypeStruct, layer: LayerLike = None
) -> tuple[Features, Head]:
    """Cuts a model in two at a layer, without changing it: its convolutions run as they are written.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      images: `[n, h, w, c]`, an array or `jax.ShapeDtypeStruct`; the two functions are for images of this shape.
      layer: where to cut: what `Layer.at` may be, or a `Layer`.

    Returns:
      `features(params, images) -> (activation, skips)` with the activation `[n, u, v, k]` in either data format, and
      `head(params, activation, skips) -> logits`; skips are the values that bypass the layer, none at a cut.

    Raises:
      ValueError: no such layer, or it is not spatial.
      TypeError: the layer is none of the above.
    """
    features, head, _ = split_as_written(trace(model_apply, params, images), layer)
    return features, head


def split_as_written(program: Program, layer: LayerLike) -> Parts:
    """Cuts a traced model at a layer into parts that can be traced again: their operations are the model's own."""
    return split_program(program._replace(as_written=True), layer)


def split_program(program: Program, layer: LayerLike) -> Parts:
    """Cuts a traced model at a layer; see `split`."""
    layer = layer if isinstance(layer, Layer) else Layer(layer)
    if isinstance(layer.at, tuple):
        return Parts(*layer.at, "(features, head)")
    axes = label_axes(program)
    activation = find_activation(program, axes, layer)
    check_crop(program, axes, activation)
    return split_at(program, activation)


def split_at(program: Program, activation: LayerEntry) -> Parts:
    """Cuts a traced model at one of its activations that has a grid."""
    grid, shape = activation.grid, shape_of(activation.var)
    assert grid is not None
    above, skips = equations_above(program, activation)
    below = equations_for(program.equations[: activation.position + 1], [activation.var, *skips])
    run_features = program.function(below, [program.images], [activation.var, *skips])
    run_head = program.function(above, [activation.var, *skips], [program.logits])

    def features(params, images):
        value, *bypassing = run_features(params, images)
        places, others = grid.take(value)
        return places, (others, bypassing)

    def head(params, places, skips):
        others, bypassing = skips
        (logits,) = run_head(params, grid.put(places, others, shape), *bypassing)
        return logits

    return Parts(features, head, str(activation))


def equations_above(program: Program, activation: LayerEntry) -> tuple[list[Equation], list[Var]]:
    """The equations from the activation to the logits, and the values from below that they need besides it.

    Values that depend on the weights alone are computed again above: they are no skips.
    """
    below, above = program.equations[: activation.position + 1], program.equations[activation.position + 1 :]
    dependent = dependent_on(below, [program.images])
    weights_only = [equation for equation in below if dependent.isdisjoint(equation.eqn.outvars)]
    kept = equations_for([*weights_only, *above], [program.logits])
    read = {var: None for equation in kept for var in variables(equation.eqn.invars)}
    return kept, [var for var in read if var in dependent and var is not activation.var]
