"""Whether a head is a mean over space followed by one linear layer: what CAM is exact for."""

import math
from typing import Any

from jax.extend.core import JaxprEqn, Literal

from groupcam_jax.program.flat import Program
from groupcam_jax.program.layers import VIEWS, operation, shape_of, variables

SCALINGS = {"add", "div", "mul", "sub"}
PRODUCTS = {"dot_general", "conv_general_dilated"}


def check_pooled_linear(head: Program) -> None:
    """Checks the equations of a head: first views, then the sum over space, then at most one linear layer.

    Args:
      head: a traced function of activations `[n, u, v, k]` to logits.

    Raises:
      ValueError: it is something else; the message names the first equation that does not fit.
    """
    height, width = shape_of(head.images)[1:3]
    dependent, pooled = {head.images}, height * width == 1
    for scope, eqn in head.equations:
        if dependent.isdisjoint(variables(eqn.invars)):
            continue
        dependent.update(eqn.outvars)
        name = eqn.primitive.name
        if pools(eqn, height * width) and not pooled:
            pooled = True
        elif not (name in VIEWS or is_affine(eqn, dependent, pooled)):
            raise ValueError(
                "CAM is exact for a mean over space and one linear layer alone; after the layer comes "
                f"{operation(eqn)} at {scope or 'the top level'!r}. "
                "Choose the layer before the pooling, or grad_cam, which takes any head"
            )
    if not pooled:
        raise ValueError("CAM needs a head that takes the mean over space; this one does not. grad_cam takes any head")


def pools(eqn: JaxprEqn, places: int) -> bool:
    """Whether an equation sums over all of space: each of its results is a sum of so many values."""
    if eqn.primitive.name not in ("reduce_sum", "reduce_window_sum"):
        return False
    (before,), (after,) = map(shape_of, variables(eqn.invars)), map(shape_of, eqn.outvars)
    return math.prod(before) == places * math.prod(after)


def is_affine(eqn: JaxprEqn, dependent: Any, pooled: bool) -> bool:
    """Whether an equation is affine in the activation: a scaling by a number or, once pooled, by weights."""
    name = eqn.primitive.name
    others: list[Any] = [atom for atom in eqn.invars if isinstance(atom, Literal) or atom not in dependent]
    if len(others) != 1 or (name == "div" and others[0] is eqn.invars[0]):
        return False
    if not pooled:
        return name in ("div", "mul") and others[0].aval.shape == ()
    return name in SCALINGS or name in PRODUCTS
