"""Sensitivity-n and faithfulness correlation: do larger shares go with larger drops, over random sets of pixels?

    a    the sum of the attribution over n random pixels
    d    f(x) - f(x'), the drop of the score when the baseline replaces those pixels
    sensitivity-n             Pearson's correlation of a and d, for each of several n (Ancona et al., arXiv:1711.06104)
    faithfulness correlation  the same for one n (Bhatt et al., arXiv:2005.00631)

1 is best: the attribution of a linear model has it for every n. 0 where either does not vary beyond rounding errors:
for a constant map, or a score that does not see what is gone.

A pixel goes with all its channels. Quantus' `SensitivityN` draws nothing: it removes pixels in the order of the
attribution, one step after the other, and correlates the sum of a step with the drop of all steps so far.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, check_saliency, known_label, require_key
from groupcam_jax.metrics.measure import Measure, check_percentages, pixel_counts
from groupcam_jax.metrics.similarity import correlation
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import Baseline, constant
from groupcam_jax.stages.score import masked_confidence
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Model, Params, Scalar


def sensitivity_n(
    model_apply: Model,
    params: Params,
    *,
    percentages: Sequence[float] = (1, 2, 5, 10, 20, 40, 80),
    baseline: Baseline = constant(0.0),
    score: Target = logit,
    samples: int = 100,
    sample_batch: int | None = 10,
) -> Measure[Float[Array, " sizes"]]:
    """Builds the metric for a classifier: one forward pass per sample and percentage, plus one for the prediction.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      percentages: n in per cent of the pixels, between 0 and 100; counts are rounded to whole pixels.
      baseline: what replaces the pixels; if it is random, drawn once for all samples.
      score: the score f.
      samples: random sets of pixels for each n.
      sample_batch: changed images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key)` of one image `[h, w, c]` and an attribution `[h, w]`, of either
      sign; label None is the predicted class. The correlations `[percentages]`, in [-1, 1]; NaN if the image, the
      attribution or a score is not finite.

    Raises:
      ValueError: no percentages, or one not between 0 and 100; fewer than 2 samples, sample_batch below 1; when
        measuring: a percentage that is no pixel or all of them, image and saliency differ in size, no such class, or
        not one floating-point image.
      TypeError: when measuring: no key.
    """
    check_percentages(percentages)
    check_count("samples", samples)
    if samples == 1:
        raise ValueError("samples=1: expected at least 2, one alone does not correlate")
    check_batch("sample_batch", sample_batch)

    def measure(image, saliency, label=None, *, key=None):
        check_saliency(image, saliency)
        hide_key, draw_key = jax.random.split(require_key(key, "sensitivity_n"))
        counts = pixel_counts(percentages, image)
        image, saliency = jnp.asarray(image), jnp.asarray(saliency, jnp.float32)
        cut = cut_at_image(model_apply, params, image)
        label, _ = cut.classify(known_label(label))
        confidence = masked_confidence(cut, image, baseline, hide_key, score, label)
        centred = saliency - saliency.mean()  # the sums are smaller, and hold their differences in float32

        def attributed_and_left(entry):
            count, key = entry
            places = jax.random.permutation(key, jnp.arange(saliency.size, dtype=jnp.int32))
            gone = places.reshape(saliency.shape) < count
            return jnp.where(gone, centred, 0).sum(), confidence((~gone).astype(jnp.float32))

        draws = jax.random.split(draw_key, len(counts) * samples)
        entries = jnp.repeat(jnp.asarray(counts, jnp.int32), samples), draws
        attributed, left = (
            values.reshape(-1, samples) for values in map_batched(attributed_and_left, entries, sample_batch)
        )
        # The scores as they are, not the drops: so `correlation` can tell their differences from rounding errors.
        correlations = jax.vmap(correlation)(attributed, -left)
        valid = jnp.isfinite(saliency).all() & jnp.isfinite(image).all() & jnp.isfinite(left).all()
        return jnp.where(valid, correlations, jnp.nan)

    return measure


def faithfulness_correlation(
    model_apply: Model,
    params: Params,
    *,
    percentage: float = 10.0,
    baseline: Baseline = constant(0.0),
    score: Target = logit,
    samples: int = 100,
    sample_batch: int | None = 10,
) -> Measure[Scalar]:
    """Builds the metric for a classifier: one forward pass per sample, plus one for the prediction.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      percentage: how many pixels go at once, in per cent of all.
      baseline: what replaces the pixels; if it is random, drawn once for all samples.
      score: the score f.
      samples: random sets of pixels.
      sample_batch: changed images scored at once; None suits the device, see `batches`.

    Returns:
      `measure(image, saliency, label=None, *, key)`, in [-1, 1], see `sensitivity_n`.

    Raises:
      ValueError, TypeError: see `sensitivity_n`.
    """
    measure_sizes = sensitivity_n(
        model_apply,
        params,
        percentages=[percentage],
        baseline=baseline,
        score=score,
        samples=samples,
        sample_batch=sample_batch,
    )

    def measure(image, saliency, label=None, *, key=None):
        return measure_sizes(image, saliency, label, key=key)[0]

    return measure
