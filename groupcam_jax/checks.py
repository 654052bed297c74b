"""Checks of arguments, and what the user is told if they fail."""

import math
import operator
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from groupcam_jax.types import Label, PRNGKey


def check_image(image: Any) -> None:
    """Raises unless this is one floating image `[h, w, c]`.

    Raises:
      TypeError: not an array.
      ValueError: an array of another shape or dtype.
    """
    if not hasattr(image, "dtype") or not hasattr(image, "shape"):
        raise TypeError(
            f"the image must be an array [h, w, c], got a {type(image).__name__}; normalise it as the model expects "
            "it, for example `jnp.asarray(image, jnp.float32) / 255`"
        )
    shape, dtype = jnp.shape(image), jnp.result_type(image)
    if len(shape) != 3 or 0 in shape:
        several = "; for a batch use jax.vmap(explain)(images); volumes [d, h, w, c] cannot be explained"
        raise ValueError(f"explain takes one image [h, w, c], got {[*shape]}{several if len(shape) == 4 else ''}")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"the image must be floating, normalised as the model expects it, got {dtype}")


def check_saliency(image: Any, saliency: Any) -> None:
    """Raises ValueError unless these are one floating image `[h, w, c]` and a saliency `[h, w]` of its size."""
    check_image(image)
    if jnp.shape(saliency) != jnp.shape(image)[:2]:
        raise ValueError(f"saliency {[*jnp.shape(saliency)]} does not fit the image {[*jnp.shape(image)]}")


def known_label(label: Any) -> int | Label | None:
    """Turns a class index into a Python integer if its value is known; a traced one stays, as does None.

    Raises:
      ValueError: it is not an integer scalar.
    """
    if label is None:
        return None
    if not hasattr(label, "dtype") and not isinstance(label, int | float):
        raise ValueError(f"label must be one class index, an integer, got {label!r:.80}")
    if jnp.shape(label) != () or not jnp.issubdtype(jnp.result_type(label), jnp.integer):
        raise ValueError(
            f"label must be one class index, got {jnp.result_type(label)}{[*jnp.shape(label)]}; "
            "for a batch use jax.vmap(explain)(images, labels)"
        )
    return label if isinstance(label, jax.core.Tracer) else int(label)


def typed_key(key: Any) -> PRNGKey | None:
    """Turns a key from `jax.random.key` or `jax.random.PRNGKey`, of any generator, into a typed one; None stays.

    Raises:
      TypeError: it is something else.
    """
    if key is None:
        return None
    dtype, shape = getattr(key, "dtype", type(key)), jnp.shape(key)
    if isinstance(key, jax.Array) and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
        return key
    # Raw keys do not name their generator: take the default one if the number of words fits.
    default = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0))).shape
    generators = {(2,): "threefry2x32", (4,): "rbg", default: None}
    if dtype == jnp.uint32 and shape in generators:
        return jax.random.wrap_key_data(jnp.asarray(key), impl=generators[shape])
    raise TypeError(f"key must be one key, such as jax.random.key(0), got {dtype}{[*shape]}; for several use jax.vmap")


def require_key(key: Any, method: str) -> PRNGKey:
    """Returns the key of a stochastic method, typed.

    Raises:
      TypeError: there is none.
    """
    key = typed_key(key)
    if key is None:
        raise TypeError(f"{method} is stochastic and needs a key: pass key=jax.random.key(0)")
    return key


def check_count(name: str, value: Any, instead: str = "", *, least: int = 1) -> None:
    """Raises unless an option is an integer of at least `least`; `instead` says what else it may be.

    Raises:
      TypeError: it is not an integer.
      ValueError: it is below.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: expected an integer, at least {least}{instead}") from None
    if count < least:
        raise ValueError(f"{name}={value}: expected at least {least}{instead}")


def check_positive(name: str, value: float, more: str) -> None:
    """Raises ValueError unless an option is a positive finite number; `more` says in which unit, or gives one."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value}: expected a positive number{more}")


def check_batch(name: str, batch: int | None) -> None:
    """Raises ValueError or TypeError unless a batch is None or an integer of at least 1."""
    if batch is not None:
        check_count(name, batch, ", or None for what suits the device")


def check_noise(noise: float) -> None:
    """Raises ValueError unless this is a standard deviation, relative to the image's range of values."""
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise={noise}: expected a share of the image's range of values, at least 0")
