"""The compiled programs of an experiment: one per method that explains, and one that measures the maps of all.

An experiment says what is to be explained of a picture (`ask`), and what is measured of its maps (`measure`). The
methods know nothing of the experiment, so those of one program serve all experiments, and the measures, in which the
network stands as well, are compiled once and not once per method.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.devices import spread
from groupcam_jax.evaluation.study import Asked, BatchProgram, ExplainBatch, Item, Measured, Study
from groupcam_jax.metrics.pointing_game import mask_of_boxes
from groupcam_jax.program.cut import cut_at_image
from groupcam_jax.program.params import partition
from groupcam_jax.types import Classifier, Explainer, Images, Model, Params, Saliency

Given = TypeVar("Given")
Made = TypeVar("Made")
Labels: TypeAlias = Int[Array, " k"]
Maps: TypeAlias = Float[Array, "k h w"]
Ask: TypeAlias = Callable[[Model, Params, Item], tuple[Images, Labels]]
Measure: TypeAlias = Callable[[Model, Params, Item, Labels, Maps], Measured]


def make_study(
    classifier: Classifier, builders: Mapping[str, functools.partial[Explainer]], batch: int, seed: int
) -> Study:
    """A study of methods; each is compiled when it first explains a batch."""
    _, rebuild = partition(classifier.params)

    def explainer(builder: functools.partial[Explainer]) -> ExplainBatch:
        def explain(arrays: Sequence[Array], asked: Asked) -> Saliency:
            key = jax.random.fold_in(jax.random.key(seed), asked.number)
            return builder(classifier.apply, rebuild(arrays))(asked.image, asked.label, key=key)

        return spread(explain, batch)

    explainers = {method: explainer(builder) for method, builder in builders.items()}
    return Study(classifier, builders, explainers, batch, seed)


def ask_own(model_apply: Model, params: Params, item: Item) -> tuple[Images, Labels]:
    """Asks for the class that the picture shows."""
    del model_apply, params
    return item.image[None], jnp.asarray(item.label)[None]


def ask_predicted(model_apply: Model, params: Params, item: Item) -> tuple[Images, Labels]:
    """Asks for the class that the network predicts."""
    label, _ = cut_at_image(model_apply, params, item.image).classify(None)
    return item.image[None], label[None]


def measuring(study: Study, measure: Measure, ask: Ask = ask_own) -> dict[str, BatchProgram]:
    """Builds programs that explain pictures and measure their maps.

    Args:
      study: what is compared.
      measure: `(model_apply, params, item, labels, maps) -> values` of one picture, to be jitted and vmapped.
      ask: `(model_apply, params, item) -> images, labels`, the k explanations that are measured together. Their key
        is the picture's, whatever its batch or process.
    """
    arrays, rebuild = partition(study.classifier.params)
    apply = study.classifier.apply
    asking = spread(lambda arrays, item: ask(apply, rebuild(arrays), item), study.batch)

    @once_in_turn
    def asked(batch: Batch) -> tuple[Item, Images, Labels]:
        item = items(study.classifier, batch)
        return item, *asking(arrays, item)

    def of_objects(item: Item) -> Item:
        boxed = mask_of_boxes(item.boxes, item.image.shape[:2])
        outlined = item.outlined & item.mask.any()  # resizing may leave no pixel of a tiny object
        return item._replace(mask=jnp.where(outlined, item.mask, boxed), outlined=outlined)

    measured = spread(
        lambda arrays, given: measure(apply, rebuild(arrays), of_objects(given[0]), *given[1:]), study.batch
    )

    def program(explain: ExplainBatch) -> BatchProgram:
        def run(batch: Batch) -> Mapping[str, np.ndarray]:
            item, images, labels = asked(batch)
            maps = [
                explain(arrays, Asked(images[:, one], labels[:, one], item.number)) for one in range(labels.shape[1])
            ]
            return measured(arrays, (item, labels, np.stack(maps, axis=1)))

        return run

    return {method: program(explain) for method, explain in study.explainers.items()}


def once_in_turn(function: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """Calls a function once for each argument that differs from the last: all methods take one batch in turn."""
    last: list[tuple[Given, Made]] = []

    @functools.wraps(function)
    def remembering(given: Given) -> Made:
        if not last or last[0][0] is not given:
            last[:] = [(given, function(given))]
        return last[0][1]

    return remembering


def items(classifier: Classifier, batch: Batch) -> Item:
    """Turns a batch of a data set into the input of a program, with only the objects of the explained class."""
    shown = batch.categories == batch.labels[:, None]
    boxes = np.where(shown[:, :, None], batch.boxes, 0).astype(np.float32)
    others = ((batch.categories >= 0) & ~shown).any(1)
    images = np.stack([np.asarray(classifier.preprocess(image), np.float32) for image in batch.images])
    return Item._make((images, batch.labels, boxes, batch.masks, batch.outlined, others, batch.numbers))
