"""What products, choices, and what picks by number read of their operands: where the numbers are known, these tell."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from groupcam_jax.program.constants import Constants
from groupcam_jax.program.inline import shape_of

Read: TypeAlias = np.ndarray  # in the shape of a value: whether each entry is read
Rule: TypeAlias = Callable[[JaxprEqn, Read, Constants], Sequence[Read]]


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


BY_NUMBERS: dict[str, Rule] = {
    "dot_general": dot_general,
    "dynamic_slice": dynamic_slice,
    "gather": gather,
    "mul": mul,
    "select_n": select,
}
