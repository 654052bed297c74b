"""What most metric builders return, a pure function of one image and its saliency; and the score that it follows."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax.numpy as jnp
import numpy as np

from groupcam_jax.checks import known_label
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.targets import Target
from groupcam_jax.types import Image, Label, Model, Params, PRNGKey, Saliency, Scalar

Result = TypeVar("Result", covariant=True)


@runtime_checkable
class Measure(Protocol[Result]):
    """Measures the saliency of ONE image; to be jitted, vmapped or sharded."""

    def __call__(
        self, image: Image, saliency: Saliency, label: int | Label | None = None, *, key: PRNGKey | None = None
    ) -> Result:
        """Measures a saliency `[h, w]` of an image `[h, w, c]`; label None is the predicted class."""
        ...


def confidence_of(
    model_apply: Model, params: Params, image: Any, label: int | Label | None, score: Target
) -> tuple[Callable[[Image], Scalar], Image]:
    """The score of one image after another for a class, that of this image by default; and this image in float32."""
    image = jnp.asarray(image)
    cut = cut_at_image(model_apply, params, image)
    return cut.confidence(score, cut.classify(known_label(label))[0]), image.astype(jnp.float32)


def check_percentages(percentages: Any) -> None:
    """Raises ValueError unless these are percentages of an image's pixels, each a part of them."""
    if np.ndim(percentages) != 1 or not len(percentages) or not all(0 < one < 100 for one in percentages):
        raise ValueError(f"percentages={percentages!r}: expected at least one in a list, each between 0 and 100")


def pixel_counts(percentages: Sequence[float] | np.ndarray, image: Any) -> list[int]:
    """How many pixels the percentages of an image are, rounded.

    Raises:
      ValueError: a percentage that is no pixel or all of them.
    """
    pixels = image.shape[0] * image.shape[1]
    counts = [round(pixels * percentage / 100) for percentage in percentages]
    if not 0 < min(counts) <= max(counts) < pixels:
        raise ValueError(f"percentages={percentages!r} are no pixel, or all, of the image {[*image.shape]}")
    return counts
