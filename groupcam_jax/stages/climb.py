"""Moves a map on a grid up the gradient of insertion and deletion: the equations are those of `refined`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from groupcam_jax.loops import scan
from groupcam_jax.stages.blends import Blend
from groupcam_jax.stages.grid import smooth, total_variation, unit_power
from groupcam_jax.stages.order import soft_mask
from groupcam_jax.stages.perturb import reveal
from groupcam_jax.types import Heat, PRNGKey, Scalar

SHARES = 0.02, 0.6  # of the pixels, between which the steps choose


class Plan(NamedTuple):
    """What each step takes.

    Attributes:
      share: of the pixels.
      size: of the step.
      turn: the number of the substrate.
      key: what draws the substrate.
    """

    share: Float[Array, " steps"]
    size: Float[Array, " steps"]
    turn: Int[Array, " steps"]
    key: Key[Array, " steps"]


def make_plan(steps: int, substrates: int, step_size: float, key: PRNGKey) -> Plan:
    """Plans the steps: substrates take turns, sizes fall to 0, shares are spread evenly.

    Shares come in an order without trend: rising ones would leave the last word to large shares.
    """
    shares = np.random.default_rng(0).permutation(np.linspace(*SHARES, steps))
    sizes = np.linspace(step_size, 0, steps, endpoint=False)
    share, size = (jnp.asarray(line, jnp.float32) for line in (shares, sizes))
    return Plan(share, size, jnp.arange(steps, dtype=jnp.int32) % substrates, jax.random.split(key, steps))


def climb(grid: Heat, plan: Plan, blend: Blend, *, softness: float, price: Scalar, pull: float, home: Heat) -> Heat:
    """Moves a grid `[rows, columns]` by the steps of a plan; each also pulls it back to `home`, of the same shape."""

    def gain(z, share, hidden):
        surface = smooth(z)
        mask = soft_mask(surface, share, blend.seen.shape, softness)
        both = jnp.stack([mask, 1 - mask])
        shown, lost = jax.vmap(lambda mask: blend.confidence(reveal(blend.seen, hidden, mask)))(both)
        return shown - lost - price * total_variation(surface)

    def step(z, entry):
        slope = unit_power(jax.grad(gain)(z, entry.share, blend.hidden(entry.turn, entry.key)))
        return z + entry.size * (slope + pull * (home - z)), None

    return scan(step, grid, plan)[0]
