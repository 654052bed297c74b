"""Fine-tunes a network on your own pictures, augmented by what it finds salient itself (section 5 of the paper).

    groupcam fine-tune --model efficientnet-lite0 --data FOLDER            with the folders train/CLASS and val/CLASS
    groupcam fine-tune --model resnet50 --data imagenet2012                          as the paper, which had 8 GPUs
    groupcam fine-tune --model shapes --data scenes --batch 32 --epochs 1 --smallest-crop 0.5      drawn scenes, offline

The folder of results gets `weights.safetensors`, which `--weights` takes, `epochs.jsonl`, and checkpoints. A run that
is stopped, or killed, goes on from its last checkpoint when its command is given again, and ends with the same weights.
To share it among several processes, give each the same command with `--processes N --process I --coordinator
HOST:PORT`, and a folder that all of them can reach.
"""

from pathlib import Path
from typing import Annotated, Literal

import optax
import typer

from groupcam_jax.classifiers import load_classifier
from groupcam_jax.cli.consoles import console, errors
from groupcam_jax.cli.kept import NoCache
from groupcam_jax.cli.options import ClassNames, Coordinator, DataDir, Process, Processes, StateDict
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.evaluation.devices import connect
from groupcam_jax.evaluation.manifest import place_of
from groupcam_jax.evaluation.network import known_by
from groupcam_jax.training.augment import find_augmentation
from groupcam_jax.training.classes import fit_classes
from groupcam_jax.training.data import open_pair
from groupcam_jax.training.feed import Source, steps_per_epoch
from groupcam_jax.training.job import Job
from groupcam_jax.training.run import WEIGHTS, fine_tune
from groupcam_jax.training.stopping import Stopped
from groupcam_jax.training.trainable import trainable

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def run(
    model: Annotated[str, typer.Option(help="A network's name, or FILE.py:factory for your own.")] = "shapes",
    weights: Annotated[Path | None, typer.Option(help="What to begin with, instead of the published weights.")] = None,
    state_dict: StateDict = None,
    class_names: ClassNames = None,
    data: Annotated[str, typer.Option(help="A folder, imagenet2012, or scenes (drawn).")] = "scenes",
    validation: Annotated[
        str | None, typer.Option(help="A folder of categories held out; --data is then one as well, without train/.")
    ] = None,
    split: Annotated[str, typer.Option(help="Of a data set of TFDS, to train on.")] = "train",
    validation_split: Annotated[str, typer.Option(help="Of a data set of TFDS, held out.")] = "validation",
    data_dir: DataDir = None,
    new_head: Annotated[bool, typer.Option("--new-head", help="A new last layer, though the classes fit.")] = False,
    augment: Annotated[
        str, typer.Option(help="group-cam, another method of `groupcam methods`, or none.")
    ] = "group-cam",
    groups: Annotated[int | None, typer.Option(min=1, help="Groups of channels; 16 by default.")] = None,
    mask_batch: Annotated[
        int, typer.Option(min=1, help="Masks of each picture at once; more need memory, and are faster on a GPU.")
    ] = 1,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Quantile of the saliency below which pixels are blurred; its mean by default."
        ),
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the pictures that are augmented.")] = 1.0,
    epochs: Annotated[int, typer.Option(min=1)] = 20,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a step, on all devices together.")] = 256,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate.")] = 1e-3,
    decay_every: Annotated[int, typer.Option(min=1, help="Epochs after which the rate is divided by 10.")] = 15,
    momentum: Annotated[float, typer.Option(min=0, max=1)] = 0.9,
    weight_decay: Annotated[float, typer.Option(min=0)] = 1e-4,
    batch_stats: Annotated[
        Literal["frozen", "updated"],
        typer.Option(help="Statistics of batch norm, in training and after it; all of them."),
    ] = "frozen",
    frozen: Annotated[
        list[str] | None,
        typer.Option(
            help="Regular expression; arrays whose names it finds do not train; repeatable. Statistics go by "
            "--batch-stats."
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="Of the passes; weights are float32.")
    ] = "float32",
    smallest_crop: Annotated[float, typer.Option(min=0, max=1, help="Share of a picture in a crop, at least.")] = 0.08,
    image_size: Annotated[int | None, typer.Option(min=1, help="Pixels; the network's own by default.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(min=1, help="Steps; an epoch by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all that is random.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Batches that are read at once.")] = 4,
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("fine-tuned"),
    processes: Processes = 1,
    process: Process = 0,
    coordinator: Coordinator = None,
    no_cache: NoCache = False,
) -> None:
    """See above."""
    del no_cache  # heeded as it was read
    connect(coordinator, processes, process)
    console.quiet = process != 0  # all of them would say the same
    if batch % processes:
        raise ValueError(f"--batch {batch}: expected a multiple of the {processes} processes")
    if model.startswith("keras:"):
        raise ValueError(f"--model {model}: Keras trains its networks itself; a factory of your own may return one")
    classifier = load_classifier(model, weights, state_dict, class_names)
    if image_size is not None:
        classifier = classifier._replace(image_size=image_size)
    training, held_out = open_pair(data, validation, split, validation_split, data_dir)
    classifier, class_of, told = fit_classes(classifier, training.categories, new_head)
    network = trainable(classifier, frozen or [], batch_stats == "updated", dtype)
    counts = [sum(array.size for array in arrays.values()) for arrays in (network.trained, network.fixed)]
    console.print(f"{model}: {told}; {counts[0]:,} numbers train, {counts[1]:,} do not", markup=False)
    source = Source(training, class_of, classifier.image_size, batch, process, processes, threads)
    steps = range(decay_every, epochs, decay_every)
    schedule = optax.piecewise_constant_schedule(rate, {epoch * steps_per_epoch(source): 0.1 for epoch in steps})
    manifest = {
        "model": model,
        **known_by(model, classifier),
        "class_names": [*classifier.class_names],
        "data": place_of(data),
        "contents": [digest(*dataset.identities()) for dataset in (training, held_out)],
        "split": split,
        "new_head": new_head,
        "pictures": len(training),
        "validation": place_of(held_out.name),
        "augment": augment,
        "groups": groups,
        "threshold": threshold,
        "share": share,
        "batch": batch,
        "rate": rate,
        "decay_every": decay_every,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "batch_stats": batch_stats,
        "frozen": frozen,
        "dtype": dtype,
        "smallest_crop": smallest_crop,
        "image_size": classifier.image_size,
        "seed": seed,
    }
    usual = {"layer": classifier.layer, "mask_batch": mask_batch}
    job = Job(
        classifier,
        network,
        source,
        source._replace(dataset=held_out),
        schedule,
        optax.chain(optax.add_decayed_weights(weight_decay), optax.sgd(schedule, momentum)),
        find_augmentation(augment, network, groups, usual, threshold, share),
        epochs,
        checkpoint_every,
        smallest_crop,
        seed,
        manifest,
        output,
    )
    try:
        fine_tune(job, console, errors)
    except Stopped as stopped:
        errors.print(str(stopped), style="red")
        raise typer.Exit(130) from None
    console.print(f"to use it: groupcam explain PICTURE --model {model} --weights {output / WEIGHTS}", markup=False)
