"""Where a picture and a substrate are blended: in their pixels, or in the features of an early layer; see `refined`."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from groupcam_jax.loops import switch
from groupcam_jax.program.cut import Cut, cut_program
from groupcam_jax.program.split import Parts
from groupcam_jax.stages.perturb import Baseline, hide
from groupcam_jax.targets import Target
from groupcam_jax.types import Activation, Image, Label, PRNGKey, Scalar


class Blend(NamedTuple):
    """The picture there, and what a blend of it is worth.

    Attributes:
      seen: the picture there, `[u, v, k]`.
      hidden: a substrate there, of its number and a key.
      confidence: the score of a blend of the two.
    """

    seen: Activation
    hidden: Callable[[Int[Array, ""], PRNGKey], Activation]
    confidence: Callable[[Activation], Scalar]


def blend_pixels(cut: Cut, image: Image, substrates: Sequence[Baseline], score: Target, label: Label) -> Blend:
    """Blends pixels: the whole model runs, and a random substrate is drawn anew by each key."""
    pixels = image.astype(jnp.float32)
    hide_by = [functools.partial(hide, one, pixels) for one in substrates]
    return Blend(pixels, lambda turn, key: switch(turn, hide_by, key), cut.confidence(score, label))


def blend_features(
    cut: Cut,
    parts: Parts,
    image: Image,
    substrates: Sequence[Baseline],
    keys: Key[Array, " keys"],
    score: Target,
    label: Label,
) -> Blend:
    """Blends features of an early layer: only what lies above it runs. Each substrate is drawn once, by its own key."""
    early = cut_program(cut.program, cut.params, image, parts)
    pixels = image.astype(jnp.float32)
    hidden = [hide(one, pixels, key).astype(image.dtype) for one, key in zip(substrates, keys, strict=False)]
    features = jax.vmap(lambda image: early.at(image).activation)(jnp.stack(hidden))
    score_of = cut.bind(score, label)

    def confidence(blend):
        return score_of(early.head(blend.astype(early.value.dtype)))

    return Blend(early.activation, lambda turn, key: features[turn], confidence)
