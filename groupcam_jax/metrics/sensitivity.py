"""How far an explanation moves when the image hardly does: low is good.

    d           a random change, uniform in [-radius, radius] for every pixel and channel
    maximum     max over d of |L(x + d) - L(x)| / |L(x)|    (Yeh et al., arXiv:1901.09392, section 4)
    average     the mean over d of the same                 (Bhatt et al., arXiv:2005.00631)
    Lipschitz   max over d of |L(x + d) - L(x)| / |d|       (Alvarez-Melis and Jaakkola, arXiv:1806.08049)

Yeh's and Bhatt's definitions do not divide by |L(x)|; Yeh's experiments, captum and Quantus do. The authors' code of
the maximum divides again in every step of its loop over d. Alvarez-Melis and Jaakkola search for the worst d; the
maximum over random ones, as in Quantus, is a lower bound.

A constant explanation has the lowest possible sensitivity: report the infidelity too.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.batches import map_batched
from groupcam_jax.checks import check_batch, check_count, check_positive, require_key
from groupcam_jax.types import Explainer, Image, Label, PRNGKey, Saliency, Scalar


@runtime_checkable
class MeasureExplainer(Protocol):
    """Measures an explainer at ONE image; to be jitted, vmapped or sharded."""

    def __call__(self, image: Image, label: int | Label, *, key: PRNGKey) -> Scalar:
        """Measures the explainer at an image `[h, w, c]` and a class."""
        ...


def max_sensitivity(
    explain: Explainer[Literal[False], Any], *, radius: float = 0.02, samples: int = 10, sample_batch: int | None = 1
) -> MeasureExplainer:
    """Builds the metric for an explainer: one explanation per sample, plus that of the image itself.

    Args:
      explain: the explainer, without `has_aux`.
      radius: the largest change of a value, in the units of the normalised image.
      samples: random changes to take the maximum over.
      sample_batch: changed images explained at once; None suits the device, see `batches`.

    Returns:
      `measure(image, label, *, key)` of one image `[h, w, c]`: at least 0; NaN if a saliency holds NaN, or where the
      radius is so small that a change is lost in the precision of the image. The key draws the changes and seeds the
      explainer, the same way for every image. A saliency of zeros counts as length 1, as in captum.

    Raises:
      ValueError: samples or sample_batch below 1, radius not positive or infinite; when measuring: no label.
      TypeError: when measuring: no key.
    """
    return measure_moves("max_sensitivity", lambda moves: moves.relative.max(), explain, radius, samples, sample_batch)


def average_sensitivity(
    explain: Explainer[Literal[False], Any], *, radius: float = 0.02, samples: int = 10, sample_batch: int | None = 1
) -> MeasureExplainer:
    """Builds the metric for an explainer: the mean over the changes of which `max_sensitivity` is the maximum.

    Arguments, result and errors are those of `max_sensitivity`.
    """
    return measure_moves(
        "average_sensitivity", lambda moves: moves.relative.mean(), explain, radius, samples, sample_batch
    )


def local_lipschitz(
    explain: Explainer[Literal[False], Any], *, radius: float = 0.02, samples: int = 10, sample_batch: int | None = 1
) -> MeasureExplainer:
    """Builds the metric for an explainer: its largest slope, in saliency per unit of the normalised image.

    Arguments and errors are those of `max_sensitivity`. The result is at least 0, and NaN where that is.
    """
    return measure_moves(
        "local_lipschitz", lambda moves: (moves.moved / moves.change).max(), explain, radius, samples, sample_batch
    )


class Moves(NamedTuple):
    """The lengths of the random changes, and of the moves of the saliency: as they are, and in units of its own."""

    change: Float[Array, " samples"]
    moved: Float[Array, " samples"]
    relative: Float[Array, " samples"]


def random_change(image: Image, key: PRNGKey, radius: float) -> Image:
    """The image with a random change of every value."""
    return image + jax.random.uniform(key, image.shape, jnp.float32, -radius, radius).astype(image.dtype)


def relative_move(saliency: Saliency, moved: Saliency) -> Scalar:
    """How far a saliency has moved, in units of its length."""
    length = jnp.linalg.norm(saliency)
    return jnp.linalg.norm(moved - saliency) / jnp.where(length == 0, 1, length)


def measure_moves(
    metric: str,
    summarize: Callable[[Moves], Scalar],
    explain: Explainer[Literal[False], Any],
    radius: float,
    samples: int,
    sample_batch: int | None,
) -> MeasureExplainer:
    """Builds the metric that summarizes the moves of an explainer at an image."""
    check_count("samples", samples)
    check_positive("radius", radius, ", in the units of the normalised image")
    check_batch("sample_batch", sample_batch)

    def measure(image, label, *, key=None):
        if label is None:
            raise ValueError(
                f"{metric}: expected a label, without one each change would be explained for another class"
            )
        change_key, explain_key = jax.random.split(require_key(key, metric))
        image = jnp.asarray(image)
        still = explain(image, label, key=explain_key)

        def move(key):
            other = random_change(image, key, radius)
            moved = explain(other, label, key=explain_key)
            change = jnp.linalg.norm((other - image).astype(jnp.float32))
            moves = Moves(change, jnp.linalg.norm(moved - still), relative_move(still, moved))
            # Lost in the precision of the image, it says nothing: the move of 0 would be the best there is.
            return jax.tree.map(lambda length: jnp.where(change == 0, jnp.nan, length), moves)

        return summarize(map_batched(move, jax.random.split(change_key, samples), sample_batch))

    return measure
