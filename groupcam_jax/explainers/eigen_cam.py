"""EigenCAM: what the channels show most of, whatever the class (Muhammad and Yeasin, arXiv:2008.00299).

    A          activation of the layer, as u v places of k channels, each channel less its mean
    v          the first right singular vector of A
    saliency   relu(A v), enlarged, rescaled to [0, 1]

The class plays no part. The paper does not center the channels; pytorch-grad-cam, which we follow, does: uncentered,
the first vector is close to the mean map. A singular vector has no sign: ours agrees with the sum of the channels,
where published code takes what the solver happens to return.
"""

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import Aux, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.principal import principal_map
from groupcam_jax.targets import resolve_label
from groupcam_jax.types import Explainer, Model, Params


def eigen_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    has_aux: bool = False,
) -> Explainer:
    """Builds the EigenCAM explainer of a classifier: one forward pass. The label changes nothing.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where the activation is
      flat, NaN for an image that is not finite or a traced label out of range.

    Raises:
      ValueError: in the explainer: no such layer or class, not one floating image.
    """

    def explain(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        logits = head(params, activation, skips)[0]
        heat = jax.nn.relu(principal_map(activation[0].astype(jnp.float32)))
        return unit_range(upsample(heat, image.shape[:2])), Aux(resolve_label(label, logits), logits)

    return make_explainer(explain, has_aux=has_aux)
