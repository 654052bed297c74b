"""On how few pixels a map concentrates, whatever is in the image.

    s_1 to s_n   the magnitudes of the pixels, in rising order, divided by their sum
    sparseness   Gini's index, the sum of (2 i - n - 1) / n s_i (Chalasani et al., arXiv:1810.06583)
    complexity   the entropy, the sum of -s_i log s_i, in nats (Bhatt et al., arXiv:2005.00631)

Both are of a map alone: they do not tell whether it is true. A map of zeros counts as a constant one. Quantus adds 1e-7
to each magnitude of the first, so that its figure depends on the scale of the map.
"""

import jax.numpy as jnp
from jax.scipy.special import entr
from jaxtyping import Array, Float

from groupcam_jax.division import divided
from groupcam_jax.types import Saliency, Scalar


def sparseness(saliency: Saliency) -> Scalar:
    """Gini's index of the magnitudes: 0 for a constant map, 1 - 1/n for a single pixel of n.

    NaN for a map that is not finite.
    """
    shares = jnp.sort(shares_of_total(saliency))
    n = saliency.size
    return (jnp.arange(1 - n, n, 2).astype(jnp.float32) / n * shares).sum()


def complexity(saliency: Saliency) -> Scalar:
    """The entropy of the magnitudes, in nats: 0 for a single pixel, log n for a constant map of n pixels.

    NaN for a map that is not finite.
    """
    return entr(shares_of_total(saliency)).sum()


def shares_of_total(saliency: Saliency) -> Float[Array, " pixels"]:
    """Each pixel's share of the sum of all magnitudes; equal shares of nothing."""
    magnitudes = jnp.abs(saliency.ravel().astype(jnp.float32))
    relative = divided(magnitudes, magnitudes.max(), otherwise=1)  # their sum is finite
    return relative / relative.sum()
