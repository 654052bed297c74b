"""What each operation reads of its operands, for what is read of its result; masks of constants hide."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from groupcam_jax.program.axis_rules import REDUCTIONS
from groupcam_jax.program.constants import Constants
from groupcam_jax.program.inline import shape_of

Read: TypeAlias = np.ndarray  # in the shape of a value: whether each entry is read
Rule: TypeAlias = Callable[[JaxprEqn, Read, Constants], Sequence[Read]]

ELEMENTWISE = {
    *("abs", "add", "add_any", "atan2", "cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos"),
    *("cosh", "div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "integer_pow", "log", "log1p"),
    *("logistic", "max", "min", "mul", "name", "neg", "pow", "pvary", "reduce_precision", "rem", "round", "rsqrt"),
    *("select_n", "sharding_constraint", "sign", "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh"),
}


def repeated(wanted: Read, shape: tuple[int, ...]) -> Read:
    """What is read of an operand that is repeated along axes of length 1, or that is one number."""
    if not shape:
        return np.asarray(wanted.any())
    axes = tuple(axis for axis, size in enumerate(shape) if size != wanted.shape[axis])
    return np.asarray(wanted.any(axes, keepdims=True))


def mul(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """A mask of zeros hides what it is multiplied with."""
    factors = [constant(atom) for atom in eqn.invars]
    shown = [wanted if factor is None else np.asarray(wanted & (factor != 0)) for factor in factors]
    of_operands = zip(eqn.invars, shown[::-1], strict=True)
    return [repeated(places, shape_of(atom)) for atom, places in of_operands]


def select(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """A choice that is known reads what is chosen."""
    which = constant(eqn.invars[0])
    cases = [wanted if which is None else np.asarray(wanted & (which == case)) for case in range(len(eqn.invars) - 1)]
    return [np.zeros(shape_of(eqn.invars[0]), bool), *cases]


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


def dot_general(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """A product reads whole rows of one factor and whole columns of the other, but for what a constant hides."""
    contracted, batched = eqn.params["dimension_numbers"]
    free = [
        [axis for axis in range(len(shape_of(atom))) if axis not in (*contracted[side], *batched[side])]
        for side, atom in enumerate(eqn.invars)
    ]
    together, own, reads = len(batched[0]), (len(free[0]), len(free[1])), []
    for side, atom in enumerate(eqn.invars):
        shape, other = shape_of(atom), eqn.invars[1 - side]
        order = [*batched[side], *free[side], *contracted[side]]
        # The result as [batch, own places, places of the other factor], and the other factor as [batch, places, sums].
        mine = wanted if side == 0 else np.moveaxis(wanted, range(-own[1], 0), range(together, together + own[1]))
        mine = mine.reshape(*mine.shape[: together + own[side]], -1)
        value = constant(other)
        if value is None or (value != 0).all():
            kept = mine.any(-1)
            kept = np.expand_dims(kept, tuple(range(kept.ndim, len(shape))))
        else:
            shown = (value != 0).transpose(*batched[1 - side], *free[1 - side], *contracted[1 - side])
            batch, places = mine.shape[:together], mine.shape[together:-1]
            rows = mine.reshape(*batch, -1, mine.shape[-1]).astype(np.float32)
            columns = shown.reshape(*batch, mine.shape[-1], -1).astype(np.float32)
            kept = (rows @ columns > 0).reshape(*batch, *places, *(shape[axis] for axis in contracted[side]))
        reads.append(np.broadcast_to(kept, [shape[axis] for axis in order]).transpose(np.argsort(order)))
    return reads


def gather(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    """Known indices read what they point at: gathering the number of each entry says which."""
    shape, where = shape_of(eqn.invars[0]), constant(eqn.invars[1])
    places = np.ones(shape, bool)
    if where is not None:
        with jax.ensure_compile_time_eval():
            numbers = jnp.arange(places.size, dtype=jnp.float32).reshape(shape)
            gathered = np.asarray(eqn.primitive.bind(numbers, jnp.asarray(where), **eqn.params))
        places = np.isin(np.arange(places.size), gathered[wanted]).reshape(shape)
    return [places, np.zeros(shape_of(eqn.invars[1]), bool)]


def dynamic_slice(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    starts = [constant(atom) for atom in eqn.invars[1:]]
    shape = shape_of(eqn.invars[0])
    places = np.ones(shape, bool)
    known = [start for start in starts if start is not None]
    if len(known) == len(starts):
        places = np.zeros(shape, bool)
        limits = [size - length for size, length in zip(shape, wanted.shape, strict=True)]
        first = [int(np.clip(start, 0, limit)) for start, limit in zip(known, limits, strict=True)]
        places[tuple(slice(at, at + length) for at, length in zip(first, wanted.shape, strict=True))] = wanted
    return [places, *(np.zeros((), bool) for _ in starts)]


def stack(eqn: JaxprEqn, wanted: Read, constant: Constants) -> Sequence[Read]:
    del constant
    return [*np.moveaxis(wanted, eqn.params["axis"], 0)]


JOINING: dict[str, Callable[..., Read]] = {"split": np.concatenate, "unstack": np.stack}
RULES: dict[str, Rule] = {
    **dict.fromkeys(REDUCTIONS, reduce),
    "broadcast_in_dim": broadcast_in_dim,
    "concatenate": concatenate,
    "dot_general": dot_general,
    "dynamic_slice": dynamic_slice,
    "gather": gather,
    "mul": mul,
    "pad": pad,
    "reshape": reshape,
    "rev": rev,
    "select_n": select,
    "slice": slice_,
    "squeeze": reshape,
    "stack": stack,
    "transpose": transpose,
}
