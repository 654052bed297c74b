"""Figure 6: the sanity checks of Adebayo et al. (arXiv:1810.03292): does the saliency change with the weights?

    python -m experiments.sanity_check --model vgg19 --data imagenet2012 --limit 20 --output results
    groupcam evaluate sanity-check ...        the same

The paper shows one picture for VGG19: the map of Group-CAM changes as the layers lose their weights.

Ours, MobileNetV2, 12 pictures of ImageNet's validation set, mean rank correlation over the modules (95 % intervals in
experiments/results; 2 cores of an AMD EPYC, 8 minutes beside other work):

                                          cascading  independent  blank maps, %
    Group-CAM                             0.06       0.26         14.6, 18.8
    Grad-CAM                              0.05       0.11         17.7, 2.1
    guided backpropagation                0.64       0.65         0

With the classifier alone lost, Group-CAM keeps a correlation of 0.81, Grad-CAM 0.27 and guided backpropagation 0.99;
with any module below it lost, the first two change and the last hardly does. So Group-CAM passes, as in the paper, but
it depends less on the classifier than Grad-CAM. A blank map, of a network whose every group votes against the class,
resembles nothing: it is left out of the correlations.

Both ways of randomising, at eight modules of the network, evenly spread from the last to the first. Similarity is that
with the map of the trained network; a low one is good.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from experiments.evaluation.devices import spread
from experiments.evaluation.estimates import Estimate, estimate
from experiments.evaluation.programs import item_key, items
from experiments.evaluation.randomisation import CASCADING, INDEPENDENT, MEASURES, draw
from experiments.evaluation.records import Row
from experiments.evaluation.study import Experiment, Item, Program, Study
from groupcam_jax.metrics.sanity_check import modules, permuted
from groupcam_jax.metrics.similarity import hog_similarity, spearman, ssim
from groupcam_jax.program.flat import partition

STAGES = 8


def randomisations(study: Study) -> dict[str, dict[str, Any]]:
    """The trees of each way of randomising, by the module that came last; made as they are asked for."""
    classifier = study.classifier
    size = classifier.image_size
    order = modules(classifier.apply, classifier.params, jax.ShapeDtypeStruct((1, size, size, 3), np.float32))
    places = np.unique(np.linspace(len(order) - 1, 0, STAGES).round().astype(int))[::-1]
    key = jax.random.key(study.seed)

    def tree(chosen: list[str]) -> Any:
        return functools.partial(permuted, classifier.params, chosen, key)

    return {
        CASCADING: {order[place]: tree(order[place:]) for place in places},
        INDEPENDENT: {order[place]: tree([order[place]]) for place in places},
    }


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, 0))
def similarities(one: Any, other: Any) -> dict[str, Any]:
    """How alike two batches of maps are."""
    return {
        "spearman": spearman(one, other),
        "ssim": ssim(one, other),
        "hog": hog_similarity(one, other, cell=one.shape[0] // 14),
    }


def programs(study: Study) -> dict[str, Program]:
    """The program of every method and way; one compiled explanation serves all trees."""
    arrays, rebuild = partition(study.classifier.params)
    trees = randomisations(study)

    def program(run: Any, way: str) -> Program:
        def compare(batch: Any) -> Mapping[str, np.ndarray]:
            pictures = items(study.classifier, batch)
            maps = [run(arrays, pictures)]
            values = []
            for tree in trees[way].values():
                maps.append(run(partition(tree())[0], pictures))
                values.append(similarities(maps[0], maps[-1]))
            stages = {name: np.stack([np.asarray(one[name]) for one in values], axis=1) for name in values[0]}
            # A map of nothing resembles nothing: it passes no check, and is told of by itself.
            blank = (np.stack(maps[1:], axis=1).max((2, 3)) == 0).astype(np.float32)
            stages = {name: np.where(blank, np.nan, values) for name, values in stages.items()} | {"blank": blank}
            names = np.array([list(trees[way])] * len(batch.ids))
            return {**stages, "modules": names, "maps": np.stack(maps, axis=1), "picture": batch.images}

        return compare

    def explain(builder: Any, arrays: Any, item: Item) -> Any:
        return builder(study.classifier.apply, rebuild(arrays))(item.image, item.label, key=item_key(study, item))

    return {
        f"{method}, {way}": program(run, way)
        for method, builder in study.builders.items()
        for run in [spread(functools.partial(explain, builder), study.batch)]
        for way in trees
    }


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """The mean similarity over the modules, and with all of them randomised or, alone, the first; blank maps apart."""

    def mean_of(name: str) -> Callable[[Row], float | None]:
        """The mean over the modules of a row, of those whose map is not blank."""

        def known_mean(row: Row) -> float | None:
            known = [value for value in row[name] if value is not None]
            return float(np.mean(known)) if known else None

        return known_mean

    columns = {f"{title}, mean": estimate(rows, mean_of(name), scale=1) for name, title in MEASURES.items()}
    columns["Spearman, first module"] = estimate(rows, lambda row: row["spearman"][-1], scale=1)
    columns["blank maps, %"] = estimate(rows, mean_of("blank"))
    return columns


EXPERIMENT = Experiment("Sanity checks", ("group-cam", "grad-cam", "guided-backprop"), programs, summarize, draw)

if __name__ == "__main__":
    from experiments.evaluate import main

    main("sanity-check")
