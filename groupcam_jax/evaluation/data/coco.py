"""Pictures with objects as COCO publishes them: `instances_*.json` and a folder of pictures.

A box in COCO is left, top, width and height, in fractional pixels from edge to edge. An outline (`segmentation`) is a
list of polygons, or run lengths; outlines are used if all objects of a picture have one. Crowds (`iscrowd`), boxes
around many objects, are left out. Categories are sorted by COCO's id, which has gaps; our indices have none, and
categories of one name are one.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from groupcam_jax.evaluation.data.annotations import (
    Annotation,
    annotated_dataset,
    repeated,
    warn_of_empty,
    warn_of_unlisted,
)
from groupcam_jax.evaluation.data.boxes import checked_box
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_pictures, some
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.outlines import Runs, read_outline
from groupcam_jax.evaluation.data.values import number, picture_size, read_json, read_text

ROBOFLOW = "_annotations.coco.json"  # in each split's folder, beside the pictures


def find_instances(folder: Path) -> dict[str, Path]:
    """The annotation files of a folder in COCO's layout, by their splits."""
    found = sorted([*folder.glob("instances_*.json"), *folder.glob("annotations/instances_*.json")])
    there = {path.stem.removeprefix("instances_"): path for path in found}
    return there or {path.parent.name: path for path in sorted(folder.glob(f"*/{ROBOFLOW}"))}


def open_coco(folder: Path, split: str | None = None) -> Dataset:
    """Opens `instances_<split>.json` with its pictures in `images`, or in a folder named after the split.

    The annotations may also be in the folder `annotations`. If there is only one split, it need not be named.

    Raises:
      FileNotFoundError: no such annotations, or no pictures.
      ValueError: several splits and none is named, or malformed annotations.
    """
    found = find_instances(folder)
    if split is None and len(found) > 1:
        raise ValueError(f"{folder} has the splits {', '.join(found)}; name one (--split)")
    split = split or next(iter(found), "*")
    if split not in found:
        there = f"; there is {', '.join(found)}" if found else ""
        raise FileNotFoundError(f"{folder}: expected instances_{split}.json there or in annotations/{there}")
    path = found[split]
    usual = folder / "images" / split, folder / "images"
    pictures = next((place for place in usual if place.is_dir()), folder / split)
    there, objects = find_pictures(pictures), Objects(path)
    try:
        names, annotations = _read(read_json(read_text(path)), objects)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: {error!r}; expected COCO's images, annotations and categories") from error
    objects.report()
    by_name: dict[str, list[Path]] = defaultdict(list)
    for picture in there:
        by_name[picture.name].append(picture)
    annotations = [one._replace(path=_located(one.path, folder, pictures, by_name)) for one in annotations]
    warn_of_unlisted(annotations, there, path)
    warn_of_empty(annotations, names, path)
    _warn_of_mixed(annotations, path)
    return annotated_dataset(folder, names, annotations)


def _read(content: dict[str, Any], objects: Objects) -> tuple[list[str], list[Annotation]]:
    """The names of the categories, and the annotations, whose paths are as the file has them."""
    records = {}
    for record in content["images"]:
        id = record["id"]
        if id in records:
            raise ValueError(f"the id {id} is that of {records[id]['file_name']} and of {record['file_name']}")
        records[id] = record
    if twice := repeated(record["file_name"] for record in records.values()):
        raise ValueError(f"{some(twice)} more than once among the images")
    kinds = {}
    for record in content["categories"]:
        if kinds.setdefault(record["id"], str(record["name"])) != str(record["name"]):
            raise ValueError(f"the id {record['id']} is that of {kinds[record['id']]} and of {record['name']}")
    names = {name: index for index, name in enumerate(dict.fromkeys(kinds[id] for id in sorted(kinds)))}
    sizes = {id: picture_size(record.get("width"), record.get("height")) for id, record in records.items()}
    found, crowds = defaultdict(list), 0
    for position, record in enumerate(content["annotations"], start=1):
        if record.get("iscrowd", 0):
            crowds += 1
            continue
        with objects.reading(f"annotation {record.get('id', f'at {position}')}"):
            if (image := record["image_id"]) not in records:
                raise ValueError(f"of image {image}, which is not listed")
            if (kind := record["category_id"]) not in kinds:
                raise ValueError(f"of category {kind}, which is not listed")
            sides = left, top, width, height = [number(side) for side in record["bbox"]]
            box = checked_box(sides, (left, top, left + width, top + height), sizes[image])
            outline = read_outline(record.get("segmentation"))
            if isinstance(outline, Runs) and sizes[image] not in (None, outline.size):
                raise ValueError(f"run lengths for {outline.size[0]} x {outline.size[1]} pixels, not {sizes[image]}")
            found[image].append((box, names[kinds[kind]], outline))
    if crowds and not objects.count:
        raise ValueError(f"all {crowds} objects are crowds, which are left out; set iscrowd to 0 if each is one object")
    annotations = []
    for id, record in records.items():
        boxes, categories, outlines = ([one[part] for one in found[id]] for part in range(3))
        known = None if any(outline is None for outline in outlines) else outlines
        name = str(record["file_name"])
        annotations.append(Annotation(name, Path(name), -1, boxes, categories, sizes[id], known))
    return [*names], annotations


def _located(name: Path, folder: Path, pictures: Path, by_name: Mapping[str, list[Path]]) -> Path:
    """Where a picture lies: by its name among the pictures, by its path in the data set, or by its name alone."""
    parts = PureWindowsPath(name).parts if "\\" in str(name) else PurePosixPath(name).parts
    same = by_name.get(parts[-1] if parts else "", [])
    usual = pictures.joinpath(*parts)
    if usual in same:
        return usual
    places = [folder.joinpath(*parts), *(same if len(same) == 1 else ())]
    return next((path for path in places if path.exists()), usual)


def _warn_of_mixed(annotations: list[Annotation], path: Path) -> None:
    with_objects = [annotation for annotation in annotations if annotation.boxes]
    missing = sum(annotation.outlines is None for annotation in with_objects)
    if 0 < missing < len(with_objects):
        of = f"{missing} of {len(with_objects)} pictures"
        warnings.warn(f"{path}: {of} have objects without outlines; there the boxes count", stacklevel=5)
