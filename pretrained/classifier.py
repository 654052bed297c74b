"""A classifier with all that a caller needs to use it on pictures."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from groupcam_jax.types import Model


class Classifier(NamedTuple):
    """What `load` returns, and what the command line takes from a user's own `--model file.py:factory`.

    Attributes:
      apply: `logits = apply(params, images)`, images `[n, h, w, 3]` preprocessed, logits `[n, classes]`.
      params: the weights.
      preprocess: uint8 `[h, w, 3]` in RGB to the floating image that `apply` expects.
      class_names: a name for each class.
      layer: the layer to explain by default, see `groupcam_jax.split`.
      image_size: height and width of the images, in pixels.
      tokens_to_grid: the grid of the layer's tokens, for models of tokens.
      data_format: "NCHW" where the model's activations are channel-first.
    """

    apply: Model
    params: Any
    preprocess: Callable[[Any], Any]
    class_names: Sequence[str]
    layer: Any
    image_size: int
    tokens_to_grid: tuple[int, int] | None = None
    data_format: str = "NHWC"
