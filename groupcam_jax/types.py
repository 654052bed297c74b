"""The library's two contracts, Model and Explainer, and the arrays they speak of.

Shapes read h w c (image), u v k (activation: height, width, channels), g (groups), n (batch).
Images are as the model expects them, normalised; a saliency lies in [0, 1] unless its method says otherwise.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Int, Key

Params = Any  # any pytree of arrays
Image = Float[Array, "h w c"]
Logits = Float[Array, " classes"]
Activation = Float[Array, "u v k"]
Mask = Float[Array, "h w"]
Masks = Float[Array, "g h w"]
Saliency = Float[Array, "h w"]
Attribution = Float[Array, "h w c"]
Scalar = Float[Array, ""]
Label = Int[Array, ""]
PRNGKey = Key[Array, ""]


@runtime_checkable
class Model(Protocol):
    """An image classifier: Flax Linen's `module.apply` or any function of this form, bare, jitted or rematted."""

    def __call__(self, params: Any, images: Any, /) -> Any:
        """Maps the weights and images `[n, h, w, c]` to logits `[n, classes]`."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """What every builder returns: a pure function of ONE image, to be jitted, vmapped, differentiated or sharded.

    `label=None` explains the predicted class. `key` feeds the stochastic methods; the others ignore it. With
    `has_aux=True` in the builder it returns `(saliency, aux)`, as `jax.grad` does.
    """

    def __call__(self, image: Any, label: Any = None, *, key: Any = None) -> Any:
        """Maps one image `[h, w, c]` to a saliency `[h, w]`."""
        ...
