"""Finds the values of a program that are a softmax, and the axis over which they sum to 1."""

import math

from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, shape_of, variables
from groupcam_jax.program.layers import VIEWS

SAME = {"convert_element_type", "copy", "reduce_precision", "stop_gradient"}


def normalised_axes(program: Program) -> dict[Var, int]:
    """The values that are a softmax over one axis, and that axis."""
    made: dict[Atom, JaxprEqn] = {var: one.eqn for one in program.equations for var in one.eqn.outvars}
    found: dict[Var, int] = {}
    for _, eqn, _ in program.equations:
        name, (result, *_) = eqn.primitive.name, eqn.outvars
        first = eqn.invars[0] if eqn.invars else None
        if name == "div" and len(variables(eqn.invars)) == 2 and isinstance(first, Var):
            total = made.get(eqn.invars[1])
            while total is not None and total.primitive.name in VIEWS:
                (viewed, *_) = total.invars
                total = made.get(viewed) if isinstance(viewed, Var) else None
            if total is not None and total.primitive.name == "reduce_sum" and total.invars[0] is first:
                axes = total.params["axes"]
                if len(axes) == 1:
                    found[result] = int(axes[0])
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
        return [*map(int, params["permutation"])].index(axis)
    if name == "broadcast_in_dim":
        return int(params["broadcast_dimensions"][axis])
    if name in ("reshape", "squeeze"):
        before, after = shape_of(eqn.invars[0]), shape_of(eqn.outvars[0])
        same = [place for place, n in enumerate(after) if n == before[axis]]
        return next((place for place in same if math.prod(after[place:]) == math.prod(before[axis:])), None)
    return None
