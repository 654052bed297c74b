"""Where rows and columns are after operations that pick, mix or sort them: known only by the numbers they use."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jax.extend.core import JaxprEqn

from groupcam_jax.program.axes import (
    COLUMNS,
    LOST,
    ROWS,
    Axes,
    Axis,
    combined,
    lost,
    plain_axes,
    without,
)
from groupcam_jax.program.constants import Constants
from groupcam_jax.program.inline import shape_of

Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Axes], Constants], Axes]
PLACES = {ROWS, COLUMNS, LOST}
SCRAMBLING = {"fft", "sort", "top_k"}


def dot_general(eqn: JaxprEqn, operands: Sequence[Axes], constant: Constants) -> Axes:
    """A matrix of constants that resizes an image keeps its order; another one that mixes places loses it."""
    left, right = operands
    (left_sums, right_sums), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    shared = combined([tuple(left[axis] for axis in left_batch), tuple(right[axis] for axis in right_batch)])
    lefts, rights = without(left, (*left_sums, *left_batch)), without(right, (*right_sums, *right_batch))
    left_summed, right_summed = [left[axis] for axis in left_sums], [right[axis] for axis in right_sums]
    if mixes_places(left_summed, right_summed):
        rights = mixed(left_summed, rights, has_channels(lefts), matrix_of(constant(eqn.invars[1]), right_sums))
    elif mixes_places(right_summed, left_summed):
        lefts = mixed(right_summed, lefts, has_channels(rights), matrix_of(constant(eqn.invars[0]), left_sums))
    return (*shared, *lefts, *rights)


def mixes_places(summed: Sequence[Axis], of_matrix: Sequence[Axis]) -> bool:
    """Whether a product sums over places alone, of which the other operand knows nothing."""
    factors = [factor for axis in summed for factor in axis.factors]
    places = all(isinstance(factor, Axis) or factor.kind in PLACES for factor in factors)
    return bool(factors) and places and all(axis.is_plain for axis in of_matrix)


def mixed(summed: Sequence[Axis], free: Axes, channels: bool, matrix: np.ndarray | None) -> Axes:
    """The free axes of a matrix that mixes places. Without channels, places are the features of what is left."""
    wide = [axis.size for axis in free if axis.size > 1]
    centres = None
    if matrix is not None and len(wide) == len(summed) == 1:
        weight = np.abs(matrix.astype(np.float64))
        centres = np.arange(len(weight)) @ weight / np.maximum(weight.sum(0), np.finfo(np.float32).tiny)
    made = tuple(picked(summed[0], centres, axis.size) for axis in free)
    return made if channels or any(axis.is_line for axis in made) else free


def has_channels(axes: Axes) -> bool:
    """Whether something besides places is left."""
    return any(axis.is_plain and axis.size > 1 for axis in axes)


def matrix_of(values: np.ndarray | None, sums: Sequence[int]) -> np.ndarray | None:
    """A known matrix with the axis that is summed up first."""
    return np.moveaxis(values, sums[0], 0) if values is not None and values.ndim == 2 else None


def picked(axis: Axis, places: np.ndarray | None, size: int) -> Axis:
    """The axis of entries that stood at these places of another one, or between them; lost if their order is."""
    if size == 1 or places is None or not axis.is_line:
        return lost(axis, size)
    steps, whole = np.diff(places), places[-1] - places[0]
    in_order = whole != 0 and (steps * np.sign(whole) > -1e-3).all()
    return axis.resized(size, float(whole) / (size - 1)) if in_order else lost(axis, size)


def gather(eqn: JaxprEqn, operands: Sequence[Axes], constant: Constants) -> Axes:
    """Axes that are read whole stay, those of which a part is read are cut; of rows that are picked, see `picked`."""
    numbers, sizes, shape = eqn.params["dimension_numbers"], eqn.params["slice_sizes"], shape_of(eqn.outvars[0])
    axes, images = [*plain_axes(shape)], operands[0]
    gone = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    kept = [place for place in range(len(images)) if place not in gone]
    for place, leaves in zip(kept, numbers.offset_dims, strict=True):
        axes[leaves] = images[place].resized(sizes[place])
    made = [place for place in range(len(shape)) if place not in numbers.offset_dims]
    for axis in (images[place] for place in numbers.collapsed_slice_dims if not images[place].is_plain):
        indices = constant(eqn.invars[1]) if len(made) == len(numbers.start_index_map) == 1 else None
        for place in made:
            axes[place] = picked(axis, None if indices is None else indices.ravel(), shape[place])
    return tuple(axes)


def scrambled(eqn: JaxprEqn, axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes after a sort or a Fourier transform, which leave nothing where it was along some of them."""
    along = {
        "sort": lambda: [eqn.params["dimension"]],
        "top_k": lambda: [len(axes) - 1],
        "fft": lambda: range(len(axes) - len(eqn.params["fft_lengths"]), len(axes)),
    }[eqn.primitive.name]()
    return tuple(
        lost(axis, size) if place in along else axis for place, (axis, size) in enumerate(zip(axes, shape, strict=True))
    )


ORDERS: dict[str, Rule] = {
    "dot_general": dot_general,
    "gather": gather,
}
