"""Pictures with objects as Pascal VOC publishes them: `Annotations/*.xml` and `JPEGImages`.

VOC counts pixels from 1, and the last one belongs to the box: the edges are xmin - 1, ymin - 1, xmax, ymax. Objects
marked difficult or truncated are kept.
"""

from pathlib import Path
from xml.etree import ElementTree

from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import (
    annotated_dataset,
    pictures_by_id,
    repeated,
    warn_of_empty,
    warn_of_unlisted,
)
from groupcam_jax.evaluation.data.boxes import Box, Size, checked_box
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_files, find_folders, find_pictures
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.values import number, picture_size, read_text
from groupcam_jax.some import some


def find_voc(folder: Path) -> list[Path]:
    """The folders in VOC's layout: this one, or those in it, as in `VOCdevkit/VOC2012`, or in `VOCdevkit` in it."""
    if any((folder / part).is_dir() for part in ("Annotations", "JPEGImages")):
        return [folder]
    if (folder / "VOCdevkit").is_dir():
        return find_voc(folder / "VOCdevkit")
    return [path for path in find_folders(folder) if {"Annotations", "JPEGImages"} <= {p.name for p in path.iterdir()}]


def open_voc(folder: Path, split: str | None) -> Dataset:
    """Opens a folder in VOC's layout: all of it, or the pictures that `ImageSets/Main/<split>.txt` lists.

    In the list of a category, such as `cat_val.txt`, -1 is behind the pictures that do not show it: they are left out.

    The categories are the names of all objects in `Annotations`, sorted, whatever the split. Malformed annotations are
    left out, with a warning.

    Raises:
      FileNotFoundError: no annotations, no such split, no pictures, or a picture without an annotation.
      ValueError: all annotations are malformed.
    """
    place = folder / "Annotations"
    pictures, files = find_pictures(folder / "JPEGImages"), find_files(place, (".xml",))
    if not files:
        raise FileNotFoundError(f"{folder}: expected Annotations/*.xml beside JPEGImages, found none")
    if twice := repeated(f"{path.stem}.xml" for path in files):
        raise ValueError(f"{place}: has {some(twice)} more than once")
    found = {path.stem: path for path in files}
    read, objects, parsed = Objects(place, "files", "annotations as VOC has them"), Objects(place), {}
    for id, path in found.items():
        with read.reading(path.name):
            parsed[id] = _parse(path, objects)
    read.report()
    objects.report()
    listed = list(parsed)
    if split is not None:
        path = folder / "ImageSets" / "Main" / f"{split}.txt"
        if not path.exists():
            there = ", ".join(sorted(other.stem for other in path.parent.glob("*.txt")))
            raise FileNotFoundError(f"no split {split!r}: expected {path}{there and f'; there are {there}'}")
        rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
        listed = [row[0] for row in rows if row[1:] != ["-1"]]
        if missing := [id for id in listed if id not in found]:
            raise FileNotFoundError(f"{folder}: expected Annotations/{missing[0]}.xml, for {path} lists {missing[0]}")
        listed = [id for id in listed if id in parsed]
    categories = sorted({name for things, _ in parsed.values() for name, _ in things})
    paths = pictures_by_id(pictures, listed, place)
    annotations = []
    for id in listed:
        things, size = parsed[id]
        boxes, kinds = [box for _, box in things], [categories.index(name) for name, _ in things]
        path = paths.get(id, folder / "JPEGImages" / f"{id}.jpg")
        annotations.append(Annotation(id, path, -1, boxes, kinds, size))
    if split is None:
        warn_of_unlisted(annotations, pictures, place)
    warn_of_empty(annotations, categories, folder)
    return annotated_dataset(folder, categories, annotations)


def _parse(path: Path, objects: Objects) -> tuple[list[tuple[str, Box]], Size | None]:
    """The name and the box of every object, and the width and height of the picture if known."""
    found = []
    try:
        root = ElementTree.parse(path).getroot()
        size = picture_size(*(root.findtext(f"size/{side}") or None for side in ("width", "height")))
    except (ElementTree.ParseError, LookupError) as error:  # LookupError: an encoding that there is not
        raise ValueError(str(error)) from error
    for position, thing in enumerate(root.iter("object"), start=1):
        with objects.reading(f"{path.name}, object {position}"):
            name = _text(thing, "name")
            sides = [number(_text(thing, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
            xmin, ymin, xmax, ymax = sides
            found.append((name, checked_box(sides, (xmin - 1, ymin - 1, xmax, ymax), size)))
    return found, size


def _text(element: ElementTree.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"an object without {path}")
    return text
