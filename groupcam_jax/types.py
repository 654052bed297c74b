"""The library's contracts, Model, Explainer and Classifier, and the types of their arrays.

Shapes read h w c (image), u v k (activation: height, width, channels), g (groups), n (batch).
Images are as the model expects them, normalised; a saliency lies in [0, 1] unless its method says otherwise.
"""

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
    `[h, w]`, float32, and all NaN for an image that is not finite or a traced label out of range. With `has_aux=True`
    in the builder the result is `(saliency, aux)`, as in `jax.grad`; if the saliency is NaN, so is aux, except
    for the label and the logits.

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
    layer: object
    image_size: int
