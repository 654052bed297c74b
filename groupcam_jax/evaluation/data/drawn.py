"""Drawn scenes as a data set, with the exact mask of each target and no files."""

import jax
import numpy as np

from groupcam_jax.bundled import bundled
from groupcam_jax.evaluation.code import version_of
from groupcam_jax.evaluation.data.examples import Dataset, Example, digest


def open_scenes(count: int = 200, seed: int = 2027) -> Dataset:
    """A data set of `count` scenes of 96 x 96 pixels; each depends only on the seed and its position."""
    scenes = bundled("scenes")
    draw = jax.jit(scenes.scene)

    def read(index: int) -> Example:
        image, label, mask = draw(jax.random.fold_in(jax.random.key(seed), index))
        rows, columns = (np.flatnonzero(np.asarray(mask).any(axis)) for axis in (1, 0))
        box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
        pixels = (np.asarray(image) * 255).round().astype(np.uint8)
        return Example(f"scene {index}", pixels, int(label), box, np.array([label], np.int32), np.asarray(mask)[None])

    drawn_by = version_of(scenes.__name__)
    return Dataset(
        "scenes",
        scenes.CLASS_NAMES,
        count,
        read,
        lambda index: read(index).label,
        lambda index: [read(index).label],
        lambda index: digest(drawn_by, seed, index),
    )
