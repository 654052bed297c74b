"""eMPRT: a map should grow more complex when all weights are lost (Hedström et al., arXiv:2401.06465).

    H        the entropy of the histogram of a map's values, in equal bins from its least to its greatest
    rise     (H(randomised) - H(trained)) / H(trained); high is good, 0 for a map that does not see the weights

The model parameter randomisation test (MPRT) is `sanity_check`. What the paper finds wrong with it, that noise alone
makes maps dissimilar, eMPRT avoids by comparing no pixels. Its other remedy, sMPRT, averages the maps of noisy images
before they are compared, from the first module to the last. That is the sanity check of `smooth_grad`:

    explain = jax.jit(lambda params: smooth_grad(apply, params, method=method, noise=0.1)(image, label, key=key))
    sanity_check(explain, params, cascading(params, modules(apply, params, images)[::-1], key))

Weights are permuted, as in `sanity_check`; the paper's are drawn anew.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax.scipy.special import entr

from groupcam_jax.checks import check_count
from groupcam_jax.division import divided
from groupcam_jax.metrics.sanity_check import check_modules, permuted
from groupcam_jax.types import Params, PRNGKey, Saliency, Scalar


def efficient_mprt(
    explain: Callable[[Params], Saliency], params: Params, order: list[str], key: PRNGKey, *, bins: int = 100
) -> Scalar:
    """The relative rise of a map's complexity when all modules lose their weights: two explanations.

    Args:
      explain: `saliency = explain(params)` of any range, for one image and one label, the one predicted with the
        trained weights; pass it jitted, see `sanity_check`.
      params: the trained weights.
      order: the modules to randomise, all of `modules(model_apply, params, images)`.
      key: draws the permutations.
      bins: of the histogram.

    Returns:
      At least -1; NaN if a map is not finite, or that of the trained weights is constant.

    Raises:
      ValueError: nothing is randomised, or what is no module, see `cascading`; bins below 1.
    """
    check_count("bins", bins)
    if not order:
        raise ValueError("order is empty: expected the modules to randomise, see `modules`")
    check_modules(params, order)
    trained, randomised = (histogram_entropy(explain(one), bins) for one in (params, permuted(params, order, key)))
    return divided(randomised - trained, trained, otherwise=jnp.nan)


def histogram_entropy(saliency: Saliency, bins: int) -> Scalar:
    """The entropy of the histogram of a map's values, in nats; NaN for a map that is not finite."""
    counts, _ = jnp.histogram(saliency.astype(jnp.float32), bins)  # it counts in the dtype of the map
    entropy = entr(counts.astype(jnp.float32) / saliency.size).sum()
    return jnp.where(jnp.isfinite(saliency).all(), entropy, jnp.nan)
