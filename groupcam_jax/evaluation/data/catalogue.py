"""Data sets prepared with TensorFlow Datasets, by name and without TensorFlow: `imagenet2012`, `coco/2017`, your own.

They must be prepared as array_record, the only TFDS format with random access:

    tfds build coco/2017 --file_format=array_record

Pictures are decoded here and not by TFDS, so that broken ones can be named. Boxes come from the feature `objects` with
its `bbox` and `label`, as in COCO and VOC, without crowds; or from `bbox` or `bboxes`, and have the picture's label.
"""

import json
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from groupcam_jax.evaluation.data.annotation import sample
from groupcam_jax.evaluation.data.examples import Dataset, Example, digest
from groupcam_jax.pictures.decode import BrokenPicture, decode
from groupcam_jax.pictures.orientation import turn_boxes, turn_pixels

INFO = "dataset_info.json"
DAMAGED = f"its {INFO} or features.json is damaged"
SMALLEST = 2**16  # bytes of a file of array_record


def open_tfds(name: str, split: str, data_dir: Path | None) -> Dataset:
    """Opens a data set that is already prepared; nothing is downloaded.

    Args:
      name: the TFDS name, with the configuration if there are several and the version if needed:
        "imagenet2012", "coco/2017", "imagenet2012:5.1.0".
      split: such as "validation", or a part of it: "validation[:1000]".
      data_dir: where TFDS keeps its data; None is its default, `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.

    Raises:
      FileNotFoundError: it is not prepared, or a part is missing.
      ValueError: no such split, neither labels nor objects, a format other than array_record, or a damaged part.
    """
    from tensorflow_datasets.core.read_only_builder import builder_from_files  # takes a second to import

    place = data_dir or "the folder of TFDS"
    prepare = f"tfds build {name} --file_format=array_record" + (f" --data_dir={data_dir}" if data_dir else "")
    try:
        builder = builder_from_files(name, data_dir=data_dir and str(data_dir))
    except Exception as error:  # TFDS raises anything for damaged files
        if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError):
            raise FileNotFoundError(
                f"{name} is no folder, and no data set in {place}; to prepare it, run {prepare}"
            ) from error
        raise ValueError(f"{name} in {place}: {DAMAGED}: {error}") from error
    return _open(builder, name, split, prepare)


def is_prepared(folder: Path) -> bool:
    """Whether a folder is what TFDS has prepared of one version of a data set."""
    return (folder / INFO).exists()


def open_prepared(folder: Path, split: str) -> Dataset:
    """Opens the folder of a prepared data set, such as `coco/2017/1.1.0`; see `open_tfds`."""
    import tensorflow_datasets as tfds  # takes a second to import

    try:
        builder = tfds.builder_from_directory(str(folder))
    except Exception as error:  # TFDS raises anything for damaged files
        raise ValueError(f"{folder}: {DAMAGED}: {error}") from error
    return _open(builder, str(folder), split, "tfds build with --file_format=array_record")


def _open(builder: Any, name: str, split: str, prepare: str) -> Dataset:
    import tensorflow_datasets as tfds

    features = builder.info.features
    if "image" not in features or not {"label", "objects"} & set(features):
        raise ValueError(f"{name}: expected the features image and label or objects, got {', '.join(features)}")
    labels = features["objects"]["label"] if "objects" in features else features["label"]
    if not getattr(labels, "names", None):
        raise ValueError(f"{name}: expected labels with names (ClassLabel), got {labels!r}")
    try:
        source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    except NotImplementedError as error:
        raise ValueError(f"{name} is prepared in another format than array_record; run {prepare}") from error
    except (ValueError, KeyError) as error:
        there = ", ".join(builder.info.splits) or "none"
        raise ValueError(f"{name} has the splits {there}; {split!r} cannot be opened: {error}") from error
    parts = builder.info.splits[split].file_instructions
    files = [Path(part.filename) for part in parts]
    ends = [*accumulate(part.examples_in_shard - part.skip if part.take < 0 else part.take for part in parts)]
    for path in files:
        if not path.exists():
            raise FileNotFoundError(f"{path}: this part of {name} is missing")
        if path.stat().st_size < SMALLEST:
            raise ValueError(f"{path}: this part of {name} is cut short, or a pointer of Git LFS")
    identity = digest(builder.info.full_name, split, labels.names, [(path.name, sample(path)) for path in files])

    def read(index: int) -> dict[str, Any]:
        try:
            return source[index]
        except Exception as error:  # array_record raises anything for damaged files
            told = f"cannot be read from {files[bisect_right(ends, index)]}: {error}"
            raise BrokenPicture(f"{split} {index}", told) from error

    return Dataset(
        name,
        tuple(labels.names),
        len(source),
        lambda index: _example(read(index), f"{split} {index}"),
        lambda index: int(read(index).get("label", -1)),
        lambda index: _objects(read(index))[1].tolist(),
        lambda index: identity,  # of all: to read every record would take minutes
    )


def _example(record: dict[str, Any], position: str) -> Example:
    name = record.get("file_name") or record.get("image/filename")
    id = name.decode() if name else position
    stored, orientation = decode(record["image"], id)
    size = width, height = stored.shape[1::-1]
    boxes, categories = _objects(record)
    boxes = turn_boxes(boxes * np.array([width, height] * 2, np.float32), orientation, size)
    return Example(id, turn_pixels(stored, orientation), int(record.get("label", -1)), boxes, categories)


def _objects(record: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Left, top, right and bottom as shares of the picture, `[n, 4]`, and the category of each box."""
    objects = record.get("objects", {})
    bbox = objects.get("bbox", record.get("bbox", record.get("bboxes", ())))
    boxes = np.asarray(bbox, np.float32).reshape(-1, 4)[:, [1, 0, 3, 2]]
    categories = np.asarray(objects.get("label", [record.get("label", -1)] * len(boxes)), np.int32)
    single = ~np.asarray(objects.get("is_crowd", np.zeros(len(boxes))), bool)
    return boxes[single], categories[single]
