"""Refuses models that crop the image: the grid of a layer is stretched over all of it, over what is not seen too."""

from collections.abc import Mapping

import numpy as np
from jax.extend.core import Var

from groupcam_jax.program.axes import Axes, Factor
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.layers import LayerEntry
from groupcam_jax.program.reads import all_reads

CUTTING = {"dynamic_slice", "gather", "slice", "split"}


def check_crop(program: Program, axes: Mapping[Var, Axes], layer: LayerEntry) -> None:
    """Checks that the model reads the image up to its border, but for less than a cell of the layer's grid.

    A mask hides a border without moving the grid: it is no crop.

    Raises:
      ValueError: it does not.
    """
    assert layer.grid is not None
    if not cuts_image(program, axes):
        return
    seen = all_reads(program)[program.images]
    if not seen.any():  # of an image behind `stop_gradient` it is not known
        return
    height, width = shape_of(program.images)[1:3]
    parts = [layer.grid.parts[place] for place in layer.grid.order[1:3]]
    lines = [np.flatnonzero(seen.any(others)) for others in ((0, 2, 3), (0, 1, 3))]
    for line, side, part in zip(lines, (height, width), parts, strict=True):
        cell, covered = side / part.size, abs(part.step) * part.size
        if max(line[0], side - 1 - line[-1]) > cell and covered <= line[-1] + 1 - line[0] + cell:
            (top, bottom), (left, right) = ((one[0], one[-1] + 1) for one in lines)
            raise ValueError(
                f"the model reads image[{top}:{bottom}, {left}:{right}] of an image [{height}, {width}], and the map "
                f"of layer {layer} would be stretched over what it does not see; crop the image before, and explain "
                "the model without its crop"
            )


def cuts_image(program: Program, axes: Mapping[Var, Axes]) -> bool:
    """Whether an operation takes a part of what lies as the pixels do: most models have none."""
    sides = shape_of(program.images)[1:3]

    def is_whole(var: object) -> bool:
        known = axes[var] if isinstance(var, Var) and var in axes else ()
        lines = [factor for axis in known if axis.is_line for factor in axis.factors if isinstance(factor, Factor)]
        return any(factor.size in sides and abs(factor.step) == 1 for factor in lines)

    return any(eqn.primitive.name in CUTTING and is_whole(eqn.invars[0]) for _, eqn, _ in program.equations)
