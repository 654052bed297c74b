"""Trains one network of the comparison after the other, and measures each after every epoch."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.fine_tuning.arms import ARMS, augmentation, with_arms
from experiments.fine_tuning.tasks import Task
from groupcam_jax import faster, group_cam
from groupcam_jax.evaluation.records import append_rows, mend, read_rows
from groupcam_jax.files import whole_file
from groupcam_jax.metrics import energy_inside, hit
from groupcam_jax.training.feed import Source, steps_per_epoch, training_batches
from groupcam_jax.training.programs import Programs, compile_programs, preprocessing
from groupcam_jax.training.step import State, params_of
from groupcam_jax.training.trainable import Trainable, trainable
from groupcam_jax.types import Classifier

EPOCHS = 20
CHUNK, EXPLAINED = 50, 100  # pictures at once; pictures of each test whose maps are measured
DRAWN, DRAWN_AFTER = 4, (0, 5, 10, 15, 20)  # figure 8


def train_all(task: Task, arms: Sequence[str], seeds: Sequence[int], mask_batch: int | None, folder: Path) -> None:
    """Trains every arm from every seed that the folder does not have yet; a row for each epoch."""
    classifier = with_arms(task.classifier)
    network = trainable(classifier, frozen=["batch_stats"])
    source = Source(task.training, range(len(task.training.categories)), classifier.image_size, task.batch)
    per_epoch = steps_per_epoch(source)
    schedule = optax.exponential_decay(task.rate, 15 * per_epoch, 0.1, staircase=True)
    programs = compile_programs(
        classifier,
        network,
        optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(schedule, 0.9)),
        augmentation(classifier, task.outlined, mask_batch),
        batch=task.batch,
        steps_per_epoch=per_epoch,
    )
    measure = Measure(task, classifier, network)
    file = folder / "epochs.jsonl"
    if damaged := mend(file):
        print(damaged)
    done = {(row["arm"], row["seed"]) for row in read_rows(file)}
    if not (folder / "before.json").exists():
        write_maps(folder / "maps-0.npz", before := measure.before())
        (folder / "before.json").write_text(json.dumps(figures_of_maps(before, task)) + "\n")
    for seed in seeds:
        for arm in arms:
            if (arm, seed) not in done:
                started = time.perf_counter()
                rows = list(train_one(task, programs, measure, source, arm, seed, folder))
                append_rows(file, rows)
                shown = {name: round(value, 3) for name, value in rows[-1].items() if name.startswith("right")}
                print(arm, seed, shown, f"{time.perf_counter() - started:.0f} s", flush=True)


def train_one(
    task: Task, programs: Programs, measure: "Measure", source: Source, arm: str, seed: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """Trains a network; yields a row after each epoch."""
    per_epoch = steps_per_epoch(source)
    state = programs.start(seed)
    state = state._replace(fixed={**state.fixed, "arm": jnp.int32(ARMS.index(arm)) + 0 * state.fixed["arm"]})
    feed = training_batches(source, range(EPOCHS * per_epoch), seed, task.smallest)
    for epoch in range(1, EPOCHS + 1):
        for _ in range(per_epoch):
            state, _ = programs.train(state, next(feed))
        if not jnp.isfinite(state.sums.loss):
            raise ValueError(f"{arm}, seed {seed}: the loss is not finite in epoch {epoch}")
        last = epoch == EPOCHS
        row = {"arm": arm, "seed": seed, "epoch": epoch, "loss": float(state.sums.loss) / int(state.sums.pictures)}
        row |= measure.accuracy(state, 10_000 if last else 300)
        if last:
            row |= figures_of_maps(measure.maps(state), task)
        if seed == 0 and epoch in DRAWN_AFTER and arm == "group-cam":
            drawn = measure.maps(state, DRAWN)
            write_maps(folder / f"maps-{arm.replace(' ', '-')}-{epoch}.npz", drawn)
        yield row


class Measure:
    """The compiled measures of a task."""

    def __init__(self, task: Task, classifier: Classifier, network: Trainable):
        """Compiles nothing yet."""
        self.task, self.classifier = task, classifier
        self.network = network
        there = preprocessing(classifier)[1]

        @jax.jit
        def predict(params, pixels):
            return faster(classifier.apply)(params, there(pixels)).argmax(1)

        def explaining(apply, layer):
            def one(params, pixels, label):
                explain = group_cam(apply, params, layer=layer, mask_batch=8)
                return explain(classifier.preprocess(pixels).astype(jnp.float32), label)

            return jax.jit(jax.vmap(one, (None, 0, 0)))

        self.predict, self.explain = predict, explaining(classifier.apply, classifier.layer)
        self.explain_before = explaining(task.before.apply, task.before.layer)
        self.predict_before = jax.jit(lambda params, pixels: faster(task.before.apply)(params, there(pixels)).argmax(1))

    def accuracy(self, state: State, limit: int) -> dict[str, float]:
        """The share of right answers in each test, and of those that the background speaks for."""
        params, found = params_of(self.network, state), {}
        for name, test in self.task.tests.items():
            images, labels = spaced(test.images, limit), spaced(test.labels, limit)
            parts = [chunk(images, start, CHUNK * 10) for start in range(0, len(images), CHUNK * 10)]
            guess = np.concatenate([np.asarray(self.predict(params, part)) for part in parts])[: len(images)]
            found[f"right {name}"] = float((guess == labels).mean())
            if test.cue is not None:
                found[f"cue {name}"] = float(spaced(test.cue, limit)[np.arange(len(images)), guess].mean())
        return found

    def maps(self, state: State, limit: int = EXPLAINED) -> dict[str, np.ndarray]:
        """Maps of the first pictures of each test, for their own classes."""
        params = params_of(self.network, state)
        return {
            name: self._explained(self.explain, params, spaced(test.images, limit), spaced(test.labels, limit))
            for name, test in self.task.tests.items()
        }

    def before(self) -> dict[str, np.ndarray]:
        """Maps of the network before, for the classes that it predicts; the new ones mean nothing to it yet."""
        params, found = self.task.before.params, {}
        for name, test in self.task.tests.items():
            images = spaced(test.images, EXPLAINED)
            labels = np.asarray(self.predict_before(params, images), np.int32)
            found[name] = self._explained(self.explain_before, params, images, labels)
        return found

    def _explained(self, explain: Any, params: Any, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = range(0, len(images), CHUNK)
        found = [explain(params, chunk(images, start, CHUNK), chunk(labels, start, CHUNK)) for start in parts]
        return np.concatenate([np.asarray(part) for part in found])[: len(images)]


def chunk(rows: np.ndarray, start: int, size: int) -> np.ndarray:
    """Some rows, filled up with copies of the last one."""
    part = rows[start : start + size]
    return np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])


def spaced(rows: np.ndarray, count: int) -> np.ndarray:
    """Some rows of all classes, which lie one after the other."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]


def figures_of_maps(maps: Mapping[str, np.ndarray], task: Task) -> dict[str, float]:
    """How often the most salient pixel lies on the object, and how much of the saliency."""
    found = {}
    for name, saliencies in maps.items():
        objects = spaced(task.tests[name].objects, EXPLAINED)
        there = objects.any((1, 2))  # a crop may leave nothing of a box
        pairs = jnp.asarray(saliencies[there]), jnp.asarray(objects[there])
        found[f"hit {name}"] = float(jax.vmap(hit)(*pairs).mean())
        found[f"energy {name}"] = float(np.nanmean(np.asarray(jax.vmap(energy_inside)(*pairs))))
    return found


def write_maps(path: Path, maps: Mapping[str, np.ndarray]) -> None:
    """Writes the maps that figure 8 shows."""
    with whole_file(path) as file:
        np.savez(
            file, allow_pickle=False, **{name: spaced(rows, DRAWN).astype(np.float16) for name, rows in maps.items()}
        )
