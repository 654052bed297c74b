"""The methods that are measured and drawn, as compiled programs of a batch of pictures."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

import groupcam_jax as g
from experiments.refined.measure import BLUR
from groupcam_jax.evaluation.contenders import build_methods
from groupcam_jax.types import Classifier, Saliency


def flat(model_apply: Any, params: Any, **options: Any) -> Any:
    """The warning: steps from a map that means nothing, with the blurred image alone."""

    def speck(model_apply: Any, params: Any, layer: Any = None) -> Any:
        del layer
        drawn = jax.random.normal(jax.random.key(0), (28, 28))
        return lambda image, label, key: jax.image.resize(drawn, image.shape[:2], "linear")

    free = {"feature_steps": 0, "steps": 24, "cells": 28, "smoothness": 0.3, "pull": 0.0}
    return g.refined(model_apply, params, method=speck, substrates=[BLUR], **free, **options)


COMPARED = "group-cam;grad-cam;refined-fast;refined at twice;refined;refined-far"
OWN: dict[str, Callable[..., Any]] = {
    "flat start": flat,
    "refined at twice": functools.partial(g.refined, method=g.grad_cam, feature_steps=20, steps=6, pull=0.1),
}  # beside the methods and controls of `groupcam evaluate`


def program(name: str, classifier: Classifier) -> Callable[..., Saliency]:
    """The compiled explanation of a batch of images and classes."""
    own = functools.partial(OWN[name], layer=classifier.layer) if name in OWN else None
    build = own or build_methods([name], classifier, {})[name]

    def explain(params, image, label):
        return build(classifier.apply, params)(image, label, key=jax.random.key(0))

    return jax.jit(jax.vmap(explain, (None, 0, 0)))


def predict(classifier: Classifier, images: Float[Array, "n h w c"]) -> Int[Array, " n"]:
    """The predicted classes of a batch of images."""
    return jax.jit(g.faster(classifier.apply))(classifier.params, images).argmax(1).astype(jnp.int32)
