"""Integrated Grad-CAM: Grad-CAM gathered on the way from a baseline (Sattarzadeh et al., arXiv:2102.07805).

    x_t        x' + t (x - x'), t in (0, 1], from the baseline x' to the image x
    M_t        relu(sum of w_k(t) A_k(t)): the Grad-CAM map of x_t before it is enlarged
    saliency   the integral of M_t, enlarged, rescaled to [0, 1]

As in the authors' code; the paper's equation has A_k(t) less the activation of the baseline in the place of A_k(t). The
code's points are the left ends of the steps (so that one step explains the baseline); ours are the right ends, the last
of them the image: one step is Grad-CAM. `rule` offers the others.
"""

import jax.numpy as jnp

from groupcam_jax.explainer import Aux, make_explainer
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.batches import check_batch
from groupcam_jax.stages.channels import grad_cam_heat, score_gradient
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.stages.path_integral import Rule, check_steps, integrate, riemann_right
from groupcam_jax.stages.perturb import Baseline, constant, hide
from groupcam_jax.targets import Target, logit, resolve_label
from groupcam_jax.types import Explainer, Model, Params


def integrated_grad_cam(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    target: Target = logit,
    baseline: Baseline = constant(0.0),
    rule: Rule = riemann_right,
    steps: int = 20,
    step_batch: int | None = None,
    has_aux: bool = False,
) -> Explainer:
    """Builds the Integrated Grad-CAM explainer of a classifier: `steps` forward passes, and backward above
    the layer, plus one forward.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      target: the score that is differentiated.
      baseline: where the path starts; the default, 0, is the mean colour of most models' normalised images.
      rule: the quadrature: `riemann_left`, `riemann_right`, `riemann_middle`, `trapezoid` or `gauss_legendre`.
      steps: points on the path.
      step_batch: points differentiated at once; None takes all, fewer need less memory.
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where no
      channel speaks for the class, NaN for an image that is not finite or a traced
      label out of range. The key feeds a baseline that draws.

    Raises:
      ValueError: steps or step_batch below 1; in the explainer: no such layer or class, not one floating image.
      TypeError: in the explainer: a key is needed and missing.
    """
    check_steps(rule, steps)
    check_batch("step_batch", step_batch)

    def explain(image, label, key):
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        logits = program(params, image[None])[0]
        label = resolve_label(label, logits)

        def heat_at(point):
            activation, skips = features(params, point[None].astype(image.dtype))
            _, _, gradient = score_gradient(head, params, activation, skips, target, label)
            return grad_cam_heat(activation[0], gradient)

        pixels = image.astype(jnp.float32)
        heat = integrate(heat_at, hide(baseline, pixels, key), pixels, rule, steps, step_batch)
        return unit_range(upsample(heat, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
