"""Pictures with objects as COCO publishes them: `instances_*.json` and a folder of pictures.

A box in COCO is left, top, width and height, in fractional pixels from edge to edge. An outline (`segmentation`) is a
list of polygons; outlines are used if all objects of a picture have one. Crowds (`iscrowd`), boxes around many objects,
are left out. Categories are sorted by COCO's id, which has gaps; our indices have none.
"""

import json
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from groupcam_jax.evaluation.data.annotations import (
    Annotation,
    annotated_dataset,
    find_pictures,
    warn_of_empty,
    warn_of_unlisted,
)
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.outlines import Outline


def find_instances(folder: Path) -> list[Path]:
    """The annotation files of a folder in COCO's layout."""
    return sorted([*folder.glob("instances_*.json"), *folder.glob("annotations/instances_*.json")])


def open_coco(folder: Path, split: str | None = None) -> Dataset:
    """Opens `instances_<split>.json` with its pictures in `images`, or in a folder named after the split.

    The annotations may also be in the folder `annotations`. If there is only one split, it need not be named.

    Raises:
      FileNotFoundError: no such annotations, or no pictures.
      ValueError: several splits and none is named, or malformed annotations.
    """
    found = {path.stem.removeprefix("instances_"): path for path in find_instances(folder)}
    if split is None and len(found) > 1:
        raise ValueError(f"{folder} has the splits {', '.join(found)}; name one")
    split = split or next(iter(found), "*")
    if split not in found:
        there = f"; there is {', '.join(found)}" if found else ""
        raise FileNotFoundError(f"{folder}: expected instances_{split}.json there or in annotations/{there}")
    path = found[split]
    pictures = folder / "images"
    if not pictures.is_dir():
        pictures = folder / split
    try:
        content = json.loads(path.read_text())
        categories = {record["id"]: record["name"] for record in sorted(content["categories"], key=lambda r: r["id"])}
        index = {id: position for position, id in enumerate(categories)}
        objects = defaultdict(list)
        for record in content["annotations"]:
            left, top, width, height = record["bbox"]
            if not record.get("iscrowd", 0):
                box = (left, top, left + width, top + height)
                objects[record["image_id"]].append((box, index[record["category_id"]], outline_of(record)))
        annotations = []
        for record in content["images"]:
            found = objects.pop(record["id"], [])
            name, size = record["file_name"], (record["width"], record["height"])
            boxes, kinds, outlines = ([one[part] for one in found] for part in range(3))
            known = None if None in outlines else outlines
            annotations.append(Annotation(name, pictures / name, -1, boxes, kinds, size, known))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: {error!r}; expected COCO's images, annotations and categories") from error
    if objects:
        raise ValueError(f"{path}: objects of pictures that it does not list: {', '.join(map(str, objects))}")
    names = list(categories.values())
    warn_of_unlisted(annotations, find_pictures(pictures), path)
    warn_of_empty(annotations, names, path)
    with_objects = [annotation for annotation in annotations if annotation.boxes]
    missing = sum(annotation.outlines is None for annotation in with_objects)
    if 0 < missing < len(with_objects):
        of = f"{missing} of {len(with_objects)} pictures"
        warnings.warn(f"{path}: {of} have objects without polygons; there the boxes count", stacklevel=4)
    return annotated_dataset(folder, names, annotations)


def outline_of(record: dict[str, Any]) -> Outline | None:
    """The outline of an annotation: its polygons; None for run lengths, or if it has none.

    Raises:
      ValueError: it is neither.
    """
    segmentation = record.get("segmentation")
    if not segmentation or isinstance(segmentation, dict):
        return None
    try:
        outline = [[float(value) for value in polygon] for polygon in segmentation]
    except (TypeError, ValueError):
        outline = [[]]
    if not all(len(polygon) >= 6 and len(polygon) % 2 == 0 and np.isfinite(polygon).all() for polygon in outline):
        raise ValueError(
            f"segmentation of annotation {record.get('id')}: expected polygons [[x0, y0, x1, y1, x2, y2, ...], ...] or "
            f"run lengths, got {segmentation!r:.60}"
        )
    return outline
