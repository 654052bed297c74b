"""XRAI: regions of the picture, grown by how densely they hold attribution (Kapishnikov et al., arXiv:1906.02825).

    attribution   the mean of integrated gradients from several baselines, here the image's darkest and brightest value
    segments      over-segmentations of the image at several scales (Felzenszwalb), each segment dilated
    saliency      segments join the region one by one, always the one whose new pixels hold most attribution on average;
                  they get that average; rescaled to [0, 1]

As in the authors' code (PAIR saliency, "full"), the largest channel of the attribution counts, and a segment that would
add fewer than 50 pixels is dropped. Pixels that no segment covers get their own average. Our map and theirs correlate
above 0.9999 but are not equal: the integrated gradients differ by rounding. The regions are grown on the host, by NumPy
and scikit-image: the explainer works under jit and vmap, but has no gradient and cannot be exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from groupcam_jax.checks import check_batch
from groupcam_jax.families.explainer import make_explainer
from groupcam_jax.families.path_integral import Quadrature, check_steps, integrated_gradient, riemann_middle
from groupcam_jax.families.regions import felzenszwalb_segments, grow_regions, require_scikit_image
from groupcam_jax.families.segments import SegmentMasks, check_segments
from groupcam_jax.on_host import on_host
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.masks import unit_range
from groupcam_jax.stages.perturb import Baseline, brightest, darkest, hide
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Attribution, Explainer, HasAux, Label, Logits, Model, Params


class XraiAux(NamedTuple):
    """What `has_aux=True` returns besides the saliency: the mean of the integrated gradients."""

    label: Label
    logits: Logits
    attribution: Attribution


def xrai(
    model_apply: Model,
    params: Params,
    *,
    baselines: Sequence[Baseline] = (darkest, brightest),
    segments: SegmentMasks | None = None,
    rule: Quadrature = riemann_middle,
    steps: int = 50,
    target: Target = logit,
    step_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, XraiAux]:
    """Builds the XRAI explainer of a classifier: `steps` forward and backward passes for each baseline, plus one.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      baselines: where the paths of integrated gradients start.
      segments: masks of the segments, which may overlap, be empty or be traced; None finds them in the image (needs
        scikit-image).
      rule: the quadrature, see `integrated_gradients`.
      steps: points on each path.
      target: the score that is differentiated, a function of the logits and the label.
      step_batch: points differentiated at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, XraiAux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      Only random baselines use the key.

    Raises:
      ModuleNotFoundError: no segments are given and scikit-image is missing.
      ValueError: no baselines, steps or step_batch below 1; in the explainer: segments that are not masks of the
        image's size.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    if not baselines:
        raise ValueError("baselines=[]: expected at least one, such as constant(0.0)")
    if segments is None:
        require_scikit_image()
    check_steps(rule, steps)
    check_batch("step_batch", step_batch)

    def explain(image, label, key):
        if segments is not None:
            check_segments(segments, image.shape[:2])
        cut = cut_at_image(model_apply, params, image)
        label, logits = cut.classify(label)
        image = image.astype(jnp.float32)
        attribution = jnp.zeros_like(image)
        for number, baseline in enumerate(baselines):
            hidden = hide(baseline, image, None if key is None else jax.random.fold_in(key, number))
            attribution += integrated_gradient(cut, target, label, hidden, image, rule, steps, step_batch)
        attribution /= len(baselines)
        density = attribution.max(2)
        given = () if segments is None else (segments,)
        regions = on_host("xrai's growing of regions", host_regions, density, image, density, *given)
        return unit_range(regions), XraiAux(label, logits, attribution)

    return make_explainer(explain, has_aux=has_aux)


def host_regions(image: ArrayLike, density: ArrayLike, segments: ArrayLike | None = None) -> np.ndarray:
    """Segments an image, unless its segments are given, and grows the regions, on the host."""
    image, density = np.asarray(image), np.asarray(density)
    if not (np.isfinite(image).all() and np.isfinite(density).all()):
        return np.full(density.shape, np.nan, np.float32)
    masks = felzenszwalb_segments(image) if segments is None else np.asarray(segments)
    return grow_regions(density, masks).astype(np.float32)
