"""What most metric builders return: a pure function of one image and its saliency."""

from typing import Protocol, TypeVar, runtime_checkable

from groupcam_jax.types import Image, Label, PRNGKey, Saliency

Result = TypeVar("Result", covariant=True)


@runtime_checkable
class Measure(Protocol[Result]):
    """Measures the saliency of ONE image; to be jitted, vmapped or sharded."""

    def __call__(
        self, image: Image, saliency: Saliency, label: int | Label | None = None, *, key: PRNGKey | None = None
    ) -> Result:
        """Measures a saliency `[h, w]` of an image `[h, w, c]`; label None is the predicted class."""
        ...
