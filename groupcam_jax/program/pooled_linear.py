"""Whether a head is a mean over space followed by linear layers, as CAM needs."""

import numpy as np
from jax.extend.core import JaxprEqn, Literal, Var

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import dependent_on, shape_of
from groupcam_jax.program.layers import ARITHMETIC, PRODUCTS, VIEWS, operation


def check_pooled_linear(head: Program) -> None:
    """Checks the equations of a head: first views, then the sum over space, then linear layers.

    Args:
      head: a traced function of activations `[n, u, v, k]` to logits.

    Raises:
      ValueError: it is not; the message names the first equation that does not fit.
    """
    _, height, width, channels = shape_of(head.images)
    dependent, pooled = dependent_on(head.equations, [head.images]), height * width == 1
    # The channel of each entry of the activation, moved along by the views before the pooling.
    channel = np.broadcast_to(np.arange(channels), (1, height, width, channels))
    for scope, eqn, _ in head.equations:
        if dependent.isdisjoint(eqn.outvars):
            continue
        name = eqn.primitive.name
        if not pooled and pools(eqn, channel, height * width):
            pooled = True
        elif name in VIEWS and (pooled or channel.size == np.prod(shape_of(eqn.outvars[0]))):
            channel = channel if pooled else moved(eqn, channel)
        elif name in VIEWS or not is_affine(eqn, dependent, pooled):
            raise ValueError(
                "CAM is exact for a mean over space and linear layers alone; after the layer comes "
                f"{operation(eqn)} at {scope or 'the top level'!r}. "
                "Choose the layer before the pooling, or grad_cam, which takes any head"
            )
    if not pooled:
        raise ValueError("CAM needs a head that takes the mean over space; this one does not. grad_cam takes any head")


def moved(eqn: JaxprEqn, channel: np.ndarray) -> np.ndarray:
    """The channels after a view that keeps all entries."""
    if eqn.primitive.name == "transpose":
        return channel.transpose(eqn.params["permutation"])
    if eqn.primitive.name == "rev":
        return np.flip(channel, eqn.params["dimensions"])
    return channel.reshape(shape_of(eqn.outvars[0]))


def pools(eqn: JaxprEqn, channel: np.ndarray, places: int) -> bool:
    """Whether an equation sums over all of space: each result sums all entries of one channel and no others."""
    if eqn.primitive.name == "reduce_sum":
        axes = eqn.params["axes"]
    elif eqn.primitive.name == "reduce_window_sum":
        window = eqn.params["window_dimensions"]
        axes = tuple(axis for axis, length in enumerate(window) if length > 1)
        if any(window[axis] != channel.shape[axis] for axis in axes) or np.any(eqn.params["padding"]):
            return False
    else:
        return False
    count = np.prod([channel.shape[axis] for axis in axes])
    return bool(count == places and (channel.max(axes) == channel.min(axes)).all())


def is_affine(eqn: JaxprEqn, dependent: set[Var], pooled: bool) -> bool:
    """Whether an equation is affine in the activation: a scaling by a number or, once pooled, by weights."""
    name = eqn.primitive.name
    others = [atom for atom in eqn.invars if isinstance(atom, Literal) or atom not in dependent]
    if len(others) != 1 or (name == "div" and others[0] is eqn.invars[0]):
        return False
    if not pooled:
        return name in ("div", "mul") and getattr(others[0].aval, "shape", None) == ()
    return name in ARITHMETIC or name in PRODUCTS
