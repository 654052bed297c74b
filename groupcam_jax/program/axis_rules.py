"""How each operation moves, changes or drops the axes of its operands."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.axes import (
    CHANNELS,
    COLUMNS,
    ROWS,
    Axes,
    Axis,
    Factor,
    combined,
    lost,
    plain,
    plain_axes,
    without,
)
from groupcam_jax.program.axis_joins import concatenate, stack
from groupcam_jax.program.axis_reshapes import reshaped, units
from groupcam_jax.program.inline import shape_of

Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Axes]], Axes]


def transpose(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    return tuple(operands[0][axis] for axis in eqn.params["permutation"])


def reshape(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    axes, order = operands[0], eqn.params["dimensions"]  # the order in which the axes are read
    return reshaped(axes if order is None else tuple(axes[place] for place in order), shape_of(eqn.outvars[0]))


def squeeze(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    return without(operands[0], eqn.params["dimensions"])


def reduce(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    return without(operands[0], eqn.params["axes"])


def broadcast_in_dim(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    axes = [*plain_axes(shape_of(eqn.outvars[0]))]
    for axis, place in zip(operands[0], eqn.params["broadcast_dimensions"], strict=True):
        if axis.size == axes[place].size:
            axes[place] = axis
    return tuple(axes)


def rev(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    return tuple(
        mirrored(axis) if place in eqn.params["dimensions"] else axis for place, axis in enumerate(operands[0])
    )


def mirrored(axis: Axis) -> Axis:
    """The axis read from its end."""
    factors = tuple(
        factor._replace(step=-factor.step) if isinstance(factor, Factor) else mirrored(factor)
        for factor in axis.factors
    )
    return Axis(factors, axis.after, axis.before)


def slice_(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    starts, limits = ([*map(int, eqn.params[name])] for name in ("start_indices", "limit_indices"))
    strides = [*map(int, eqn.params["strides"] or (1,) * len(starts))]
    sliced = zip(operands[0], starts, limits, strides, shape_of(eqn.outvars[0]), strict=True)
    return tuple(cut(axis, start, limit, stride, size) for axis, start, limit, stride, size in sliced)


def cut(axis: Axis, start: int, limit: int, stride: int, size: int) -> Axis:
    """A part of an axis; of tokens all of the grid, or none of it."""
    if limit - start == axis.size and stride == 1:
        return axis
    if not axis.before and not axis.after:
        return axis.resized(size, stride)
    grid_end = axis.size - axis.after
    if stride == 1 and start <= axis.before and limit >= grid_end:
        return Axis(axis.factors, axis.before - start, limit - grid_end)
    return plain(size) if limit <= axis.before or start >= grid_end else lost(axis, size)


def dynamic_slice(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    """A part of each axis, wherever it begins."""
    return tuple(axis.resized(size) for axis, size in zip(operands[0], eqn.params["slice_sizes"], strict=True))


def pad(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    """Zeros beside rows make the image larger; beside tokens they are other tokens."""
    made = []
    for axis, padding in zip(operands[0], eqn.params["padding_config"], strict=True):
        low, high, between = map(int, padding)
        size = axis.size + low + high + between * (axis.size - 1)
        if (len(units(axis)) == 1 and isinstance(units(axis)[0], Factor)) or between or min(low, high) < 0:
            made.append(axis.resized(size) if size != axis.size else axis)
        else:
            made.append(axis._replace(before=axis.before + low, after=axis.after + high))
    return tuple(made)


def convolution(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    """A convolution's own numbers of dimensions say which axes are space."""
    spec, images, shape = eqn.params["dimension_numbers"], operands[0], shape_of(eqn.outvars[0])
    channels, *space = spec.lhs_spec[1:]
    features, places = images[channels].kinds, [kind for axis in space for kind in images[axis].kinds]
    if features in ([ROWS], [COLUMNS]) and CHANNELS in places:
        raise ValueError(
            "the model takes images channel-first, and convolves over the channels of an image [h, w, c]; images are "
            "[h, w, c] here, whatever the model: wrap it, "
            "`lambda params, images: model_apply(params, images.transpose(0, 3, 1, 2))`"
        )
    axes = [*plain_axes(shape)]
    axes[spec.out_spec[0]] = images[spec.lhs_spec[0]].resized(shape[spec.out_spec[0]])
    for arrives, leaves, stride, spread in zip(
        space, spec.out_spec[2:], map(int, eqn.params["window_strides"]), eqn.params["lhs_dilation"], strict=True
    ):
        axes[leaves] = images[arrives].resized(shape[leaves], stride if spread == 1 else 1)
    return tuple(axes)


def window(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    sizes, strides = shape_of(eqn.outvars[0]), map(int, eqn.params["window_strides"])
    return tuple(axis.resized(*change) for axis, *change in zip(operands[0], sizes, strides, strict=True))


def first(eqn: JaxprEqn, operands: Sequence[Axes]) -> Axes:
    del eqn
    return operands[0]


def place_by_place(result: Var, operands: Sequence[Axes]) -> Axes:
    """Each place of the result depends on the same place of the operands; also the rule of unknown operations."""
    shape = shape_of(result)
    fitting = [axes for axes in operands if len(axes) == len(shape)]
    repeated = [
        tuple(axis if axis.size == size else lost(axis, size) for axis, size in zip(axes, shape, strict=True))
        for axes in fitting
    ]
    return combined(repeated) if fitting else plain_axes(shape)


REDUCTIONS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or", "argmax", "argmin")
WINDOWS = ("reduce_window", "reduce_window_sum", "reduce_window_max", "reduce_window_min")
RULES: dict[str, Rule] = {
    **dict.fromkeys(REDUCTIONS, reduce),
    **dict.fromkeys(WINDOWS, window),
    "broadcast_in_dim": broadcast_in_dim,
    "concatenate": concatenate,
    "conv_general_dilated": convolution,
    "dynamic_slice": dynamic_slice,
    "dynamic_update_slice": first,
    "pad": pad,
    "reshape": reshape,
    "rev": rev,
    "slice": slice_,
    "squeeze": squeeze,
    "stack": stack,
    "transpose": transpose,
}
