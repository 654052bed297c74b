"""The library's contracts, Model, Explainer and Classifier, and the types of their arrays.

Shapes read h w c (image), u v k (activation: height, width, channels), g (groups), n (batch).
Images are as the model expects them, normalised; a saliency lies in [0, 1] unless its method says otherwise.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, overload, runtime_checkable

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt8

Params: TypeAlias = PyTree  # of arrays; other leaves (functions in Equinox modules) are kept as they are
Image = Float[Array, "h w c"]
Images = Float[Array, "n h w c"]
Pixels = UInt8[np.ndarray, "h w 3"]
Logits = Float[Array, " classes"]
Activation = Float[Array, "u v k"]
Activations = Float[Array, "n u v k"]
Heat = Float[Array, "u v"]
Mask = Float[Array, "h w"]
Masks = Float[Array, "g h w"]
ObjectMask = Bool[Array, "h w"]
Saliency = Float[Array, "h w"]
Attribution = Float[Array, "h w c"]
Scalar = Float[Array, ""]
Label = Int[Array, ""]
PRNGKey = Key[Array, ""]

HasAux = TypeVar("HasAux", Literal[True], Literal[False])
HasAux_co = TypeVar("HasAux_co", Literal[True], Literal[False], covariant=True)
Aux_co = TypeVar("Aux_co", covariant=True)


@runtime_checkable
class Model(Protocol):
    """An image classifier: Flax Linen's `module.apply` or any function of this form, bare, jitted or rematted."""

    # `Any`, because frameworks annotate their functions with their own array types.
    def __call__(self, params: Any, images: Any, /) -> Any:
        """Maps the weights and images `[n, h, w, c]` to logits `[n, classes]`."""
        ...


@runtime_checkable
class Explainer(Protocol[HasAux_co, Aux_co]):
    """What every builder returns: a pure function of ONE image, to be jitted, vmapped, differentiated or sharded.

    `label=None` explains the predicted class. `key` feeds the stochastic methods; the others ignore it. The saliency is
    `[h, w]`, float32. It is all NaN for an image that is not finite, a traced label out of range, or a class whose
    logit is NaN. With `has_aux=True` in the builder the result is `(saliency, aux)`, as in `jax.grad`; if the saliency
    is NaN, so is aux, except for the label and the logits.

    Raises:
      ValueError: not one floating image `[h, w, c]`; a concrete label that is not a class; no such layer in the model,
        or one that is not spatial; a model that does not return logits `[n, classes]`.
      TypeError: the key is needed but missing, or is not a key.
    """

    @overload
    def __call__(
        self: "Explainer[Literal[False], Aux_co]",
        image: Image,
        label: int | Label | None = None,
        *,
        key: PRNGKey | None = None,
    ) -> Saliency: ...
    @overload
    def __call__(
        self: "Explainer[Literal[True], Aux_co]",
        image: Image,
        label: int | Label | None = None,
        *,
        key: PRNGKey | None = None,
    ) -> tuple[Saliency, Aux_co]: ...


Skips: TypeAlias = PyTree
Features = Callable[[Params, Images], tuple[Activations, Skips]]
Head = Callable[[Params, Activations, Skips], Float[Array, "n classes"]]


@dataclasses.dataclass(frozen=True)
class Layer:
    """Where to cut a model, if a name or an index is not enough.

    Attributes:
      at: a scope name (the last activation within that scope), an index of `list_layers`, None for the last spatial
        activation that nothing bypasses, or a pair of functions `(features, head)`, see `split`.
      tokens_to_grid: where the model does not tell: of activations `[n, tokens, channels]` the height and width of the
        grid that the last tokens form; those before them (a class token) bypass the layer.
      data_format: where the model does not tell: "NHWC", or "NCHW" for channel-first activations.
    """

    at: str | int | tuple[Features, Head] | None = None
    tokens_to_grid: tuple[int, int] | None = None
    data_format: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.at, tuple):
            if len(self.at) != 2 or not all(map(callable, self.at)):
                raise TypeError(f"layer={self.at!r:.80}: of a pair, expected the functions (features, head)")
            if (self.tokens_to_grid, self.data_format) != (None, None):
                raise ValueError(
                    "layer=Layer((features, head), ...): the functions themselves say how activations are laid out; "
                    "leave tokens_to_grid and data_format out"
                )
        if self.tokens_to_grid is not None:
            sides = self.tokens_to_grid
            if (
                not isinstance(sides, tuple | list)
                or len(sides) != 2
                or not all(isinstance(n, int) and n > 0 for n in sides)
            ):
                raise ValueError(f"tokens_to_grid={sides!r}: expected (height, width) of the grid, or None")
        if self.data_format not in (None, "NHWC", "NCHW"):
            raise ValueError(f"data_format={self.data_format!r}: expected 'NHWC' or 'NCHW'")


LayerLike: TypeAlias = Layer | str | int | tuple[Features, Head] | None


class Classifier(NamedTuple):
    """A classifier with all that a caller needs to use it on pictures: what `pretrained.load` returns.

    The command line takes anything with these attributes from a user's own `--model file.py:factory`.

    Attributes:
      apply: `logits = apply(params, images)`, images `[n, h, w, 3]` preprocessed, logits `[n, classes]`.
      params: the weights.
      preprocess: uint8 `[h, w, 3]` in RGB to the floating image that `apply` expects.
      class_names: a name for each class.
      layer: where methods cut it by default: a name, an index, a `Layer` or None.
      image_size: height and width of the images, in pixels.
    """

    apply: Model
    params: Params
    preprocess: Callable[[Pixels], Image]
    class_names: Sequence[str]
    layer: LayerLike
    image_size: int
