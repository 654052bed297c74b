"""What is learnt: new classes of photographs, or the embedded network's figures on few scenes with a false cue.

    leeds     10 butterflies on scenes that betray 95 % of the training pictures; tests with the same and other scenes
    cub20     20 birds
    scenes    200 drawn scenes whose background is tinted by the class; tests without tints, and with those of others

All pictures are held in memory. The photographs are those of `data/finetune` in GROUPCAM_ASSETS.
"""

import csv
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import pretrained
from groupcam_jax.evaluation.data import Dataset, Example, open_data, resize_shorter_and_crop
from groupcam_jax.pictures.decode import decode
from groupcam_jax.training.classes import fit_classes
from groupcam_jax.types import Classifier
from pretrained.scenes.draw import CLASS_NAMES, scene

SIZE = 128  # of photographs, in pixels
SCENES, TEST_SCENES = 200, 10_000


class Test(NamedTuple):
    """Pictures held out.

    Attributes:
      images: uint8 `[n, size, size, 3]`.
      labels: int32 `[n]`.
      objects: bool `[n, size, size]`, the outline of the object, or its box.
      cue: bool `[n, classes]`, the classes that the background speaks for; None if it speaks for none.
    """

    images: np.ndarray
    labels: np.ndarray
    objects: np.ndarray
    cue: np.ndarray | None = None


class Task(NamedTuple):
    """What is learnt.

    Attributes:
      before: the network before, with its own classes.
      classifier: the same with the classes of the task.
      training: the pictures to train on.
      outlined: whether they have outlines.
      tests: by name.
      batch: pictures in a step.
      rate: the learning rate, chosen for the plain arm on pictures that no test has.
      smallest: the part of a picture in a crop, at least.
    """

    before: Classifier
    classifier: Classifier
    training: Dataset
    outlined: bool
    tests: Mapping[str, Test]
    batch: int
    rate: float
    smallest: float


def open_task(name: str) -> Task:
    """The task of this name."""
    return scenes() if name == "scenes" else photographs(name)


def photographs(name: str) -> Task:
    """EfficientNet-Lite0 of ImageNet, for one of the two sets of photographs."""
    folder = Path(os.environ["GROUPCAM_ASSETS"]) / "data/finetune" / {"leeds": "leeds_on_scenes"}.get(name, name)
    with (folder / "index.csv").open() as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    splits = ["val_aligned", "val_conflict", "test_aligned", "test_conflict"] if name == "leeds" else ["val", "test"]
    training = in_memory(folder, "train", rows)
    before = pretrained.load("efficientnet-lite0")._replace(image_size=SIZE)
    classifier = fit_classes(before, training.categories).classifier
    scene_of = Counter((row["class"], row.get("scene")) for row in rows.values() if row.get("aligned") == "1")
    own = {kind: row for (kind, row), _ in reversed(scene_of.most_common())}
    tests = {split: held_out(in_memory(folder, split, rows), rows, split, own) for split in splits}
    return Task(before, classifier, training, name == "leeds", tests, 32, 0.003, 0.3)


def in_memory(folder: Path, split: str, rows: Mapping[str, Mapping[str, str]]) -> Dataset:
    """A split with its boxes and outlines, read once."""
    dataset = open_data(folder / split)

    def read(index: int) -> Example:
        example = dataset[index]
        row = rows[f"{split}/{example.id}"]
        box = np.array([[float(row[side]) for side in ("x0", "y0", "x1", "y1")]], np.float32)
        mask = decode(folder / row["mask"], row["mask"])[0][None, :, :, 0] > 127 if row.get("mask") else None
        return example._replace(boxes=box, categories=np.array([example.label], np.int32), masks=mask)

    examples = [read(index) for index in range(len(dataset))]
    return Dataset(
        split,
        dataset.categories,
        len(examples),
        examples.__getitem__,
        lambda index: examples[index].label,
        lambda index: [],
    )


def held_out(
    dataset: Dataset, rows: Mapping[str, Mapping[str, str]], split: str, own: Mapping[str, str | None]
) -> Test:
    """A split as it is measured: resized and cropped as the paper does."""
    examples = [resize_shorter_and_crop(dataset[index], round(SIZE * 8 / 7), SIZE) for index in range(len(dataset))]
    cue = None
    if "conflict" in split:
        shown = [rows[f"{split}/{example.id}"]["scene"] for example in examples]
        cue = np.array([[own[name] == scene for name in dataset.categories] for scene in shown])
    objects = [example.masks[0] if example.masks is not None else boxed(example.boxes) for example in examples]
    labels = np.array([example.label for example in examples], np.int32)
    return Test(np.stack([example.image for example in examples]), labels, np.stack(objects), cue)


def boxed(boxes: np.ndarray) -> np.ndarray:
    """The pixels within a box, of which the crop may have left nothing."""
    inside = np.zeros((SIZE, SIZE), bool)
    for left, top, right, bottom in boxes.round().astype(int):
        inside[top:bottom, left:right] = True
    return inside


def scenes() -> Task:
    """The embedded network with a new last layer, and scenes whose background betrays the class in training."""
    before = pretrained.load("shapes")
    fresh = jax.tree.map(jnp.zeros_like, before.params["params"]["fc"])
    classifier = before._replace(params={**before.params, "params": {**before.params["params"], "fc": fresh}})
    drawn = draw(2029, SCENES, cue="own")
    examples = [
        Example(f"scene {n}", image, int(label), np.zeros((1, 4), np.float32), np.array([label], np.int32), mask[None])
        for n, (image, label, mask) in enumerate(zip(drawn.images, drawn.labels, drawn.objects, strict=True))
    ]
    training = Dataset(
        "scenes", CLASS_NAMES, SCENES, examples.__getitem__, lambda index: examples[index].label, lambda index: []
    )
    held = {
        "no tint": draw(2030, TEST_SCENES, cue=None),
        "tint of another": draw(2030, TEST_SCENES, cue="other"),
    }
    return Task(before, classifier, training, True, held, 32, 0.01, 0.5)


def draw(seed: int, count: int, cue: str | None) -> Test:
    """Scenes whose background is tinted by their class, by another class, or not."""
    classes = len(CLASS_NAMES)
    hues = jnp.cos(2 * jnp.pi * (jnp.arange(classes)[:, None] / classes + jnp.arange(3) / 3))

    @jax.jit
    @jax.vmap
    def one(key):
        drawn = scene(key)
        other = (drawn.label + jax.random.randint(jax.random.fold_in(key, 1), (), 1, classes)) % classes
        told = other if cue == "other" else drawn.label
        tinted = jnp.clip(drawn.image + 0.15 * hues[told], 0, 1) if cue else drawn.image
        image = jnp.where(drawn.mask[:, :, None], drawn.image, tinted)
        return (image * 255).round().astype(jnp.uint8), drawn.label, drawn.mask, told

    keys = jax.random.split(jax.random.key(seed), count)
    parts = [jax.device_get(one(part)) for part in (keys[start : start + 500] for start in range(0, count, 500))]
    images, labels, masks, told = (np.concatenate(column) for column in zip(*parts, strict=True))
    cues = np.eye(classes, dtype=bool)[told] if cue == "other" else None
    return Test(images, labels.astype(np.int32), masks, cues)
