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
from groupcam_jax.evaluation.data.boxes import Size, checked_box
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_pictures, some
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.outlines import Runs, read_outline
from groupcam_jax.evaluation.data.values import number, picture_size, read_json, read_text, require_object

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
    there, listed, objects = find_pictures(pictures), Objects(path, "images"), Objects(path)
    try:
        names, annotations = _read(read_json(read_text(path)), listed, objects)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: {error!r}; expected COCO's images, annotations and categories") from error
    listed.report()
    objects.report()
    by_name: dict[str, list[Path]] = defaultdict(list)
    for picture in there:
        by_name[picture.name].append(picture)
    annotations = [one._replace(path=_located(one.path, folder, pictures, by_name)) for one in annotations]
    warn_of_unlisted(annotations, there, path)
    warn_of_empty(annotations, names, path)
    _warn_of_mixed(annotations, path)
    return annotated_dataset(folder, names, annotations)


def _read_images(records: list[Any], listed: Objects) -> dict[int | str, tuple[str, Size | None]]:
    """The names and sizes of the pictures by their ids."""
    read = []
    for position, record in enumerate(records, start=1):
        with listed.reading(f"image at {position}"):
            fields = require_object(record)
            if not isinstance(name := fields["file_name"], str):
                raise ValueError(f"file_name: expected text, got {name!r:.40}")
            if not isinstance(id := fields["id"], int | str):
                raise ValueError(f"id: expected a number or text, got {id!r:.40}")
            read.append((id, name, picture_size(fields.get("width"), fields.get("height"))))
    images = {}
    for id, name, size in read:
        if id in images:
            raise ValueError(f"the id {id} is that of {images[id][0]} and of {name}")
        images[id] = name, size
    if twice := repeated(name for _, name, _ in read):
        raise ValueError(f"{some(twice)} more than once among the images")
    return images


def _read(content: dict[str, Any], listed: Objects, objects: Objects) -> tuple[list[str], list[Annotation]]:
    """The names of the categories, and the annotations, whose paths are as the file has them."""
    images = _read_images(content["images"], listed)
    kinds = {}
    for record in content["categories"]:
        if kinds.setdefault(record["id"], str(record["name"])) != str(record["name"]):
            raise ValueError(f"the id {record['id']} is that of {kinds[record['id']]} and of {record['name']}")
    names = {name: index for index, name in enumerate(dict.fromkeys(kinds[id] for id in sorted(kinds)))}
    found, crowds = defaultdict(list), 0
    for position, record in enumerate(content["annotations"], start=1):
        fields = record if isinstance(record, dict) else {}
        if fields.get("iscrowd", 0):
            crowds += 1
            continue
        with objects.reading(f"annotation {fields.get('id', f'at {position}')}"):
            if (image := require_object(record)["image_id"]) not in images:
                raise ValueError(f"of image {image}, which is not listed")
            if (kind := record["category_id"]) not in kinds:
                raise ValueError(f"of category {kind}, which is not listed")
            sides = left, top, width, height = [number(side) for side in record["bbox"]]
            box = checked_box(sides, (left, top, left + width, top + height), images[image][1])
            outline = read_outline(record.get("segmentation"))
            if isinstance(outline, Runs) and images[image][1] not in (None, outline.size):
                raise ValueError(
                    f"run lengths for {outline.size[0]} x {outline.size[1]} pixels, not {images[image][1]}"
                )
            found[image].append((box, names[kinds[kind]], outline))
    if crowds and not objects.count:
        raise ValueError(f"all {crowds} objects are crowds, which are left out; set iscrowd to 0 if each is one object")
    annotations = []
    for id, (name, size) in images.items():
        boxes, categories, outlines = ([one[part] for one in found[id]] for part in range(3))
        known = None if any(outline is None for outline in outlines) else outlines
        annotations.append(Annotation(name, Path(name), -1, boxes, categories, size, known))
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
