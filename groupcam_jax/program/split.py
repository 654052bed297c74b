"""Cutting a model at a layer: `features` computes the activation, `head` goes on from it to the logits.

The gradient of a score in the activation is then that of `head` alone: nothing below the layer is differentiated.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Var

from groupcam_jax.program.find import find_activation
from groupcam_jax.program.flat import Equation, Program, trace
from groupcam_jax.program.layers import Activation, variables
from groupcam_jax.types import Model, Params

Features = Callable[[Any, Any], tuple[Any, Any]]
Head = Callable[[Any, Any, Any], Any]
Layer = str | int | tuple[Features, Head] | None


def split(
    model_apply: Model,
    params: Params,
    images: Any,
    layer: Layer = None,
    *,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
) -> tuple[Features, Head]:
    """Cuts a model in two at a layer, without touching it.

    Args:
      model_apply: `logits = model_apply(params, images)`.
      params: the model's weights.
      images: `[n, h, w, c]`, an array or `jax.ShapeDtypeStruct`; the two functions are for images of this shape.
      layer: a scope name (the last activation within that scope), an index of `list_layers`, None for the last spatial
        activation that everything flows through, or the pair `(features, head)` itself.
      tokens_to_grid: for activations `[n, tokens, channels]`: height and width of the grid that the last tokens form;
        those before them (a class token) bypass the layer.
      data_format: how the model lays out its activations: "NHWC", or "NCHW" for channel-first ones.

    Returns:
      `features(params, images) -> (activation, skips)` with the activation `[n, u, v, k]` in either data format, and
      `head(params, activation, skips) -> logits`; skips are the values that bypass the layer, none at a cut.

    Raises:
      ValueError: no such layer, or it is not spatial.
    """
    return split_program(trace(model_apply, params, images), layer, tokens_to_grid, data_format)


def split_program(
    program: Program, layer: Layer, tokens_to_grid: tuple[int, int] | None, data_format: str
) -> tuple[Features, Head]:
    """Cuts a traced model at a layer; see `split`."""
    if isinstance(layer, tuple):
        if len(layer) != 2 or not all(map(callable, layer)):
            raise TypeError(f"layer={layer!r:.80}: of a pair, expected the functions (features, head)")
        return layer
    activation = find_activation(program, layer, tokens_to_grid, data_format)
    to_grid, from_grid = grid_layout(activation, tokens_to_grid, data_format)
    above, skips = equations_above(program, activation)
    below = equations_for(program.equations[: activation.position + 1], [activation.var, *skips])
    run_features = program.function(below, [program.images], [activation.var, *skips])
    run_head = program.function(above, [activation.var, *skips], [program.logits])

    def features(params: Params, images: Any) -> tuple[Any, Any]:
        value, *bypassing = run_features(params, images)
        grid, prefix = to_grid(value)
        return grid, (prefix, bypassing)

    def head(params: Params, grid: Any, skips: Any) -> Any:
        prefix, bypassing = skips
        (logits,) = run_head(params, from_grid(grid, prefix), *bypassing)
        return logits

    return features, head


def equations_for(equations: Sequence[Equation], outputs: Sequence[Var]) -> list[Equation]:
    """The equations that the outputs need."""
    needed, kept = set(outputs), []
    for equation in reversed(equations):
        if not needed.isdisjoint(equation.eqn.outvars):
            needed.update(variables(equation.eqn.invars))
            kept.append(equation)
    return kept[::-1]


def equations_above(program: Program, activation: Activation) -> tuple[list[Equation], list[Var]]:
    """The equations from the activation to the logits, and the values from below that they need besides it.

    What depends on the weights alone is computed again above: it is no skip.
    """
    dependent = {program.images}
    for _, eqn in program.equations[: activation.position + 1]:
        if not dependent.isdisjoint(variables(eqn.invars)):
            dependent.update(eqn.outvars)
    weights_only = [e for e in program.equations[: activation.position + 1] if dependent.isdisjoint(e.eqn.outvars)]
    kept = equations_for([*weights_only, *program.equations[activation.position + 1 :]], [program.logits])
    read = {var: None for equation in kept for var in variables(equation.eqn.invars)}
    return kept, [var for var in read if var in dependent and var is not activation.var]


def grid_layout(
    activation: Activation, tokens_to_grid: tuple[int, int] | None, data_format: str
) -> tuple[Callable[[Any], tuple[Any, Any]], Callable[[Any, Any], Any]]:
    """Maps between the model's own layout and `[n, u, v, k]` with what does not belong to the grid, and back."""
    if tokens_to_grid is not None:
        height, width = tokens_to_grid
        if len(activation.shape) != 2 or activation.shape[0] < height * width:
            raise ValueError(
                f"tokens_to_grid={tokens_to_grid} needs an activation [tokens, channels] of at least {height * width} "
                f"tokens; layer {activation} is none"
            )
        extra = activation.shape[0] - height * width

        def to_grid(value):
            grid = value[:, extra:].reshape(value.shape[0], height, width, value.shape[2])
            return grid, value[:, :extra]

        def from_grid(grid, prefix):
            return jnp.concatenate([prefix, grid.reshape(grid.shape[0], height * width, grid.shape[3])], axis=1)

        return to_grid, from_grid
    if len(activation.shape) != 3:
        raise ValueError(f"layer {activation} holds tokens: pass tokens_to_grid=(height, width) of their grid")
    if data_format == "NCHW":
        return lambda value: (value.transpose(0, 2, 3, 1), None), lambda grid, _: grid.transpose(0, 3, 1, 2)
    if data_format != "NHWC":
        raise ValueError(f"data_format={data_format!r}: expected 'NHWC' or 'NCHW'")
    return lambda value: (value, None), lambda grid, _: grid
