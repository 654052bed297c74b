"""Maximum sensitivity: how far a saliency moves when the image hardly does (Yeh et al., arXiv:1901.09392, section 4).

    max over d of |L(x + d) - L(x)| / |L(x)|,   d uniform in [-radius, radius] for every pixel and channel; low is good

The paper's definition does not divide by |L(x)|; its experiments and captum do. The authors' code divides again in
every step of its loop over d. A constant explanation has the lowest possible sensitivity: report the infidelity too.
"""

from typing import Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, require_key
from groupcam_jax.types import Explainer, Image, Label, PRNGKey, Scalar


@runtime_checkable
class MeasureExplainer(Protocol):
    """Measures an explainer at ONE image; to be jitted, vmapped or sharded."""

    def __call__(self, image: Image, label: int | Label, *, key: PRNGKey) -> Scalar:
        """Measures the explainer at an image `[h, w, c]` and a class."""
        ...


def max_sensitivity(
    explain: Explainer[Literal[False], Any], *, radius: float = 0.02, samples: int = 10, sample_batch: int | None = 1
) -> MeasureExplainer:
    """Builds the metric for an explainer: one explanation per sample, plus that of the image itself.

    Args:
      explain: the explainer, without `has_aux`.
      radius: the largest change of a value, in the units of the normalised image.
      samples: random changes to take the maximum over.
      sample_batch: changed images explained at once; None takes all, fewer need less memory.

    Returns:
      `measure(image, label, *, key)` of one image `[h, w, c]`: at least 0, and NaN if a saliency holds NaN. The key
      draws the changes and seeds the explainer, the same way for every image. A saliency of zeros counts as length 1,
      as in captum.

    Raises:
      ValueError: samples or sample_batch below 1, radius not positive.
      TypeError: when measuring: no key.
    """
    check_count("samples", samples)
    if not radius > 0:
        raise ValueError(f"radius={radius}: expected a positive number, in the units of the normalised image")
    check_batch("sample_batch", sample_batch)

    def measure(image, label, *, key=None):
        change_key, explain_key = jax.random.split(require_key(key, "max_sensitivity"))
        image = jnp.asarray(image)
        still = explain(image, label, key=explain_key)

        def moved(key):
            change = jax.random.uniform(key, image.shape, jnp.float32, -radius, radius).astype(image.dtype)
            return jnp.linalg.norm(explain(image + change, label, key=explain_key) - still)

        length = jnp.linalg.norm(still)
        farthest = map_batched(moved, jax.random.split(change_key, samples), sample_batch).max()
        return farthest / jnp.where(length == 0, 1, length)

    return measure
