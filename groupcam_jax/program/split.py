"""Cuts a model at a layer: `features` computes the activation, `head` the logits from it.

The gradient with respect to the activation is that of `head` alone: nothing below the layer is differentiated.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
from jax.extend.core import Var
from jaxtyping import Array, Float, PyTree

from groupcam_jax.program.find import find_activation
from groupcam_jax.program.flat import Program, trace
from groupcam_jax.program.inline import Equation, variables
from groupcam_jax.program.layers import LayerEntry
from groupcam_jax.program.layout import grid_layout
from groupcam_jax.types import Activations, Images, Model, Params

Skips: TypeAlias = PyTree
Features = Callable[[Params, Images], tuple[Activations, Skips]]
Head = Callable[[Params, Activations, Skips], Float[Array, "n classes"]]


@dataclasses.dataclass(frozen=True)
class Layer:
    """Where to cut a model, if a name or an index is not enough.

    Attributes:
      at: a scope name (the last activation within that scope), an index of `list_layers`, None for the last spatial
        activation that nothing bypasses, or a pair of functions `(features, head)`, see `split`.
      tokens_to_grid: for activations `[n, tokens, channels]`: height and width of the grid that the last tokens form;
        those before them (a class token) bypass the layer.
      data_format: how the model lays out its activations: "NHWC", or "NCHW" for channel-first ones.
    """

    at: str | int | tuple[Features, Head] | None = None
    tokens_to_grid: tuple[int, int] | None = None
    data_format: str = "NHWC"

    def __post_init__(self) -> None:
        if isinstance(self.at, tuple) and (len(self.at) != 2 or not all(map(callable, self.at))):
            raise TypeError(f"layer={self.at!r:.80}: of a pair, expected the functions (features, head)")
        if self.data_format not in ("NHWC", "NCHW"):
            raise ValueError(f"data_format={self.data_format!r}: expected 'NHWC' or 'NCHW'")


class Parts(NamedTuple):
    """A model in two parts, and the name of the layer between them."""

    features: Features
    head: Head
    name: str


LayerLike: TypeAlias = Layer | str | int | tuple[Features, Head] | None


def split(
    model_apply: Model, params: Params, images: Images | jax.ShapeDtypeStruct, layer: LayerLike = None
) -> tuple[Features, Head]:
    """Cuts a model in two at a layer, without changing it.

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
    features, head, _ = split_program(trace(model_apply, params, images), layer)
    return features, head


def split_program(program: Program, layer: LayerLike) -> Parts:
    """Cuts a traced model at a layer; see `split`."""
    layer = layer if isinstance(layer, Layer) else Layer(layer)
    if isinstance(layer.at, tuple):
        return Parts(*layer.at, "(features, head)")
    activation = find_activation(program, layer.at, layer.tokens_to_grid, layer.data_format)
    to_grid, from_grid = grid_layout(activation, layer.tokens_to_grid, layer.data_format)
    above, skips = equations_above(program, activation)
    below = equations_for(program.equations[: activation.position + 1], [activation.var, *skips])
    run_features = program.function(below, [program.images], [activation.var, *skips])
    run_head = program.function(above, [activation.var, *skips], [program.logits])

    def features(params, images):
        value, *bypassing = run_features(params, images)
        grid, prefix = to_grid(value)
        return grid, (prefix, bypassing)

    def head(params, grid, skips):
        prefix, bypassing = skips
        (logits,) = run_head(params, from_grid(grid, prefix), *bypassing)
        return logits

    return Parts(features, head, str(activation))


def equations_for(equations: Sequence[Equation], outputs: Sequence[Var]) -> list[Equation]:
    """The equations that the outputs need."""
    needed, kept = set(outputs), []
    for equation in reversed(equations):
        if not needed.isdisjoint(equation.eqn.outvars):
            needed.update(variables(equation.eqn.invars))
            kept.append(equation)
    return kept[::-1]


def equations_above(program: Program, activation: LayerEntry) -> tuple[list[Equation], list[Var]]:
    """The equations from the activation to the logits, and the values from below that they need besides it.

    Values that depend on the weights alone are computed again above: they are no skips.
    """
    dependent = {program.images}
    for _, eqn, _ in program.equations[: activation.position + 1]:
        if not dependent.isdisjoint(variables(eqn.invars)):
            dependent.update(eqn.outvars)
    weights_only = [e for e in program.equations[: activation.position + 1] if dependent.isdisjoint(e.eqn.outvars)]
    kept = equations_for([*weights_only, *program.equations[activation.position + 1 :]], [program.logits])
    read = {var: None for equation in kept for var in variables(equation.eqn.invars)}
    return kept, [var for var in read if var in dependent and var is not activation.var]
