"""Measures the methods as the paper does: one experiment per table or figure.

    groupcam evaluate insertion-deletion --model resnet50 --data imagenet2012 --limit 1000 --output results
    groupcam evaluate all --limit 20                 all of them on drawn scenes, with the embedded network, offline

Every picture's figures are written as they are measured. To resume a stopped run, give its command again: it ends with
the same table. To share a run among several processes, give each the same command with
`--processes N --process I --coordinator HOST:PORT`, and a folder that all of them can reach.
"""

import itertools
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from groupcam_jax.classifiers import load_classifier
from groupcam_jax.cli.consoles import errors
from groupcam_jax.cli.kept import NoCache
from groupcam_jax.cli.options import (
    ClassNames,
    Coordinator,
    DataDir,
    ModelName,
    Process,
    Processes,
    Report,
    StateDict,
    Weights,
)
from groupcam_jax.evaluation.categories import read_categories, union_classifier
from groupcam_jax.evaluation.contenders import build_methods
from groupcam_jax.evaluation.data import by_category, by_class, open_data, resize_shorter_and_crop, resize_straight
from groupcam_jax.evaluation.devices import meet
from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.manifest import hold, place_of
from groupcam_jax.evaluation.measuring import make_study
from groupcam_jax.evaluation.needs import require_classes
from groupcam_jax.evaluation.network import known_by
from groupcam_jax.evaluation.run import run
from groupcam_jax.evaluation.section import Section, section
from groupcam_jax.evaluation.studies import EXPERIMENTS, find_experiment
from groupcam_jax.report.page import check_replaceable, page, write_page

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 200, emoji=False)  # tables are wide


@app.command(help=__doc__)
def evaluate(
    name: Annotated[str, typer.Argument(help=f"{', '.join(EXPERIMENTS)}, or all.")],
    model: ModelName = "shapes",
    weights: Weights = None,
    state_dict: StateDict = None,
    class_names: ClassNames = None,
    data: Annotated[str, typer.Option(help="scenes (drawn), imagenet2012, coco/2017, or a folder.")] = "scenes",
    split: Annotated[
        str | None, typer.Option(help="Of the data, such as val2017; the only one, or TFDS's validation, by default.")
    ] = None,
    data_dir: DataDir = None,
    category_classes: Annotated[
        Path | None,
        typer.Option(help="JSON: category of the data -> classes of the network that mean it; by name without."),
    ] = None,
    resize: Annotated[
        Literal["straight", "crop"], typer.Option(help="To the network's size, or the centre at 7/8 of that scale.")
    ] = "straight",
    methods: Annotated[
        str | None, typer.Option("--methods", "--method", help="Separated by commas; each experiment has its own.")
    ] = None,
    masks: Annotated[int | None, typer.Option(help="Masks of RISE.")] = None,
    mask_batch: Annotated[int, typer.Option(min=1, help="Masks of a picture that are scored at once.")] = 8,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many pictures; all by default.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 4,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    output: Annotated[Path, typer.Option(help="Folder; each experiment has its own in it.")] = Path("results"),
    report: Report = None,
    processes: Processes = 1,
    process: Process = 0,
    coordinator: Coordinator = None,
    no_cache: NoCache = False,
) -> None:
    """See above."""
    del no_cache  # heeded as it was read
    if name != "all" and name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}, and all")
    if report is not None:
        check_replaceable(report)
    names = EXPERIMENTS if name == "all" else (name,)
    # Held before the processes meet: whoever does not hold a folder afterwards has done its share, or died.
    held = {one: hold(output / one, process) for one in names if processes > 1}
    meet(coordinator, processes, process)
    classifier = load_classifier(model, weights, state_dict, class_names)
    dataset = open_data(data, split, data_dir)
    categories = category_classes and read_categories(category_classes)
    experiments = {one: find_experiment(one) for one in names}
    if categories:
        classifier, dataset = union_classifier(classifier, categories), by_category(dataset, list(categories))
    else:
        matched = by_class(dataset, classifier.class_names)
        require_classes(matched, [experiment.needs for experiment in experiments.values()])
        dataset = matched.dataset
        if matched.told and process == 0:
            errors.print(matched.told, markup=False)
    size = classifier.image_size
    manifest = {
        "model": model,
        **known_by(model, classifier),
        "data": place_of(data),
        "split": split,
        "category_classes": categories,
        "resize": resize,
        "batch": batch,
        "seed": seed,
        "masks": masks,
    }
    asked = {
        one: list(dict.fromkeys(methods.replace("_", "-").split(",") if methods else experiment.methods))
        for one, experiment in experiments.items()
    }
    options = {"masks": masks, "mask_batch": mask_batch}
    builders = build_methods([*itertools.chain(*asked.values())], classifier, options)
    study = make_study(classifier, builders, batch, seed)  # of all, so that a method is compiled once for all
    whole = True
    sections: list[Section] = []
    for one, experiment in experiments.items():
        job = Job(
            experiment,
            study.of(asked[one]),
            dataset,
            lambda example: (
                resize_straight(example, size)
                if resize == "straight"
                else resize_shorter_and_crop(example, round(size * 8 / 7), size)
            ),
            limit,
            {"experiment": one, "version": experiment.version, **manifest},
            {"limit": limit, "methods": asked[one], "mask_batch": mask_batch},
            output / one,
            process,
            processes,
        )
        try:
            with held.get(one) or hold(output / one, process):
                outcome = run(job, console, errors)
            whole &= outcome.whole
            if report is not None and outcome.summary:
                with errors.status(f"explaining the best and the worst pictures of {one} again"):
                    sections.append(section(job, outcome))
        except KeyboardInterrupt:
            errors.print("stopped; what is measured is kept, and the same command goes on with the rest", style="red")
            raise typer.Exit(130) from None
    if report is not None and sections:
        told = {"network": model, "data": data, "seed": str(seed)}
        write_page(report, page("Evaluation", [card for one in sections for card in one.cards], told, sections))
        console.print(f"report: {report}")
    if not whole:
        raise typer.Exit(1)
