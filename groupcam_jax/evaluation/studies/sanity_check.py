"""Sanity checks: how similar maps stay as the network loses its weights (Adebayo et al., arXiv:1810.03292).

Both ways of randomising are measured at eight modules, evenly spaced from the last to the first. Similarity is to the
map of the trained network; low is good. Blank maps, of either network, resemble nothing: they are left out and counted.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array, Float

from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import Estimate, estimate
from groupcam_jax.evaluation.measuring import items, once_in_turn
from groupcam_jax.evaluation.needs import need_class
from groupcam_jax.evaluation.records import Row
from groupcam_jax.evaluation.studies.randomisation import AXES, CASCADING, INDEPENDENT, MEASURES, draw
from groupcam_jax.evaluation.study import Asked, BatchProgram, Experiment, ExplainBatch, Measured, Ranking, Study
from groupcam_jax.metrics.sanity_check import modules, permuted
from groupcam_jax.metrics.similarity import similarity
from groupcam_jax.program.params import partition
from groupcam_jax.types import Params

MODULES = 8


def randomisations(study: Study) -> dict[str, dict[str, Callable[[], Params]]]:
    """The trees of each way of randomising, by the module randomised last; made on demand."""
    classifier = study.classifier
    size = classifier.image_size
    order = modules(classifier.apply, classifier.params, jax.ShapeDtypeStruct((1, size, size, 3), np.float32))
    places = np.unique(np.linspace(len(order) - 1, 0, MODULES).round().astype(int))[::-1]
    key = jax.random.key(study.seed)

    def tree(chosen: list[str]) -> Callable[[], Params]:
        return functools.partial(permuted, classifier.params, chosen, key)

    return {
        CASCADING: {order[place]: tree(order[place:]) for place in places},
        INDEPENDENT: {order[place]: tree([order[place]]) for place in places},
    }


@jax.jit
def similarities(ones: Float[Array, "n h w"], others: Float[Array, "n h w"]) -> Measured:
    """How similar two batches of maps are; as many cells of HOG as 16 pixels give at 224 x 224."""
    return jax.vmap(functools.partial(similarity, cell=max(1, ones.shape[1] // 14)))(ones, others)._asdict()


def programs(study: Study) -> dict[str, BatchProgram]:
    """One program per method and way of randomising; the compiled explanation serves all trees."""
    arrays, _ = partition(study.classifier.params)
    trees, prepared = randomisations(study), once_in_turn(functools.partial(items, study.classifier))

    def program(explain: ExplainBatch, way: str) -> BatchProgram:
        def compare(batch: Batch) -> Mapping[str, np.ndarray]:
            item = prepared(batch)
            asked = Asked(item.image, item.label, item.number)
            maps = [explain(arrays, asked)]
            values = []
            for tree in trees[way].values():
                maps.append(explain(partition(tree())[0], asked))
                values.append(similarities(maps[0], maps[-1]))
            stages = {name: np.stack([np.asarray(one[name]) for one in values], axis=1) for name in values[0]}
            # A blank map, of either network, resembles nothing: it passes no check, and is reported separately.
            brightest = np.stack(maps, axis=1).max((2, 3))
            either = brightest[:, :1] * brightest[:, 1:]
            blank = np.where(np.isnan(either), np.nan, either == 0).astype(np.float32)
            stages = {name: np.where(blank, np.nan, values) for name, values in stages.items()} | {"blank": blank}
            names = np.array([list(trees[way])] * len(batch.ids))
            return {**stages, "modules": names, "maps": np.stack(maps, axis=1), "picture": batch.images}

        return compare

    return {f"{method}, {way}": program(explain, way) for method, explain in study.explainers.items() for way in trees}


def mean_of(name: str) -> Callable[[Row], float | None]:
    """The mean over those modules of a row for which no map is blank."""

    def known_mean(row: Row) -> float | None:
        known = [value for value in row[name] if value is not None]
        return float(np.mean(known)) if known else None

    return known_mean


def variants(study: Study) -> Study:
    """The methods behind the programs: those of the trained network, either way."""
    of_program = {f"{method}, {way}": method for method in study.builders for way in AXES}
    return study._replace(
        builders={program: study.builders[method] for program, method in of_program.items()},
        explainers={program: study.explainers[method] for program, method in of_program.items()},
    )


def summarize(rows: Sequence[Row]) -> dict[str, Estimate]:
    """The mean similarity over the modules, the similarity at the first module, and the share of blank maps."""

    columns = {f"{title}, mean": estimate(rows, mean_of(name), scale=1) for name, title in MEASURES.items()}
    columns["Spearman, first module"] = estimate(rows, lambda row: row["spearman"][-1], scale=1)
    columns["blank maps, %"] = estimate(rows, mean_of("blank"))
    return columns


EXPERIMENT = Experiment(
    "Sanity checks",
    ("group-cam", "grad-cam", "guided-backprop"),
    programs,
    summarize,
    Ranking("Spearman, mean", mean_of("spearman"), -1),
    draw,
    version=2,
    variants=variants,
    needs=need_class,
)
