"""A picture with the maps that explain it; a notebook shows it as a page to click through."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from groupcam_jax.plots import explanation_figure, methods_figure
from groupcam_jax.report.encode import encoded_map, picture_url
from groupcam_jax.report.page import page
from groupcam_jax.types import Pixels


@dataclass(frozen=True)
class Explained:
    """A picture with the maps that explain it. The last expression of a notebook's cell shows it.

    Explained(pixels, {"group-cam": [saliency]}, ["tabby"])

    Attributes:
      picture: uint8 `[H, W, 3]`.
      maps: by method, a map `[h, w]` per class, stretched over the picture; any arrays, kept as they are.
      classes: the names of the explained classes.
      probabilities: of these classes, where known.
      name: of the picture.
      others: names and probabilities of classes that are not explained, to be listed as well.

    Raises:
      ValueError: the picture is not uint8 `[H, W, 3]`; a method that has not one map `[h, w]` per class; not as many
        probabilities as classes; or no map at all.
    """

    picture: Pixels
    maps: Mapping[str, Sequence[Any]]
    classes: Sequence[str]
    probabilities: Sequence[float] | None = None
    name: str = "picture"
    others: Sequence[tuple[str, float]] = ()

    def __post_init__(self) -> None:
        if self.picture.dtype != np.uint8 or self.picture.ndim != 3 or self.picture.shape[2] != 3:
            raise ValueError(
                f"picture: expected uint8 [H, W, 3], got {self.picture.dtype} {[*self.picture.shape]}; "
                "give the picture before it is preprocessed"
            )
        if not self.maps or not len(self.classes):
            raise ValueError("there is nothing to show: expected at least one method and one class")
        for method, maps in self.maps.items():
            shapes = [list(np.shape(one)) for one in maps]
            if len(shapes) != len(self.classes) or any(len(shape) != 2 for shape in shapes):
                raise ValueError(
                    f"maps[{method!r}]: expected a list of {len(self.classes)} maps [h, w], one for each of the "
                    f"classes, got {shapes}"
                )
        if self.probabilities is not None and len(self.probabilities) != len(self.classes):
            raise ValueError(f"{len(self.probabilities)} probabilities for {len(self.classes)} classes")

    def plot(self) -> Figure:
        """Draws the explanation with Matplotlib: one method in detail, several side by side."""
        told = self.probabilities or [None] * len(self.classes)
        titles = [
            name.replace("_", " ") + ("" if chance is None else f"  {chance:.1%}")
            for name, chance in zip(self.classes, told, strict=True)
        ]
        if len(self.maps) > 1:
            return methods_figure(self.picture, self.maps, titles)
        return explanation_figure(self.picture, next(iter(self.maps.values())), titles)

    def card(self) -> dict[str, Any]:
        """What a page shows of it, ready for JSON."""
        told = self.probabilities or [None] * len(self.classes)
        return {
            "name": self.name,
            "picture": picture_url(self.picture),
            "height": self.picture.shape[0],
            "width": self.picture.shape[1],
            "classes": [
                {"name": name, "probability": finite(chance)} for name, chance in zip(self.classes, told, strict=True)
            ],
            "others": [{"name": name, "probability": finite(chance)} for name, chance in self.others],
            "maps": {
                method: [encoded_map(np.asarray(one, np.float32)) for one in maps] for method, maps in self.maps.items()
            },
        }

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that the styles of page and notebook stay apart."""
        inner = html.escape(page(self.name, [self.card()]))
        return f'<iframe srcdoc="{inner}" style="width: 100%; height: 34rem; border: 0" title="explanation"></iframe>'


def explained(
    picture: Pixels,
    maps: Mapping[str, Sequence[Any]],
    labels: Sequence[int],
    probabilities: np.ndarray,
    class_names: Sequence[str],
    name: str,
    listed: int,
) -> Explained:
    """Puts an explanation together.

    Args:
      picture: uint8 `[H, W, 3]`.
      maps: by method, a map `[h, w]` per label.
      labels: the explained classes.
      probabilities: of all classes.
      class_names: of all classes.
      name: of the picture.
      listed: how many of the likeliest classes are named, explained or not.
    """
    likeliest = [int(label) for label in np.argsort(-probabilities)[:listed]]
    return Explained(
        picture,
        maps,
        [class_names[label] for label in labels],
        [float(probabilities[label]) for label in labels],
        name,
        [(class_names[label], float(probabilities[label])) for label in likeliest if label not in labels],
    )


def finite(chance: float | None) -> float | None:
    """A probability, as far as JSON has it: NaN is none there, and no browser would read the page."""
    return None if chance is None or not math.isfinite(chance) else float(chance)
