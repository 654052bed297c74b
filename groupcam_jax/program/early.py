"""An early layer, where two images can be blended in place of their pixels: what lies below it need not run again."""

from collections.abc import Sequence

import numpy as np

from groupcam_jax.program.default import weighted_products
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import LayerEntry, activations
from groupcam_jax.program.reads import pixels_read
from groupcam_jax.program.split import Parts, split_at

SLACK = 1  # places by which those of a layer may lie beside the pixels that they read


def split_early(program: Program, sides: Sequence[int]) -> Parts | None:
    """Cuts a traced model at its last early layer; None if it has none.

    Early is a layer through which everything flows, whose grid has at least these sides, each of whose places reads the
    pixels around it alone, and above which at least half of the model's products with weights lie.
    """
    axes = label_axes(program)
    products = weighted_products(program, axes)
    if not products:
        return None
    middle = products[len(products) // 2]
    early = [
        entry
        for entry in activations(program, axes)
        if entry.is_cut
        and entry.position < middle
        and entry.grid
        and all(have >= least for have, least in zip(entry.grid.shape, sides, strict=True))
    ]
    return next((split_at(program, entry) for entry in reversed(early) if is_local(program, entry)), None)


def is_local(program: Program, layer: LayerEntry) -> bool:
    """Whether places of a layer read the pixels around them, and no more than half of a row or column.

    They do not where the model crops, pads or rolls the image: masks would lie beside what they mean. Nor where it
    normalises the image by its own values, or attends: features of a blend are no blend of features there. Two places
    tell, far enough from the border that it cuts off nothing.
    """
    assert layer.grid is not None
    shape = shape_of(layer.var)
    numbers, _ = layer.grid.take(np.arange(np.prod(shape)).reshape(shape))
    below = program._replace(equations=program.equations[: layer.position + 1])
    pixels = shape_of(program.images)[1:3]
    for far in (0.25, 0.75):
        place = [round(far * (side - 1)) for side in layer.grid.shape]
        wanted = np.zeros(shape, bool)
        wanted.flat[numbers[:, place[0], place[1]]] = True
        read = pixels_read(below, layer.var, wanted)
        lines = [np.flatnonzero(read.any(others)) for others in ((0, 2, 3), (0, 1, 3))]
        for line, side, where, places in zip(lines, pixels, place, layer.grid.shape, strict=True):
            cell = side / places
            if len(line) == 0 or line[-1] - line[0] >= side / 2:
                return False
            if abs((line[0] + line[-1] + 1) / 2 - (where + 0.5) * cell) > SLACK * cell:
                return False
    return True
