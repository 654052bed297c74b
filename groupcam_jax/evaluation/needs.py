"""What an experiment needs to know of a picture; one of which it is unknown is left out, and that is said."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from groupcam_jax.evaluation.data import BrokenPicture, Example, Matched

Need: TypeAlias = Callable[[Example, int], None]  # of a picture, and of the number of classes


def need_nothing(example: Example, classes: int) -> None:
    """Takes any picture: the class that the network predicts is explained."""
    del example, classes


def need_class(example: Example, classes: int) -> None:
    """Requires a class that the network knows.

    Raises:
      BrokenPicture: the picture has none.
    """
    if example.label < 0:
        raise BrokenPicture(
            example.id, "has no class of its own; --category-classes FILE makes one picture of each category it shows"
        )
    if example.label >= classes:
        raise BrokenPicture(example.id, f"has class {example.label}, but the network has 0 to {classes - 1}")


def need_box(example: Example, classes: int) -> None:
    """Requires a class that the network knows, and a box of an object of it.

    Raises:
      BrokenPicture: the picture has none.
    """
    need_class(example, classes)
    if not (example.categories == example.label).any():
        raise BrokenPicture(example.id, "has no box of its class, at least in the part that the network sees")


def require_classes(matched: Matched, needs: Iterable[Need]) -> None:
    """Requires a class for each category that is shown, if an experiment explains the picture's own class.

    Raises:
      ValueError: there is none; the message names the first categories without.
    """
    if matched.strangers and any(need != need_nothing for need in needs):
        raise ValueError(
            f"{matched.told}; pass --category-classes FILE, JSON from each category to the numbers of the classes that "
            'mean it, {"cat": [281, 282]}, or --class-names FILE if they are called otherwise in the data'
        )
