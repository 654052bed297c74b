"""Class activation methods: a heat map from a layer's activation and the gradient of a class score in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast, runtime_checkable

import jax

from groupcam_jax.families.contract import described
from groupcam_jax.families.explainer import Aux, make_explainer
from groupcam_jax.program.cut import cut_at
from groupcam_jax.stages.masks import unit_range, upsample
from groupcam_jax.targets import Target, logit
from groupcam_jax.types import Activation, Explainer, HasAux, Heat, Image, LayerLike, Model, Params, Saliency


@runtime_checkable
class ClassActivationMap(Protocol):
    """The builder of a class activation method, defined by a function of activation and gradient."""

    def __call__(
        self,
        model_apply: Model,
        params: Params,
        *,
        layer: LayerLike = None,
        target: Target = logit,
        has_aux: HasAux = False,
    ) -> Explainer[HasAux, Aux]:
        """Builds the explainer of a classifier: one forward pass, and one backward above the layer.

        Args:
          model_apply: the classifier, see `Model`.
          params: its weights, any pytree; may be traced.
          layer: where to cut it: scope name, index of `list_layers`, `Layer`; None for the last spatial activation.
          target: the score that is differentiated, a function of the logits and the label.
          has_aux: whether the explainer returns `(saliency, aux)`, aux being the label and the logits.

        Returns:
          `explain(image, label=None, *, key=None)`, see `Explainer`: saliency `[h, w]` in [0, 1], float32, all 0 if
          nothing speaks for the class.

        Raises:
          ValueError, TypeError: in the explainer, see `Explainer`.
        """
        ...


def class_activation_map(heat: Callable[[Activation, Activation], Heat]) -> ClassActivationMap:
    """Turns a function of activation and gradient into a method.

    Negative heat speaks against the class and is set to 0; the rest is enlarged bilinearly to the image and rescaled to
    [0, 1]. `inspect.unwrap(builder)` returns the function itself.

    Args:
      heat: `heat(activation, gradient) -> [u, v]`: the layer's activation `[u, v, k]` and the gradient of the class
        score in it, both float32. Its docstring begins the builder's.
    """

    def build(model_apply, params, *, layer=None, target=logit, has_aux: HasAux = False):
        def explain(image, label, key):
            del key  # deterministic
            cut = cut_at(model_apply, params, image, layer)
            label, logits, gradient = cut.gradient(target, label)
            return show_heat(heat(cut.activation, gradient), image), Aux(label, logits)

        return make_explainer(explain, has_aux=has_aux)

    return cast(ClassActivationMap, described(build, heat, ClassActivationMap))


def show_heat(heat: Heat, image: Image) -> Saliency:
    """Enlarges the positive heat to the size of the image, in [0, 1]."""
    return unit_range(upsample(jax.nn.relu(heat), image.shape[:2]))
