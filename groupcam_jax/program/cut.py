"""A classifier cut at a layer for one image: all that a method needs of the model, in one value.

The model is traced once. A method needs the activation, the gradient of a score with respect to it, the logits for
another activation in its place, and the scores of other images.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from groupcam_jax.program.flat import Program
from groupcam_jax.program.output import trace_logits
from groupcam_jax.program.split import Parts, split_program
from groupcam_jax.targets import Target, bind, class_logits, of_independent, resolve_label
from groupcam_jax.types import Activation, Image, Label, LayerLike, Logits, Model, Params, Scalar, Skips


class Cut(NamedTuple):
    """One image in a model that is cut at a layer.

    Attributes:
      program: the whole model.
      params: its weights.
      parts: the model below and above the layer.
      value: the activation as the model computes it, `[u, v, k]`.
      skips: what bypasses the layer.
    """

    program: Program
    params: Params
    parts: Parts
    value: Activation
    skips: Skips

    @property
    def activation(self) -> Activation:
        """The activation in float32, whatever the model's dtype."""
        return self.value.astype(jnp.float32)

    @property
    def logits(self) -> Logits:
        """The model's logits."""
        return self.head(self.value)

    def classify(self, label: int | Label | None) -> tuple[Label, Logits]:
        """The label to explain, by default the predicted one, and the logits of all classes.

        Raises:
          ValueError: a label that is known and no class.
        """
        logits = self.logits
        return resolve_label(label, logits), class_logits(logits)

    def head(self, value: Activation) -> Logits:
        """The logits with another activation in place of this one."""
        return self.parts.head(self.params, value[None], self.skips)[0]

    def at(self, image: Image) -> "Cut":
        """The same cut with another image of the same shape."""
        return cut_program(self.program, self.params, image, self.parts)

    def gradient(self, target: Target, label: int | Label | None) -> tuple[Label, Logits, Activation]:
        """Differentiates a score with respect to the activation: one forward and one backward pass of the head.

        Args:
          target: the score to differentiate.
          label: class index, or None for the predicted class.

        Returns:
          The label, the logits and the gradient, float32. The gradient is all NaN if the score is NaN: for a traced
          label out of range it would otherwise be zero.

        Raises:
          ValueError: a bad concrete label, or a target that is not scalar.
        """
        logits, pull_back = jax.vjp(self.head, self.value)
        label = resolve_label(label, logits)
        score, slope = jax.value_and_grad(self.bind(target, label))(logits)
        (gradient,) = pull_back(slope)
        return label, class_logits(logits), jnp.where(jnp.isnan(score), jnp.nan, gradient.astype(jnp.float32))

    def bind(self, score: Target, label: int | Label) -> Callable[[Logits], Scalar]:
        """Returns the function from logits to a score, computed in float32.

        Of classes that do not exclude each other, the probability is each one's own.
        """
        of_class = bind(of_independent(score) if self.program.independent else score, label)
        return lambda logits: of_class(logits.astype(jnp.float32))

    def confidence(self, score: Target, label: Label) -> Callable[[Image], Scalar]:
        """Returns the function from one image to its score, float32 whatever the model's dtype."""
        score_of = self.bind(score, label)

        def confidence(image):
            images = image[None].astype(getattr(self.program.images.aval, "dtype", jnp.float32))
            return score_of(self.program(self.params, images)[0])

        return confidence


def cut_at(model_apply: Model, params: Params, image: Image, layer: LayerLike) -> Cut:
    """Cuts a model at a layer, for one image.

    Raises:
      ValueError: no such layer, or the model returns no logits.
      TypeError: the layer is none of the forms in `LayerLike`.
    """
    (cut,) = cuts_at(model_apply, params, image, [layer])
    return cut


def cuts_at(model_apply: Model, params: Params, image: Image, layers: Sequence[LayerLike]) -> list[Cut]:
    """Cuts a model at each of several layers, tracing it once; see `cut_at`."""
    program = trace_logits(model_apply, params, image[None])
    return [cut_program(program, params, image, split_program(program, layer)) for layer in layers]


def cut_at_image(model_apply: Model, params: Params, image: Image) -> Cut:
    """Cuts a model at its input: the image is the activation, and the whole model lies above."""
    return cut_program_at_image(trace_logits(model_apply, params, image[None]), params, image)


def cut_program_at_image(program: Program, params: Params, image: Image) -> Cut:
    """Cuts a traced model at the image; its backward rules may have been replaced."""

    def head(params, images, skips):
        del skips  # there are none
        return program(params, images)

    return cut_program(program, params, image, Parts(lambda params, images: (images, ()), head, "the image"))


def cut_program(program: Program, params: Params, image: Image, parts: Parts) -> Cut:
    """One image in a traced model that is already cut."""
    activation, skips = parts.features(params, image[None])
    return Cut(program, params, parts, activation[0], skips)
