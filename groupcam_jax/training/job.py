"""What a fine-tuning is to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import optax

from groupcam_jax.training.feed import Source
from groupcam_jax.training.step import Augment
from groupcam_jax.training.trainable import Trainable
from groupcam_jax.types import Classifier


class Job(NamedTuple):
    """What to train, on what, and how.

    Attributes:
      classifier: what is trained.
      network: as it is trained, from `trainable`.
      training: the pictures to train on.
      validation: the pictures to measure it on, in batches of the same size.
      rate: the learning rate at a step.
      optimizer: from gradients to updates.
      augment: see `training_step`.
      epochs: how many.
      every: steps between two checkpoints; None makes one after each epoch.
      smallest: the part of a picture that a random crop shows at least.
      seed: of the order, the crops and the augmentation.
      manifest: what distinguishes this run from others.
      folder: where the results go.
    """

    classifier: Classifier
    network: Trainable
    training: Source
    validation: Source
    rate: optax.Schedule
    optimizer: optax.GradientTransformation
    augment: Augment | None
    epochs: int
    every: int | None
    smallest: float
    seed: int
    manifest: Mapping[str, object]
    folder: Path
