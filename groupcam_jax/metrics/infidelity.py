"""Infidelity: how badly an attribution predicts the effect of changing the image (Yeh et al., arXiv:1901.09392).

    a            sum of I L, the change I = x - x' times the attribution L, over pixels and channels
    b            f(x) - f(x'), the drop of the score
    infidelity   the mean of (a - b)^2 over random changed images x'; 0 is perfect
    scaled       the mean of (beta a - b)^2, with the attribution's best scale beta = mean(a b) / mean(a^2)

The authors' code and captum's `normalize=True` report the scaled one, the only one that makes sense for a saliency in
[0, 1]. For methods that attribute the score to the whole input, such as integrated gradients, I is the share of the
input that changes, (x - x') / x: `times_input=True`, captum's `multiply_by_inputs`.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, check_image, known_label, require_key
from groupcam_jax.division import at_most_one, divided
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages import perturb
from groupcam_jax.stages.perturb import Baseline, hide
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Attribution, Image, Label, Model, Params, PRNGKey, Scalar


class Infidelity(NamedTuple):
    """The infidelity of one attribution, unscaled and at its best scale, in squared units of the score."""

    infidelity: Scalar
    scaled: Scalar


@runtime_checkable
class MeasureAttribution(Protocol):
    """Measures the attribution of ONE image; to be jitted, vmapped or sharded."""

    def __call__(
        self, image: Image, attribution: Attribution, label: int | Label | None = None, *, key: PRNGKey
    ) -> Infidelity:
        """Measures an attribution `[h, w, c]` of an image `[h, w, c]`; label None is the predicted class."""
        ...


def infidelity(
    model_apply: Model,
    params: Params,
    *,
    changed: Baseline = perturb.noise(0.2),
    times_input: bool = False,
    score: Target = logit,
    samples: int = 100,
    sample_batch: int | None = 10,
) -> MeasureAttribution:
    """Builds the metric for a classifier: one forward pass per sample, plus one.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      changed: draws a changed image x' from an image and a key; the default is the paper's noisy baseline. For
        small changes use `lambda image, key: image + 0.01 * jax.random.normal(key, image.shape)`.
      times_input: whether the attribution is for the whole input, not per unit of it.
      score: the score f.
      samples: changed images to average over.
      sample_batch: changed images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, attribution, label=None, *, key) -> Infidelity` of one image and its attribution, both
      `[h, w, c]`; label None is the predicted class.

    Raises:
      ValueError: samples or sample_batch below 1; when measuring: image and attribution differ in shape, no
        such class, or not one floating-point image.
      TypeError: when measuring: no key.
    """
    check_count("samples", samples)
    check_batch("sample_batch", sample_batch)

    def measure(image, attribution, label=None, *, key=None):
        check_image(image)
        if attribution.shape != image.shape:
            raise ValueError(f"attribution {[*attribution.shape]} does not fit the image {[*image.shape]}")
        key = require_key(key, "infidelity")
        image = jnp.asarray(image)
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(known_label(label))
        whole, value = cut.bind(score, label)(logits), cut.confidence(score, label)
        image = image.astype(jnp.float32)
        unit = jnp.where(image == 0, 1, image) if times_input else jnp.ones_like(image)

        def predicted_and_true(key):
            other = hide(changed, image, key)
            return ((image - other) / unit * attribution).sum(), whole - value(other)

        predicted, true = map_batched(predicted_and_true, jax.random.split(key, samples), sample_batch)
        unit_change = at_most_one(predicted)
        scale = divided((unit_change * true).mean(), (unit_change**2).mean())
        return Infidelity(((predicted - true) ** 2).mean(), ((scale * unit_change - true) ** 2).mean())

    return measure
