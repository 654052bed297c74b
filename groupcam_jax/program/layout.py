"""How a model lays out its activations: channel-last, channel-first, or as tokens; ours are `[n, u, v, k]`."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from groupcam_jax.program.layers import LayerEntry
from groupcam_jax.types import Activations


def grid_layout(
    activation: LayerEntry, tokens_to_grid: tuple[int, int] | None, data_format: str
) -> tuple[Callable[[Array], tuple[Activations, Any]], Callable[[Activations, Any], Array]]:
    """Maps from the model's own layout to `[n, u, v, k]` plus what lies outside the grid, and back."""
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
        raise ValueError(
            f"layer {activation} holds tokens: tell their grid, layer=Layer(..., tokens_to_grid=(height, width))"
        )
    if data_format == "NCHW":
        return lambda value: (value.transpose(0, 2, 3, 1), None), lambda grid, _: grid.transpose(0, 3, 1, 2)
    return lambda value: (value, None), lambda grid, _: grid
