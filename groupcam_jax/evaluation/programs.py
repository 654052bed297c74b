"""The compiled program of each method: a batch of pictures in, measured values out."""

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.devices import spread
from groupcam_jax.evaluation.study import BatchProgram, Explain, Item, Measured, Study
from groupcam_jax.metrics.pointing_game import mask_of_boxes
from groupcam_jax.program.params import partition
from groupcam_jax.types import Classifier, Explainer, Model, Params, PRNGKey

MeasurePicture: TypeAlias = Callable[[Model, Params, Explain, Item], Measured]


def measuring(study: Study, measure: MeasurePicture) -> dict[str, BatchProgram]:
    """Builds programs that both explain and measure.

    Args:
      study: what is compared.
      measure: `(model_apply, params, explain, item) -> values` for one picture, to be jitted and vmapped.
        `explain(image, label)` has its key, which does not depend on the picture's batch or process.
    """
    arrays, rebuild = partition(study.classifier.params)

    def program(builder: functools.partial[Explainer]) -> BatchProgram:
        def one(arrays: Sequence[Array], item: Item) -> Measured:
            params = rebuild(arrays)
            explainer, key = builder(study.classifier.apply, params), item_key(study, item)
            boxed = mask_of_boxes(item.boxes, item.image.shape[:2])
            outlined = item.outlined & item.mask.any()  # resizing may leave no pixel of a tiny object
            item = item._replace(mask=jnp.where(outlined, item.mask, boxed), outlined=outlined)
            return measure(study.classifier.apply, params, lambda image, label: explainer(image, label, key=key), item)

        run = spread(one, study.batch)
        return lambda batch: run(arrays, items(study.classifier, batch))

    return {method: program(builder) for method, builder in study.builders.items()}


def item_key(study: Study, item: Item) -> PRNGKey:
    """The key of a picture."""
    return jax.random.fold_in(jax.random.key(study.seed), item.number)


def items(classifier: Classifier, batch: Batch) -> Item:
    """Turns a batch of a data set into the input of a program, with only the objects of the explained class."""
    shown = batch.categories == batch.labels[:, None]
    boxes = np.where(shown[:, :, None], batch.boxes, 0).astype(np.float32)
    others = ((batch.categories >= 0) & ~shown).any(1)
    images = np.stack([np.asarray(classifier.preprocess(image), np.float32) for image in batch.images])
    return Item._make((images, batch.labels, boxes, batch.masks, batch.outlined, others, batch.numbers))
