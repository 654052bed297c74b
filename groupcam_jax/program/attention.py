"""Finds the attention of a model in its program: softmax weights over tokens, and who is averaged by them."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jax.extend.core import JaxprEqn, Literal, Var

from groupcam_jax.program.calls import open_calls
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import shape_of, variables
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import VIEWS
from groupcam_jax.program.layout import Grid, find_grid
from groupcam_jax.program.reads import read_backward

SAME = {"convert_element_type", "copy", "reduce_precision", "stop_gradient"}


class Attention(NamedTuple):
    """One attention: the average of values, by weights that sum to 1.

    Attributes:
      weights: the variable of the weights.
      query: the axis of those who ask.
      key: the axis of those who are averaged.
      values: the variable of what is averaged.
      tokens: the axis of it that the weights sum over.
      grid: how its tokens form a grid, or None.
      read: which queries the logits read, bool `[queries]`.
    """

    weights: Var
    query: int
    key: int
    values: Var
    tokens: int
    grid: Grid | None
    read: np.ndarray


def find_attention(program: Program) -> tuple[Program, list[Attention]]:
    """The attentions of a program, in the order in which they run, and the program with its softmaxes in the open."""
    program = open_calls(program)
    labels, normalised = label_axes(program), normalised_axes(program)
    steps = [read for _, read in read_backward(program)] if normalised else [{}]
    reads = steps[-1]  # it gathers as it goes
    found = []
    for _, eqn, _ in program.equations:
        for side, weights in averages(eqn, normalised):
            values = eqn.invars[1 - side]
            if isinstance(values, Literal):
                continue
            contract, batched = eqn.params["dimension_numbers"]
            free = [
                [axis for axis in range(len(shape_of(atom))) if axis not in (*contract[place], *batched[place])]
                for place, atom in enumerate(eqn.invars)
            ]
            if len(free[side]) != 1:
                continue
            queries = len(batched[0]) + (len(free[0]) if side else 0)  # their axis in the result
            read = reads.get(eqn.outvars[0], np.zeros(shape_of(eqn.outvars[0]), bool))
            others = tuple(axis for axis in range(read.ndim) if axis != queries)
            grid = find_grid(labels[values], 1) if values in labels else None
            (query,), (key,), (tokens,) = free[side], contract[side], contract[1 - side]
            found.append(Attention(weights, query, key, values, tokens, grid, read.any(others)))
    return program, found


def averages(eqn: JaxprEqn, normalised: dict[Var, int]) -> Iterator[tuple[int, Var]]:
    """The operand of a product that holds weights which sum to 1 over the axis that is summed."""
    if eqn.primitive.name == "dot_general":
        contract, _ = eqn.params["dimension_numbers"]
        for side, atom in enumerate(eqn.invars):
            if isinstance(atom, Var) and atom in normalised and tuple(contract[side]) == (normalised[atom],):
                yield side, atom


def normalised_axes(program: Program) -> dict[Var, int]:
    """The values that are a softmax over one axis, and that axis."""
    made = {var: equation.eqn for equation in program.equations for var in equation.eqn.outvars}
    found: dict[Var, int] = {}
    for _, eqn, _ in program.equations:
        name, (result, *_) = eqn.primitive.name, eqn.outvars
        first = eqn.invars[0] if eqn.invars else None
        if name == "div" and len(variables(eqn.invars)) == 2 and isinstance(first, Var):
            total = made.get(eqn.invars[1])
            while total is not None and total.primitive.name in VIEWS:
                total = made.get(total.invars[0])
            if total is not None and total.primitive.name == "reduce_sum" and total.invars[0] is first:
                axes = total.params["axes"]
                if len(axes) == 1:
                    found[result] = axes[0]
        elif isinstance(first, Var) and first in found:
            axis = moved_axis(eqn, found[first])
            if axis is not None:
                found[result] = axis
    return found


def moved_axis(eqn: JaxprEqn, axis: int) -> int | None:
    """Where a view puts an axis of its operand; None if it does not keep it."""
    name, params = eqn.primitive.name, eqn.params
    if name in SAME:
        return axis
    if name == "transpose":
        return params["permutation"].index(axis)
    if name == "broadcast_in_dim":
        return params["broadcast_dimensions"][axis]
    if name in ("reshape", "squeeze"):
        before, after = shape_of(eqn.invars[0]), shape_of(eqn.outvars[0])
        same = [place for place, n in enumerate(after) if n == before[axis]]
        return next((place for place in same if math.prod(after[place:]) == math.prod(before[axis:])), None)
    return None
