"""SmoothGrad: any explanation averaged over noisy copies of the image (Smilkov et al., arXiv:1706.03825).

    x_i        x + Gaussian noise, of standard deviation `noise` (max x - min x)
    saliency   the mean of the maps of x_1 ... x_n, for the class of x

    statistic=mean_square   the mean of their squares: SmoothGrad-squared (Hooker et al., arXiv:1806.10758)
    statistic=variance      their variance: VarGrad (Adebayo et al., arXiv:1810.03292); divided by n, as in captum

If the inner method reduces an attribution (gradient, integrated gradients, ...), the signed attributions are averaged
and then reduced, as in the paper: in a mean of magnitudes the noise would not cancel. For other methods the maps are
averaged. The code of Group-CAM's authors divides the noise by the range of x instead of multiplying. captum takes the
variance as a difference of two means, which leaves nothing but rounding of a small one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import moments_batched
from groupcam_jax.checks import check_batch, check_count, check_noise, require_key
from groupcam_jax.explainers.gradient import gradient
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.stages.perturb import add_noise
from groupcam_jax.types import Explainer, HasAux, Model, Params

Moment = Float[Array, "..."]  # of attributions [h, w, c] or of maps [h, w]
Statistic: TypeAlias = Callable[[Moment, Moment], Moment]


def mean(mean: Moment, variance: Moment) -> Moment:
    """The mean over the noisy copies: SmoothGrad (arXiv:1706.03825)."""
    del variance
    return mean


def mean_square(mean: Moment, variance: Moment) -> Moment:
    """The mean square over the noisy copies: SmoothGrad-squared (arXiv:1806.10758)."""
    return mean**2 + variance


def variance(mean: Moment, variance: Moment) -> Moment:
    """The variance over the noisy copies: VarGrad (arXiv:1810.03292)."""
    del mean
    return variance


def smooth_grad(
    model_apply: Model,
    params: Params,
    *,
    method: Callable[..., Explainer[Any, Any]] = gradient,
    samples: int = 50,
    noise: float = 0.15,
    statistic: Statistic = mean,
    sample_batch: int | None = None,
    has_aux: HasAux = False,
) -> Explainer[HasAux, Aux]:
    """Builds the SmoothGrad explainer of a classifier: `samples` times the inner method, plus a forward pass.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      method: the builder of the inner method, called as `method(model_apply, params, has_aux=True)`;
        `functools.partial(gradient, reduce=signed)` gives it options. If its aux has `attribution` and `reduce` (see
        `AttributionAux`), the attribution is averaged, otherwise the saliency.
      samples: number of noisy copies.
      noise: standard deviation of the noise as a share of the image's range of values.
      statistic: what is taken of the copies' attributions, or maps: `mean`, `mean_square` or `variance`.
      sample_batch: copies explained at once; None suits the device, see `batches`.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]`, float32.
      It has the range of the inner method, or of the statistic of its maps. The key draws the noise and is passed to
      that method.

    Raises:
      TypeError: a statistic that is no function of a mean and a variance.
      ValueError: samples or sample_batch below 1, noise negative; in the explainer: as in the inner method.
      ValueError, TypeError: in the explainer, see `Explainer`.
    """
    check_count("samples", samples)
    check_noise(noise)
    check_batch("sample_batch", sample_batch)
    try:
        jax.eval_shape(statistic, *[jax.ShapeDtypeStruct((1, 1), jnp.float32)] * 2)
    except TypeError as error:
        raise TypeError(
            f"statistic={statistic!r:.80}: expected a function (mean, variance) -> map, such as mean_square or variance"
        ) from error
    inside = method(model_apply, params, has_aux=True)

    def explain(image, label, key):
        key = require_key(key, "smooth_grad")
        label, logits = cut_at_image(model_apply, params, image).classify(label)

        def one(key):
            noise_key, method_key = jax.random.split(key)
            saliency, aux = inside(add_noise(image, noise, noise_key), label, key=method_key)
            # The moments leave `reduce` as it is: a `Partial` holds no arrays.
            return (aux.attribution, aux.reduce) if hasattr(aux, "reduce") else (saliency, as_it_is)

        (means, reduce), (variances, _) = moments_batched(one, jax.random.split(key, samples), sample_batch)
        return reduce(statistic(means, variances)), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)


as_it_is = jax.tree_util.Partial(lambda saliency: saliency)
