"""The networks of Keras 3, trained on ImageNet, on its JAX backend: `pretrained.load("keras:ResNet50")`.

Keras builds the network, finds or downloads its weights and preprocesses its pictures; nothing of it is rewritten here.
"""

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import ArrayLike

from groupcam_jax.types import Classifier
from pretrained.networks import imagenet


def load(name: str, weights: str | os.PathLike[str] | None = None) -> Classifier:
    """Loads a classifier of `keras.applications`.

    Args:
      name: such as "ResNet50".
      weights: a file of the network's weights in Keras's form, `.weights.h5`, instead of the published ones, which
        Keras downloads once.

    Returns:
      The classifier. `params` are its trainable variables, and `state` the others; the layer is found in the program.

    Raises:
      ImportError: Keras is not installed, or runs on another backend than JAX.
      ValueError: no such network, or the weights of another one.
      OSError: the file is missing, or the download fails.
    """
    keras = import_keras()
    builders = {
        name: build
        for name, build in inspect.getmembers(keras.applications, inspect.isfunction)
        if "include_top" in inspect.signature(build).parameters
    }
    if name not in builders:
        raise ValueError(f"keras.applications has no network {name!r}; there are {', '.join(builders)}")
    if weights is not None and not os.path.isfile(weights):
        raise FileNotFoundError(f"there is no file {os.fspath(weights)} with weights of keras:{name}")
    build = functools.partial(builders[name], classifier_activation=None)
    model = downloaded(name, build) if weights is None else build(weights=None)
    if weights is not None:
        load_weights(name, model, os.fspath(weights))
    preprocess_input = sys.modules[builders[name].__module__].preprocess_input
    groups = {"params": model.trainable_variables, "state": model.non_trainable_variables}
    params = {name: [variable.value for variable in group] for name, group in groups.items()}

    def apply(params: Any, images: jax.Array) -> jax.Array:
        return model.stateless_call(params["params"], params["state"], images, training=False)[0]

    def preprocess(pixels: ArrayLike) -> jax.Array:
        return jnp.asarray(preprocess_input(jnp.asarray(pixels, jnp.float32)))

    size = model.input_shape[1] or 224  # MobileNetV3 takes any; its weights were trained at 224
    return Classifier(apply, params, preprocess, imagenet.class_names(), None, size)


def downloaded(name: str, build: Callable[..., Any]) -> Any:
    """The model with its published weights; Keras downloads and checks them."""
    try:
        return build(weights="imagenet")
    except Exception as error:
        if type(error) is not Exception:  # which is what Keras raises when a download fails
            raise
        raise OSError(f"the weights of keras:{name} cannot be downloaded: {error}; --weights takes a file") from error


def load_weights(name: str, model: Any, path: str) -> None:
    """Loads a file, all of it: what Keras only warns of, layers that it leaves as they were, is an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{path} does not hold the weights of keras:{name}: {reason}") from error


def import_keras() -> ModuleType:
    """Imports Keras on JAX. Where nobody has chosen a backend yet, this one is chosen.

    Raises:
      ImportError: Keras is not installed, or another backend was chosen, or channel-first images.
    """
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")  # Keras reads it once, when it is imported
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name == "keras":
            raise ImportError('keras:NAME needs Keras 3: pip install "groupcam-jax[keras]"', name="keras") from None
        backend = error.name  # which was chosen, and is not installed
    else:
        backend = keras.backend.backend()
        if backend == "jax" and keras.config.image_data_format() != "channels_last":
            raise ImportError("keras:NAME needs keras.config.set_image_data_format('channels_last'), Keras's default")
        if backend == "jax":
            return keras
    raise ImportError(
        f"Keras was told to run on {backend}, and keras:NAME needs it on JAX: "
        "set the environment variable KERAS_BACKEND=jax, or leave it out, before Keras is imported"
    )
