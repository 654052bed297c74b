"""SmoothGrad: any explanation averaged over noisy copies of the image (Smilkov et al., arXiv:1706.03825).

    x_i        x + Gaussian noise, of standard deviation `noise` (max x - min x)
    saliency   the mean of the maps of x_1 ... x_n, for the class of x

Where the method inside reduces an attribution (gradient, integrated gradients, ...), that is averaged, with its signs,
and then reduced as the method does, as in the paper; the mean of its magnitudes would hide what the noise cancels. Of
other methods the maps are averaged. The code of Group-CAM's authors divides the noise by the range of x instead of
multiplying.
"""

from collections.abc import Callable

import jax

from groupcam_jax.explainer import Aux, check_count, make_explainer, require_key
from groupcam_jax.explainers.gradient import gradient
from groupcam_jax.program.flat import trace
from groupcam_jax.stages.batches import check_batch, sum_batched
from groupcam_jax.stages.perturb import add_noise
from groupcam_jax.targets import resolve_label
from groupcam_jax.types import Explainer, Model, Params


def smooth_grad(
    model_apply: Model,
    params: Params,
    *,
    method: Callable[..., Explainer] = gradient,
    samples: int = 50,
    noise: float = 0.15,
    sample_batch: int | None = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the SmoothGrad explainer of a classifier: `samples` times the method inside, plus a forward pass.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      method: the builder of the method inside; `functools.partial(gradient, reduce=signed)` gives it options.
      samples: noisy copies.
      noise: standard deviation of the noise as a share of the image's range of values.
      sample_batch: copies explained at once; None takes all, fewer need less memory.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key)`: saliency `[h, w]` in the range of the method inside, float32, NaN for an
      image that is not finite or a traced label out of range.

    Raises:
      ValueError: samples or sample_batch below 1, noise negative; in the explainer: as the method inside.
      TypeError: in the explainer: the key is missing.
    """
    check_count("samples", samples)
    if not noise >= 0:
        raise ValueError(f"noise={noise}: expected a share of the image's range of values, at least 0")
    check_batch("sample_batch", sample_batch)
    inside = method(model_apply, params, has_aux=True)
    reduce = getattr(inside, "reduce", None)

    def explain(image, label, key):
        key = require_key(key, "smooth_grad")
        logits = trace(model_apply, params, image[None])(params, image[None])[0]
        label = resolve_label(label, logits)

        def one(key):
            noise_key, method_key = jax.random.split(key)
            saliency, aux = inside(add_noise(image, noise, noise_key), label, key=method_key)
            return aux.attribution if reduce else saliency

        mean = sum_batched(one, jax.random.split(key, samples), sample_batch) / samples
        return reduce(mean) if reduce else mean, Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
