"""The one signature of all methods: what a builder wraps its method in before it returns it."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.types import Attribution, Explainer, Label, Logits, PRNGKey, Saliency

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
    broken image. So it is for a traced label that is out of range, which no error can tell of. What aux holds besides
    the label and the logits is NaN with it.

    Raises (in the explainer):
      ValueError: the image is not one floating image `[h, w, c]`.
      TypeError: the key is none of `jax.random.key`.
    """

    def explain(image: Any, label: Any = None, *, key: Any = None) -> Any:
        check_image(image)
        check_key(key)
        image = jnp.asarray(image)
        saliency, aux = method(image, label, key)
        valid = jnp.isfinite(image).all() & (aux.label >= 0) & (aux.label < aux.logits.shape[0])

        def keep_valid(leaf):
            return jnp.where(valid, leaf, jnp.nan)

        saliency = keep_valid(saliency.astype(jnp.float32))
        made = {
            name: jax.tree.map(keep_valid, value) for name, value in aux._asdict().items() if name not in Aux._fields
        }
        return (saliency, aux._replace(**made)) if has_aux else saliency

    return explain


def make_attributing_explainer(
    attribute: Callable[[Any, Any, Any], Any], *, reduce: Callable[[Any], Saliency], has_aux: bool
) -> Explainer:
    """Makes a method `(image, label, key) -> aux`, with an `attribution` in its aux, an `Explainer`.

    The explainer carries `reduce`, which makes its attribution its saliency: SmoothGrad averages before it reduces.
    """

    def method(image, label, key):
        aux = attribute(image, label, key)
        return reduce(aux.attribution), aux

    explain = make_explainer(method, has_aux=has_aux)
    vars(explain)["reduce"] = reduce
    return explain


def check_image(image: Any) -> None:
    """Raises ValueError unless this is one floating image `[h, w, c]`."""
    shape, dtype = jnp.shape(image), jnp.result_type(image)
    if len(shape) != 3 or 0 in shape:
        batch = "; for a batch use jax.vmap(explain)(images)" if len(shape) == 4 else ""
        raise ValueError(f"explain takes one image [h, w, c], got {[*shape]}{batch}")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"the image must be floating, normalised as the model expects it, got {dtype}")


def check_key(key: Any) -> None:
    """Raises TypeError unless this is None or one key, of `jax.random.key` or of `jax.random.PRNGKey`."""
    if key is None:
        return
    dtype, shape = getattr(key, "dtype", type(key)), jnp.shape(key)
    typed = isinstance(key, jax.Array) and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if shape != (() if typed else (2,)) or not (typed or dtype == jnp.uint32):
        raise TypeError(
            f"key must be one key, such as jax.random.key(0), got {dtype}{[*shape]}; for several use jax.vmap"
        )


def check_count(name: str, value: Any, instead: str = "") -> None:
    """Raises unless an option is an integer of at least 1; `instead` tells what else it may be.

    Raises:
      TypeError: it is no integer.
      ValueError: it is below 1.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: expected an integer, at least 1{instead}") from None
    if count < 1:
        raise ValueError(f"{name}={value}: expected at least 1{instead}")


def require_key(key: Any, method: str) -> PRNGKey:
    """Returns the key of a stochastic method.

    Raises:
      TypeError: there is none.
    """
    if key is None:
        raise TypeError(f"{method} is stochastic and needs a key: explain(image, label, key=jax.random.key(0))")
    return key
