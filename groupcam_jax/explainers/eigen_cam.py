"""EigenCAM: what the channels show most of, whatever the class (Muhammad and Yeasin, arXiv:2008.00299).

    A          activation of the layer, as u v places of k channels, each channel less its mean
    v          the first right singular vector of A
    saliency   relu(A v), enlarged, rescaled to [0, 1]

The class plays no part. The paper does not center the channels. We do, as in pytorch-grad-cam: without centering, the
first vector is close to the mean map. The sign of a singular vector is arbitrary. We take the one that agrees with the
sum of the channels; published code takes whichever the solver returns.
"""

from __future__ import annotations

import jax.numpy as jnp

from groupcam_jax.families.class_activation import show_heat
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.types import Activation, Explainer, HasAux, Heat, LayerLike, Model, Params


def eigen_cam(
    model_apply: Model, params: Params, *, layer: LayerLike = None, has_aux: HasAux = False
) -> Explainer[HasAux, Aux]:
    """Builds the EigenCAM explainer of a classifier: one forward pass. The label changes nothing.

    Args:
      model_apply: the classifier, see `Model`.
      params: its weights, any pytree; may be traced.
      layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
      has_aux: whether the explainer returns `(saliency, Aux)`.

    Returns:
      `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32.
      All 0 if the activation is flat.

    Raises:
      ValueError, TypeError: in the explainer, see `Explainer`.
    """

    def explain(image, label, key):
        del key  # deterministic
        cut = cut_at(model_apply, params, image, layer)
        return show_heat(principal_map(cut.activation), image), Aux(*cut.classify(label))

    return make_explainer(explain, has_aux=has_aux)


def principal_map(maps: Activation) -> Heat:
    """Projects each place on the direction in which the channels vary most over space.

    It is an eigenvector of the inner products of the places [u v, u v] or of the channels [k, k], whichever are fewer.
    Its sign is the one that agrees with the sum of the channels. Maps that do not vary give 0.
    """
    height, width, channels = maps.shape
    places = maps.reshape(height * width, channels)
    places = places - places.mean(0, keepdims=True)
    scale = jnp.abs(places).max()
    places = places / jnp.where(scale == 0, 1, scale)  # else products of small numbers underflow
    if channels < height * width:
        _, directions = jnp.linalg.eigh(jnp.matmul(places.T, places, precision="highest"))
        projection = jnp.matmul(places, directions[:, -1], precision="highest")
    else:
        variances, directions = jnp.linalg.eigh(jnp.matmul(places, places.T, precision="highest"))
        projection = directions[:, -1] * jnp.sqrt(jnp.maximum(variances[-1], 0))
    agreement = jnp.dot(projection, places.sum(1), precision="highest")
    return jnp.where(agreement < 0, -projection, projection).reshape(height, width)
