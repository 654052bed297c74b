"""Excitation backpropagation: who wins the vote, passed down from winner to winner (Zhang et al., arXiv:1608.00507).

    P(A)          the probability that a winner-take-all walk from the class passes through A: from a unit to those
                  below it with odds proportional to their activation times the positive part of the weight
    contrastive   relu(P(A) - the same walk from a dual unit of the class, whose weights change their signs)
    saliency      the sum of P(A_k) over the channels of the layer, enlarged, rescaled to [0, 1]

The contrastive form (c-MWP) tells classes apart, the plain one hardly. Biases take no part. A batch norm that is not
folded into its convolution is a product with its scale: negative scales win nothing. Negative values of the layer
itself count as 0: choose one after a ReLU. The paper looks at middle layers; the default is the last, coarser.
"""

import jax
import jax.numpy as jnp

from groupcam_jax.explainer import Aux, make_explainer
from groupcam_jax.program.excitation import excite
from groupcam_jax.program.flat import trace
from groupcam_jax.program.split import Layer, split_program
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import resolve_label
from groupcam_jax.types import Explainer, Model, Params


def excitation_backprop(
    model_apply: Model,
    params: Params,
    *,
    layer: Layer = None,
    tokens_to_grid: tuple[int, int] | None = None,
    data_format: str = "NHWC",
    contrastive: bool = True,
    has_aux: bool = False,
) -> Explainer:
    """Builds the excitation backpropagation explainer of a classifier: one forward pass, and one or two backward.

    Args:
      model_apply: `logits = model_apply(params, images)`, see `types.Model`.
      params: the model's weights, any pytree; may be traced.
      layer: scope name, index of `list_layers`, `(features, head)`, or None for the last spatial activation.
      tokens_to_grid: height and width of the grid that the layer's tokens form, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
      contrastive: whether what excites the opposite of the class is taken away (c-MWP).
      has_aux: whether to return `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`: saliency `[h, w]` in [0, 1], float32, all 0 where nothing excites the
      class, NaN for an image that is not finite or a traced label out of range.

    Raises:
      ValueError: in the explainer: an operation above the layer that has no rule, such as gelu or silu; no such layer
        or class, not one floating image.
    """

    def explain(image, label, key):
        del key  # deterministic
        program = trace(model_apply, params, image[None])
        features, head = split_program(program, layer, tokens_to_grid, data_format)
        activation, skips = features(params, image[None])
        above = trace(lambda params, grid: head(params, grid, skips), params, activation)
        logits = above(params, activation)[0]
        label = resolve_label(label, logits)
        activation = jax.nn.relu(activation)

        def winning(*, negate_last):
            """The probability of the walk through each place and channel."""
            votes, pull_back = jax.vjp(
                lambda excitation: excite(above, params, activation, excitation, negate_last=negate_last)[0], activation
            )
            here = jnp.arange(logits.shape[0]) == label
            (gradient,) = pull_back(jnp.where(here & (votes > 0), 1 / jnp.where(votes > 0, votes, 1), 0))
            return (activation * gradient)[0].astype(jnp.float32).sum(2)

        heat = winning(negate_last=False)
        if contrastive:
            heat = jax.nn.relu(heat - winning(negate_last=True))
        return unit_range(upsample(heat, image.shape[:2])), Aux(label, logits)

    return make_explainer(explain, has_aux=has_aux)
