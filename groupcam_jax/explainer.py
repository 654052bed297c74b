"""The one signature of all methods: what a builder wraps its method in before it returns it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from groupcam_jax.types import Attribution, Explainer, Label, Logits, PRNGKey

Method = Callable[[Any, Any, Any], tuple[Any, Any]]


class Aux(NamedTuple):
    """What most methods return besides the saliency with `has_aux=True`."""

    label: Label
    logits: Logits


class AttributionAux(NamedTuple):
    """What methods that attribute the score to every input return: the signed share of each pixel and channel."""

    label: Label
    logits: Logits
    attribution: Attribution


def make_explainer(method: Method, *, has_aux: bool) -> Explainer:
    """Makes a method `(image, label, key) -> (saliency, aux)` an `Explainer`.

    The saliency is float32 whatever the model computes in. It is all NaN for an image that holds NaN or infinity: a
    network may swallow either (a ReLU written as `where(x > 0, x, 0)` does), and would then show a plausible map of a
    broken image. So it is for a traced label that is out of range, which no error can tell of.

    Raises (in the explainer):
      ValueError: the image is not one floating image `[h, w, c]`.
    """

    def explain(image: Any, label: Any = None, *, key: Any = None) -> Any:
        check_image(image)
        image = jnp.asarray(image)
        saliency, aux = method(image, label, key)
        valid = jnp.isfinite(image).all() & (aux.label >= 0) & (aux.label < aux.logits.shape[0])
        saliency = jnp.where(valid, saliency.astype(jnp.float32), jnp.nan)
        return (saliency, aux) if has_aux else saliency

    return explain


def check_image(image: Any) -> None:
    """Raises ValueError unless this is one floating image `[h, w, c]`."""
    shape, dtype = jnp.shape(image), jnp.result_type(image)
    if len(shape) != 3 or 0 in shape:
        batch = "; for a batch use jax.vmap(explain)(images)" if len(shape) == 4 else ""
        raise ValueError(f"explain takes one image [h, w, c], got {[*shape]}{batch}")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"the image must be floating, normalised as the model expects it, got {dtype}")


def require_key(key: Any, method: str) -> PRNGKey:
    """Returns the key of a stochastic method.

    Raises:
      TypeError: there is none.
    """
    if key is None:
        raise TypeError(f"{method} is stochastic and needs a key: explain(image, label, key=jax.random.key(0))")
    return key
