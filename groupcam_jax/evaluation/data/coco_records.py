"""What is in an annotation file of COCO's: pictures, categories, and objects with a box and maybe an outline.

A box in COCO is left, top, width and height, in fractional pixels from edge to edge. An outline (`segmentation`) is a
list of polygons, or run lengths; outlines are used if all objects of a picture have one. Crowds (`iscrowd`), boxes
around many objects, are left out. Categories are sorted by COCO's id, which has gaps; our indices have none, and
categories of one name are one.
"""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import repeated
from groupcam_jax.evaluation.data.boxes import Size, checked_box
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.outlines import Runs, read_outline
from groupcam_jax.evaluation.data.values import four_numbers, identifier, picture_size, require_object
from groupcam_jax.some import some


def _read_images(records: list[Any], listed: Objects) -> dict[int | str, tuple[str, Size | None]]:
    """The names and sizes of the pictures by their ids."""
    read = []
    for position, record in enumerate(records, start=1):
        with listed.reading(f"image at {position}"):
            fields = require_object(record)
            if not isinstance(name := fields["file_name"], str) or not name:
                raise ValueError(f"file_name: expected text, got {name!r:.40}")
            read.append((identifier(fields["id"]), name, picture_size(fields.get("width"), fields.get("height"))))
    images = {}
    for id, name, size in read:
        if id in images:
            raise ValueError(f"the id {id} is that of {images[id][0]} and of {name}")
        images[id] = name, size
    if twice := repeated(name for _, name, _ in read):
        raise ValueError(f"{some(twice)} more than once among the images")
    return images


def _read_categories(records: list[Any]) -> dict[int | str, str]:
    """The names of the categories by their ids, sorted by these."""
    kinds: dict[int | str, str] = {}
    for position, record in enumerate(records, start=1):
        try:
            id, name = identifier(require_object(record)["id"]), str(record["name"])
        except (ValueError, KeyError) as error:
            told = f"no {error}" if isinstance(error, KeyError) else error
            raise ValueError(f"category at {position}: {told}") from error
        if kinds.setdefault(id, name) != name:
            raise ValueError(f"the id {id} is that of {kinds[id]} and of {name}")
    return dict(sorted(kinds.items(), key=lambda kind: (isinstance(kind[0], str), kind[0])))


def read_records(content: Any, listed: Objects, objects: Objects) -> tuple[list[str], list[Annotation]]:
    """The names of the categories, and the annotations, whose paths are as the file has them.

    Args:
      content: of the file.
      listed: counts the pictures.
      objects: counts the objects.

    Raises:
      ValueError: the file is not as COCO's, or all of its objects are crowds.
    """
    for part in ("images", "annotations", "categories"):
        if not isinstance(found := require_object(content).get(part), list):
            raise ValueError(f"expected COCO's images, annotations and categories, lists; {part} is {found!r:.40}")
    images, kinds = _read_images(content["images"], listed), _read_categories(content["categories"])
    names = {name: index for index, name in enumerate(dict.fromkeys(kinds.values()))}
    found, crowds = defaultdict(list), 0
    for position, record in enumerate(content["annotations"], start=1):
        fields = record if isinstance(record, dict) else {}
        if fields.get("iscrowd") not in (None, 0, "0", ""):
            crowds += 1
            continue
        with objects.reading(f"annotation {fields.get('id', f'at {position}')}"):
            if (image := identifier(require_object(record)["image_id"])) not in images:
                raise ValueError(f"of image {image!r}, which is not listed")
            if (kind := identifier(record["category_id"])) not in kinds:
                raise ValueError(f"of category {kind!r}, which is not listed")
            sides = left, top, width, height = four_numbers(record["bbox"])
            box = checked_box(sides, (left, top, left + width, top + height), images[image][1])
            outline = read_outline(record.get("segmentation"))
            if isinstance(outline, Runs) and (size := images[image][1]) not in (None, outline.size):
                run, own = (f"{width} x {height}" for width, height in (outline.size, size))
                raise ValueError(f"run lengths for {run} pixels, in a picture of {own}")
            found[image].append((box, names[kinds[kind]], outline))
    if crowds and not objects.count:
        raise ValueError(f"all {crowds} objects are crowds, which are left out; set iscrowd to 0 if each is one object")
    if crowds:
        told = f"{crowds} of {crowds + objects.count} objects are crowds, which are left out, as by COCO's own measures"
        warnings.warn(f"{told}; set iscrowd to 0 if each is one object", stacklevel=5)  # whoever calls open_data
    if same := repeated(kinds.values()):
        warnings.warn(f"several categories called {some(same)} count as one", stacklevel=5)
    annotations = []
    for id, (name, size) in images.items():
        boxes, categories, outlines = ([one[part] for one in found[id]] for part in range(3))
        known = None if any(outline is None for outline in outlines) else outlines
        annotations.append(Annotation(name, Path(name), -1, boxes, categories, size, known))
    return [*names], annotations
