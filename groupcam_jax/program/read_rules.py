"""What each operation reads of its operands, for what is read of its result."""

from collections.abc import Callable, Sequence

import numpy as np
from jax.extend.core import JaxprEqn

from groupcam_jax.program.axis_rules import REDUCTIONS
from groupcam_jax.program.constants import Constants
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.read_numbers import BY_NUMBERS, Read, Rule

ELEMENTWISE = {
    *("abs", "add", "add_any", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos"),
    *("cosh", "div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "integer_pow", "log", "log1p"),
    *("logistic", "max", "min", "mul", "name", "neg", "pow", "pvary", "reduce_precision", "rem", "round", "rsqrt"),
    *("select_n", "sharding_constraint", "sign", "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh"),
}


def reduce(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    return [np.broadcast_to(np.expand_dims(wanted, eqn.params["axes"]), shape_of(eqn.invars[0]))]


def broadcast_in_dim(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    shape, places = shape_of(eqn.invars[0]), eqn.params["broadcast_dimensions"]
    repeated = [axis for axis in range(wanted.ndim) if axis not in places]
    repeated += [place for place, size in zip(places, shape, strict=True) if size != wanted.shape[place]]
    return [np.asarray(wanted.any(tuple(repeated), keepdims=True)).reshape(shape)]


def reshape(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    shape, order = shape_of(eqn.invars[0]), eqn.params.get("dimensions") if eqn.primitive.name == "reshape" else None
    if order is None:
        return [wanted.reshape(shape)]
    return [wanted.reshape([shape[place] for place in order]).transpose(np.argsort(order))]


def transpose(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    return [wanted.transpose(np.argsort(eqn.params["permutation"]))]


def rev(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    return [np.flip(wanted, eqn.params["dimensions"])]


def slice_(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    places = np.zeros(shape_of(eqn.invars[0]), bool)
    starts, limits = eqn.params["start_indices"], eqn.params["limit_indices"]
    strides = eqn.params["strides"] or (1,) * len(starts)
    places[tuple(map(slice, starts, limits, strides))] = wanted
    return [places]


def pad(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """Negative padding, which cuts, reads everything."""
    del constant
    shape, config = shape_of(eqn.invars[0]), eqn.params["padding_config"]
    if any(min(low, high) < 0 for low, high, _ in config):
        return [np.ones(shape, bool), np.ones((), bool)]
    kept = tuple(
        slice(low, low + (size - 1) * (between + 1) + 1, between + 1)
        for size, (low, _, between) in zip(shape, config, strict=True)
    )
    return [wanted[kept], np.ones((), bool)]


def concatenate(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    along = eqn.params["dimension"]
    ends = np.cumsum([shape_of(atom)[along] for atom in eqn.invars])
    return np.split(wanted, ends[:-1], along)


def stack(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    return [*np.moveaxis(wanted, eqn.params["axis"], 0)]


JOINING: dict[str, Callable[..., Read]] = {"split": np.concatenate, "unstack": np.stack}
RULES: dict[str, Rule] = {
    **BY_NUMBERS,
    **dict.fromkeys(REDUCTIONS, reduce),
    "broadcast_in_dim": broadcast_in_dim,
    "concatenate": concatenate,
    "pad": pad,
    "reshape": reshape,
    "rev": rev,
    "slice": slice_,
    "squeeze": reshape,
    "stack": stack,
    "transpose": transpose,
}
