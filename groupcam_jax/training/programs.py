"""The compiled programs of a training: examples as they are read in, the next state or figures out."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from groupcam_jax.training.devices import put, shardings
from groupcam_jax.training.feed import Examples
from groupcam_jax.training.step import (
    Augment,
    Item,
    Outcome,
    State,
    Sums,
    evaluation,
    first_state,
    no_sums,
    training_step,
)
from groupcam_jax.training.trainable import Trainable
from groupcam_jax.types import Classifier, Images


class Programs(NamedTuple):
    """What a training computes.

    Attributes:
      start: makes the first state of a seed, on all devices.
      train: makes one step; it takes the state away.
      measure: the sums over the pictures of some batches that count, as numbers.
    """

    start: Callable[[int], State]
    train: Callable[[State, Examples], tuple[State, Outcome]]
    measure: Callable[[State, Iterable[Examples]], Sums]


def compile_programs(
    classifier: Classifier,
    network: Trainable,
    optimizer: optax.GradientTransformation,
    augment: Augment | None,
    *,
    batch: int,
    steps_per_epoch: int,
) -> Programs:
    """Makes the programs for batches of a size, see `training_step`.

    Raises:
      ValueError: the devices cannot share a batch of this size.
    """
    everywhere, split = shardings(batch)
    here, there = preprocessing(classifier)
    one_step, sums_of = training_step(network, optimizer, augment, steps_per_epoch), evaluation(network)

    # What does not fit the network is told now, and not after the first evaluation.
    images = np.zeros((batch, classifier.image_size, classifier.image_size, 3), np.float32)
    like = put((images, np.zeros(batch, np.int32), images[..., 0] > 0), split)
    jax.eval_shape(one_step, jax.eval_shape(lambda: first_state(network, optimizer, 0)), Item(*like))

    def item(examples: Examples) -> Item:
        return Item(*put((here(examples.images), examples.labels, examples.masks), split))

    def prepared(batch: Item) -> Item:
        return batch._replace(image=there(batch.image))

    step = jax.jit(lambda state, batch: one_step(state, prepared(batch)), donate_argnums=0, out_shardings=everywhere)
    evaluate = jax.jit(lambda state, batch, counts: sums_of(state, prepared(batch), counts), out_shardings=everywhere)

    def measure(state: State, batches: Iterable[Examples]) -> Sums:
        total = no_sums()
        for examples in batches:
            sums = evaluate(state, item(examples)._replace(mask=None), put(examples.counts, split))
            total = jax.tree.map(lambda old, new: old + np.asarray(new), total, sums)
        return total

    return Programs(
        lambda seed: put(first_state(network, optimizer, seed), everywhere),
        lambda state, examples: step(state, item(examples)),
        measure,
    )


def preprocessing(classifier: Classifier) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[..., Images]]:
    """What is done to pictures on the host, and within the program: there if JAX can trace it."""
    size = classifier.image_size
    of_batch = jax.vmap(classifier.preprocess)

    def on_host(pixels: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(classifier.preprocess(one), np.float32) for one in pixels])

    try:
        jax.eval_shape(of_batch, jax.ShapeDtypeStruct((1, size, size, 3), jnp.uint8))
    except Exception:  # each library says in its own way that this is no picture; then it gets one
        return on_host, jnp.asarray
    return lambda pixels: pixels, lambda pixels: of_batch(pixels).astype(jnp.float32)
