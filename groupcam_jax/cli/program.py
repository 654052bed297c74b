"""A compiled program that explains pictures with one method."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.compiler import compiler_options
from groupcam_jax.program.flat import trace
from groupcam_jax.program.output import below_link, probabilities
from groupcam_jax.program.params import partition
from groupcam_jax.types import Classifier, Explainer, Pixels

T = TypeVar("T")


class Explanation(NamedTuple):
    """One class of one picture: the saliency `[h, w]`, the class, and the probabilities `[classes]`."""

    saliency: np.ndarray
    label: int
    probabilities: np.ndarray

    @property
    def probability(self) -> float:
        """The probability of the explained class."""
        return float(self.probabilities[self.label])


ExplainPicture: TypeAlias = Callable[[Pixels, int | None], Explanation]  # of a picture and a label


def compile_explainer(
    builder: functools.partial[Explainer], classifier: Classifier, *, seed: int, predicted: bool
) -> ExplainPicture:
    """Compiles one program for all pictures, with the weights as arguments.

    Args:
      builder: a method with its options, without the model.
      classifier: what is explained, see `groupcam_jax.types`.
      seed: for the key of random methods.
      predicted: whether to explain the predicted class (the label is None) or a named one.

    Returns:
      `(uint8 picture [size, size, 3], label) -> Explanation`.
    """
    arrays, rebuild = partition(classifier.params)

    def explain(arrays, image, label):
        params = rebuild(arrays)
        model = trace(classifier.apply, params, image[None])  # once, for the method and for the probabilities
        saliency, aux = builder(model, params, has_aux=True)(image, label, key=jax.random.key(seed))
        return saliency, aux.label, probabilities(below_link(model), aux.logits)

    def arguments(pixels: Pixels, label: int | None) -> tuple[Any, ...]:
        image = jnp.asarray(classifier.preprocess(pixels), jnp.float32)
        return arrays, image, None if label is None else jnp.asarray(label, jnp.int32)

    blank = np.zeros((classifier.image_size, classifier.image_size, 3), np.uint8)
    program = jax.jit(explain, compiler_options=compiler_options())
    compiled = program.lower(*arguments(blank, None if predicted else 0)).compile()

    def run(pixels: Pixels, label: int | None) -> Explanation:
        with jax.disable_jit(False):  # even while the user debugs: a compiled program has no other form
            saliency, chosen, probabilities = compiled(*arguments(pixels, label))
        return Explanation(np.asarray(saliency), int(chosen), np.asarray(probabilities))

    return run


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Calls a function; returns its result and the time in seconds."""
    started = time.perf_counter()
    return function(), time.perf_counter() - started
