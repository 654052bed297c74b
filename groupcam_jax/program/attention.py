"""Finds the attention of a model in its program: softmax weights over tokens, and who is averaged by them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.axes import COLUMNS, ROWS, Axes
from groupcam_jax.program.calls import open_calls
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Equation, shape_of, variables
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import holds_product
from groupcam_jax.program.layout import Grid, find_grid
from groupcam_jax.program.read_numbers import Read
from groupcam_jax.program.reads import all_reads
from groupcam_jax.program.relus import find_relus
from groupcam_jax.program.softmaxes import normalised_axes
from groupcam_jax.program.uses import uses_of


class Attention(NamedTuple):
    """One attention: the average of values, by weights that sum to 1.

    Attributes:
      weights: the variable of the weights.
      query: the axis of those who ask; None if there is but one.
      key: the axis of those who are averaged.
      values: the variable of what is averaged.
      tokens: the axis of it that the weights sum over.
      grid: how its tokens form a grid, or None.
      read: which queries the logits read, bool `[queries]`.
    """

    weights: Var
    query: int | None
    key: int
    values: Var
    tokens: int
    grid: Grid | None
    read: np.ndarray


class Attentions(NamedTuple):
    """The attentions of a program, in the order in which they run, and what else mixes tokens.

    Attributes:
      program: with its softmaxes in the open.
      found: one after the other.
      unread: the equations that mix tokens in another way, or beside another attention.
    """

    program: Program
    found: list[Attention]
    unread: list[Equation]


def find_attention(program: Program) -> Attentions:
    """Finds the attentions of a program."""
    program = open_calls(program)
    labels, normalised = label_axes(program), normalised_axes(program)
    reads = all_reads(program)
    mixes = mixing(program, labels)
    found: list[Attention] = []
    unread: list[Equation] = []
    reached: set[Var] = set()  # what depends on the last attention
    for equation in program.equations:
        eqn = equation.eqn
        if not reached.isdisjoint(variables(eqn.invars)):
            reached.update(eqn.outvars)
        if not mixes(equation):
            continue
        one = next((one for side in averages(eqn, normalised) if (one := attention(eqn, side, labels, reads))), None)
        if one is None or (found and one.weights not in reached):
            unread.append(equation)
        else:
            found.append(one)
            reached = {*eqn.outvars}
    return Attentions(program, found, unread)


def attention(eqn: JaxprEqn, side: int, labels: Mapping[Var, Axes], reads: Mapping[Var, Read]) -> Attention | None:
    """Reads a product of weights, its operand of this side, and values; None if it has no one axis of queries."""
    contract, batched = eqn.params["dimension_numbers"]
    weights, values = eqn.invars[side], eqn.invars[1 - side]
    assert isinstance(weights, Var)
    assert isinstance(values, Var)
    shape, (key,), (tokens,) = shape_of(weights), map(int, contract[side]), map(int, contract[1 - side])
    free = [axis for axis in range(len(shape)) if axis not in (key, *batched[side])]
    asking = [axis for axis in free if shape[axis] == shape[key]] or [axis for axis in free if shape[axis] > 1]
    if len(asking) > 1:
        return None
    read = np.ones(1, bool)
    if asking:
        everywhere = reads.get(eqn.outvars[0], np.zeros(shape_of(eqn.outvars[0]), bool))
        before = 0 if side == 0 else len(shape_of(values)) - len(batched[1 - side]) - 1  # the values' own axes
        queries = len(batched[side]) + before + free.index(asking[0])
        read = np.asarray(everywhere.any(tuple(axis for axis in range(everywhere.ndim) if axis != queries)))
    grid = find_grid(labels[values], 1)
    return Attention(weights, asking[0] if asking else None, key, values, tokens, grid, read)


def mixing(program: Program, labels: Mapping[Var, Axes]) -> Callable[[Equation], bool]:
    """Returns whether an equation sums over tokens, with weights that depend on the image, or hides such a sum."""
    equations, entrywise = program.equations, find_relus(program).entrywise
    uses = uses_of(equations, [program.images])
    products = {
        equation.eqn.outvars[0]: equation.eqn
        for position, equation in enumerate(equations)
        if equation.eqn.primitive.name == "mul" and position not in entrywise
    }

    def over_grid(var: Var, axes: Sequence[int]) -> bool:
        known = labels.get(var)
        return known is not None and any({ROWS, COLUMNS} & {*known[axis].kinds} for axis in axes)

    def mixes(equation: Equation) -> bool:
        eqn = equation.eqn
        arrived, name = uses.arrived(eqn), eqn.primitive.name
        if arrived and name != "dot_general" and holds_product(eqn):
            return name != "conv_general_dilated"
        if name == "dot_general" and len(arrived) == 2:
            contract, _ = eqn.params["dimension_numbers"]
            return any(over_grid(var, axes) for var, axes in zip(arrived, contract, strict=True))
        if name == "reduce_sum" and arrived and arrived[0] in products:
            factors = uses.arrived(products[arrived[0]])
            return len(factors) == 2 and all(over_grid(var, eqn.params["axes"]) for var in factors)
        return False

    return mixes


def averages(eqn: JaxprEqn, normalised: Mapping[Var, int]) -> Iterator[int]:
    """The side of a product that holds weights which sum to 1 over the axis that is summed."""
    if eqn.primitive.name == "dot_general":
        contract, _ = eqn.params["dimension_numbers"]
        for side, atom in enumerate(eqn.invars):
            if isinstance(atom, Var) and atom in normalised and tuple(contract[side]) == (normalised[atom],):
                yield side
