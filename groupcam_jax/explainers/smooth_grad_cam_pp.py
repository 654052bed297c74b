"""Smooth Grad-CAM++: Grad-CAM++ with derivatives averaged over noise (Omeiza et al., arXiv:1908.01224).

    D1, D2, D3   means of g, g^2, g^3 over noisy copies of the image, g = dS/dA
    a_k          D2_k / (2 D2_k + sum over space of A_k times D3_k), 0 where that is 0
    w_k          sum over space of a_k relu(D1_k)
    saliency     relu(sum of w_k A_k), A of the image itself, enlarged, rescaled to [0, 1]

The noise is that of SmoothGrad: a share of the image's range of values. The code of Group-CAM's authors divides by the
range instead, and averages Grad-CAM maps of squared gradients. With one copy and no noise it is Grad-CAM++ with
`separate` coefficients, but for what guards its denominator.
"""

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import Aux, check_count, make_explainer, require_key
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.batches import check_batch, sum_batched
from groupcam_jax.stages.channels import score_gradient
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.perturb import add_noise
from groupcam_jax.targets import Target, logit, resolve_label
from groupcam_jax.types import Explainer, Model, Params


def smooth_grad_cam_pp(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    target: Target = logit,
    samples: int = 20,
    noise: float = 0.15,
    sample_batch: int | None = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Smooth Grad-CAM++ explainer of a classifier: `samples` forward passes, and backward above the
    layer, plus one forward.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      target: the score that is differentiated.
      samples: noisy copies.
      noise: standard deviation of the noise as a share of the image's range of values.
      sample_batch: copies differentiated at once; None takes all, fewer need less memory.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key)`: saliency `[h, w]` in [0, 1], float32, all 0 where no channel speaks for the
      class, NaN for an image that is not finite or a traced
      label out of range.

    Raises:
      ValueError: samples or sample_batch below 1, noise negative; in the explainer: no such layer or class, not one
        floating image.
      TypeError: in the explainer: the key is missing.
    """
    check_count("samples", samples)
    if not noise >= 0:
        raise ValueError(f"noise={noise}: expected a share of the image's range of values, at least 0")
    check_batch("sample_batch", sample_batch)

    def explain(image, label, key):
        key = require_key(key, "smooth_grad_cam_pp")
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        logits = head(params, activation, skips)[0]
        label = resolve_label(label, logits)

        def powers(key):
            noisy, bypassing = features(params, add_noise(image, noise, key)[None])
            _, _, gradient = score_gradient(head, params, noisy, bypassing, target, label)
            gradient = gradient.astype(jnp.float32)
            return gradient, gradient**2, gradient**3

        sums = sum_batched(powers, jax.random.split(key, samples), sample_batch)
        first, second, third = (total / samples for total in sums)
        maps = activation[0].astype(jnp.float32)
        denominator = 2 * second + maps.sum((0, 1), keepdims=True) * third
        coefficients = jnp.where(denominator == 0, 0, second / jnp.where(denominator == 0, 1, denominator))
        weights = (coefficients * jax.nn.relu(first)).sum((0, 1))
        heat = jax.nn.relu((weights[None, None] * maps).sum(2))
        return unit_range(upsample(heat, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
