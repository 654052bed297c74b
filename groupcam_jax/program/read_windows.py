"""What convolutions and poolings read of the image's places: those under the window of each place that is read."""

from collections.abc import Sequence

import numpy as np
from jax.extend.core import JaxprEqn

from groupcam_jax.program.axis_rules import WINDOWS
from groupcam_jax.program.constants import Constants
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.read_numbers import Read, Rule


def convolution(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """All channels of the places under the windows; all of the kernel."""
    del constant
    image, kernel = (shape_of(atom) for atom in eqn.invars)
    numbers = eqn.params["dimension_numbers"]
    batch, features, *places = numbers.lhs_spec
    # The result as the image lies, with one channel for all.
    out = np.asarray(wanted.transpose(numbers.out_spec).any(1, keepdims=True))
    out = out if eqn.params["batch_group_count"] == 1 else np.ones_like(out)
    seen = out.transpose(np.argsort([batch, features, *places]))
    for number, axis in enumerate(places):
        seen = under_windows(
            seen,
            axis,
            image[axis],
            kernel[numbers.rhs_spec[2 + number]],
            eqn.params["window_strides"][number],
            eqn.params["padding"][number][0],
            eqn.params["lhs_dilation"][number],
            eqn.params["rhs_dilation"][number],
        )
    return [np.broadcast_to(seen, image), np.ones(kernel, bool)]


def pooling(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """The same channel of the places under the windows."""
    del constant
    image = shape_of(eqn.invars[0])
    given = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
    for axis, (size, stride, (before, _), *dilations) in enumerate(
        zip(*(eqn.params[name] for name in given), strict=True)
    ):
        wanted = under_windows(wanted, axis, image[axis], size, stride, before, *dilations)
    return [wanted, *(np.ones(shape_of(atom), bool) for atom in eqn.invars[1:])]


def under_windows(
    wanted: Read, axis: int, length: int, size: int, stride: int, before: int, between: int, spread: int
) -> Read:
    """What windows of `size`, `spread` apart, read of an axis of `length` whose entries lie `between` apart."""
    if size == stride == between == 1 and length == wanted.shape[axis]:
        return wanted
    at = np.arange(wanted.shape[axis])[:, None] * stride + np.arange(size)[None] * spread - before
    inside = (at >= 0) & (at < (length - 1) * between + 1) & (at % between == 0)
    reach = np.zeros((wanted.shape[axis], length), np.float32)
    rows, columns = np.nonzero(inside)
    reach[rows, at[rows, columns] // between] = 1
    seen = np.tensordot(wanted.astype(np.float32), reach, (axis, 0)) > 0
    return np.moveaxis(seen, -1, axis)


WINDOW_RULES: dict[str, Rule] = {"conv_general_dilated": convolution, **dict.fromkeys(WINDOWS, pooling)}
