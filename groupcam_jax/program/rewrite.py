"""Gives the convolutions and poolings of a program their forms, each on the platform where it is faster."""

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import JaxprEqn, Primitive, Var

from groupcam_jax.forms.convolution import forms_of
from groupcam_jax.forms.form import Bilinear
from groupcam_jax.forms.pooling import max_pool
from groupcam_jax.program.evaluate import one_call
from groupcam_jax.program.fold import fold
from groupcam_jax.program.inline import Equation, is_spread, type_of

Function: TypeAlias = Callable[..., jax.Array]
LARGEST_WINDOW = 8  # of a pooling, along each axis: a slice for each place


def rewritten(equations: Sequence[Equation], outputs: Sequence[Var], weights: Collection[Var]) -> list[Equation]:
    """The equations of a function of these outputs, each convolution and pooling in its form; variables stay."""
    folded = fold(equations, outputs, weights, in_form)
    return [Equation(scope, in_form(eqn), remat) for scope, eqn, remat in folded]


def in_form(eqn: JaxprEqn) -> JaxprEqn:
    """An equation in its form, or as it is if it has none."""
    find = FORMS.get(eqn.primitive.name)
    if find is None:
        return eqn
    types = [*map(type_of, (*eqn.invars, *eqn.outvars))]
    if any(map(is_spread, types)) or any(0 in one.shape for one in types):
        return eqn
    function = find(eqn.primitive, *types[:-1], *sorted(eqn.params.items()))
    return eqn if function is None else one_call(function, eqn.invars, eqn.outvars, eqn.source_info)


@functools.cache  # one traced function for all convolutions alike: XLA is given its code once
def convolution(
    primitive: Primitive, images: ShapedArray, weights: ShapedArray, *options: tuple[str, Any]
) -> Function | None:
    """The forms of an equation `conv_general_dilated`, None if it stays as it is on every platform."""
    params = dict(options)
    once = (*params["lhs_dilation"], *params["rhs_dilation"], params["batch_group_count"])
    types = {images.dtype, weights.dtype, params["preferred_element_type"] or images.dtype}
    if images.ndim != 4 or len(types) > 1 or any(factor != 1 for factor in once):
        return None
    batch, channel, row, column = params["dimension_numbers"].lhs_spec
    if not has_sizes(weights, range(4)) or not has_sizes(images, (channel, row, column)):
        return None
    output, inputs, tap_row, tap_column = params["dimension_numbers"].rhs_spec
    to_images, to_kernel = (batch, row, column, channel), (tap_row, tap_column, inputs, output)
    batch, channel, row, column = params["dimension_numbers"].out_spec
    from_images = [place for _, place in sorted(zip((batch, row, column, channel), range(4), strict=True))]
    forms = forms_of(
        jax.ShapeDtypeStruct([images.shape[axis] for axis in to_images], images.dtype),
        [weights.shape[axis] for axis in to_kernel],
        params["window_strides"],
        params["padding"],
        params["feature_group_count"],
        params["precision"],
    )
    if not forms:
        return None

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return primitive.bind(x, kernel, **params)

    def laid_out(function: Bilinear) -> Bilinear:
        return lambda x, kernel: function(x.transpose(to_images), kernel.transpose(to_kernel)).transpose(from_images)

    values = {platform: laid_out(form.values) for platform, form in forms.items()}
    derivatives = {platform: laid_out(form.derivative) for platform, form in forms.items()}

    @jax.custom_jvp
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.platform_dependent(x, kernel, **values, default=plain)

    convolve.defjvps(
        lambda dx, _, x, kernel: lax.platform_dependent(dx, kernel, **derivatives, default=plain),
        lambda dkernel, _, x, kernel: plain(x, dkernel),
    )
    return jax.jit(convolve)


@functools.cache
def pooling(primitive: Primitive, images: ShapedArray, *options: tuple[str, Any]) -> Function | None:
    """The form of an equation `reduce_window_max`, None if it stays as it is."""
    params = dict(options)
    dilated = any(factor != 1 for factor in (*params["base_dilation"], *params["window_dilation"]))
    # Its border is of -inf, for which some floats of 8 bits have no number.
    bordered = jnp.issubdtype(images.dtype, jnp.floating) and np.isinf(np.array(-np.inf, images.dtype))
    if dilated or not bordered or max(params["window_dimensions"]) > LARGEST_WINDOW:
        return None
    moves = zip(params["window_dimensions"], params["window_strides"], params["padding"], strict=True)
    if not has_sizes(images, [axis for axis, move in enumerate(moves) if move != (1, 1, (0, 0))]):
        return None

    def plain(x: jax.Array) -> jax.Array:
        return primitive.bind(x, **params)

    def selections(x: jax.Array) -> jax.Array:
        return max_pool(x, params["window_dimensions"], params["window_strides"], params["padding"])

    return jax.jit(lambda x: lax.platform_dependent(x, cpu=selections, default=plain))


def has_sizes(array: ShapedArray, axes: Iterable[int]) -> bool:
    """Whether the size of an array along each of these axes is a number: in an exported program it may be a symbol."""
    return all(isinstance(array.shape[axis], int) for axis in axes)


FORMS: dict[str, Callable[..., Function | None]] = {"conv_general_dilated": convolution, "reduce_window_max": pooling}
