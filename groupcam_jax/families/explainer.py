"""The one signature of all methods: every builder wraps its method in it."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp

from groupcam_jax.checks import check_image, known_label, typed_key
from groupcam_jax.targets import pick
from groupcam_jax.types import Explainer, HasAux, Image, Label, Logits, PRNGKey, Saliency


class Aux(NamedTuple):
    """What most methods return besides the saliency with `has_aux=True`."""

    label: Label
    logits: Logits


A = TypeVar("A", bound=Any)  # a NamedTuple that begins like `Aux`
Method = Callable[[Image, int | Label | None, PRNGKey | None], tuple[Saliency, A]]


def make_explainer(method: Method[A], *, has_aux: HasAux) -> Explainer[HasAux, A]:
    """Turns a method `(image, label, key) -> (saliency, aux)` into an `Explainer`.

    The saliency is float32 whatever the model's dtype. It is all NaN for an image with NaN or infinity: a network may
    swallow either (a ReLU written as `where(x > 0, x, 0)` does), and would give a plausible map of a broken image. It
    is also all NaN for a traced label out of range, for which no error can be raised, and for a class whose logit is
    NaN or infinite. Then aux is NaN too, except for the label and the logits.

    Raises (in the explainer):
      ValueError: the image is not one floating image `[h, w, c]`.
      TypeError: the key is not one JAX random key.
    """

    def explain(image, label=None, *, key=None):
        check_image(image)
        image = jnp.asarray(image)
        saliency, aux = method(image, known_label(label), typed_key(key))
        valid = jnp.isfinite(image).all() & jnp.isfinite(pick(aux.logits, aux.label))

        def keep_valid(leaf):
            return jnp.where(valid, leaf, jnp.nan)

        saliency = keep_valid(saliency.astype(jnp.float32))
        made = {
            name: jax.tree.map(keep_valid, value) for name, value in aux._asdict().items() if name not in Aux._fields
        }
        return (saliency, aux._replace(**made)) if has_aux else saliency

    return cast(Explainer[HasAux, A], explain)
