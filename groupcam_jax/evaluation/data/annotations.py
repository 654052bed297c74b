"""The annotation of one picture in a folder, and a data set of such pictures."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from groupcam_jax.evaluation.data.boxes import Box, Size, require_inside
from groupcam_jax.evaluation.data.examples import Dataset, Example, digest
from groupcam_jax.evaluation.data.listing import some
from groupcam_jax.evaluation.data.outlines import Outline, Runs, fill
from groupcam_jax.pictures.decode import BrokenPicture, decode
from groupcam_jax.pictures.orientation import turn_boxes, turn_pixels

SAMPLE = 2**14  # bytes


class Annotation(NamedTuple):
    """A picture's file and what is known about it; see `Example`.

    Attributes:
      boxes: `[n, 4]`, or empty.
      outlines: one per box, for the same picture size; or None.
      size: width and height of the picture in which the boxes were drawn; None if unknown.
    """

    id: str
    path: Path
    label: int
    boxes: Sequence[Box] = ()
    categories: Sequence[int] = ()
    size: Size | None = None
    outlines: Sequence[Outline] | None = None


def read_annotated(annotation: Annotation) -> Example:
    """Reads a picture and turns it upright, with its boxes and outlines.

    These are taken to refer to the picture as stored, as in ImageNet, COCO and VOC, unless the annotated size fits only
    the upright picture.

    Raises:
      BrokenPicture: it cannot be read, or has another size than its annotation says, or its boxes lie outside.
    """
    stored, orientation = decode(annotation.path, annotation.id)
    image = turn_pixels(stored, orientation)
    boxes = np.asarray(annotation.boxes, np.float32).reshape(-1, 4)
    stored_size, size = stored.shape[1::-1], image.shape[1::-1]
    said = annotation.size or stored_size
    in_stored = said == stored_size
    if in_stored:
        boxes = turn_boxes(boxes, orientation, stored_size)
    elif said != size:
        boxes_of, pixels = (f"{width} x {height}" for width, height in (said, size))
        raise BrokenPicture(annotation.id, f"has {pixels} pixels, but its boxes are for {boxes_of}")
    masks, outlines = None, annotation.outlines
    _require_size(annotation, said)
    if outlines is not None:
        filled = [fill(outline, stored_size if in_stored else size) for outline in outlines]
        turned = [turn_pixels(mask, orientation) for mask in filled] if in_stored else filled
        masks = np.array(turned, bool).reshape(-1, *image.shape[:2])
    categories = np.asarray(annotation.categories, np.int32)
    return Example(annotation.id, image, annotation.label, boxes, categories, masks)


def _require_size(annotation: Annotation, size: Size) -> None:
    """Refuses boxes and run lengths for another size, which are not known to be before the picture is read."""
    try:
        for box in annotation.boxes if annotation.size is None else ():
            require_inside(box, size)
        for outline in annotation.outlines or ():
            if isinstance(outline, Runs) and outline.size != size:
                raise ValueError(f"has run lengths for {outline.size[0]} x {outline.size[1]} pixels")
    except ValueError as error:
        raise BrokenPicture(annotation.id, str(error)) from error


def annotated_dataset(folder: Path, categories: Iterable[str], annotations: Sequence[Annotation]) -> Dataset:
    """The data set of a folder's annotated pictures.

    A missing picture counts as broken, which is reported when it is read. What is not in the folder is never opened.

    Raises:
      FileNotFoundError: none of the pictures exists.
    """
    if not annotations:
        raise FileNotFoundError(f"{folder}: no picture is annotated")
    count, example = len(annotations), annotations[0].path
    outside = [annotation.path for annotation in annotations if not is_inside(annotation.path, folder)]
    annotations = [annotation for annotation in annotations if is_inside(annotation.path, folder)]
    if not any(annotation.path.exists() for annotation in annotations):
        raise FileNotFoundError(f"{folder}: none of the {count} annotated pictures is in it, such as {example}")
    if outside:
        told = f"{len(outside)} pictures outside of the folder, which are left out: {some([*map(str, outside)])}"
        warnings.warn(f"{folder}: the annotations name {told}", stacklevel=4)  # whoever calls open_data
    return Dataset(
        str(folder),
        tuple(categories),
        len(annotations),
        lambda index: read_annotated(annotations[index]),
        lambda index: annotations[index].categories,
        lambda index: identity(annotations[index]),
    )


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path that begins with a folder stays in it. Links in it may lead anywhere, but not up from there."""
    if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):
        return False
    return ".." not in path.parts[len(folder.parts) :] or path.resolve().is_relative_to(folder.resolve())


def identity(annotation: Annotation) -> str:
    """A digest of the annotation and the picture, wherever their folder lies; see `Dataset`."""
    return digest(*annotation._replace(path=annotation.path.name), sample(annotation.path))


def sample(path: Path) -> str | None:
    """Identifies a file by its size, its first and last bytes and some from its middle; None if it cannot be read.

    All of every picture would take minutes for ImageNet. The time of its last change is not that of its content: a copy
    on another machine has another one, and a picture of last year may be put in the place of another.
    """
    if not path.is_file():  # a pipe would never end
        return None
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            starts = 0, (size - SAMPLE) // 2, size - SAMPLE
            content = b"".join(os.pread(file.fileno(), SAMPLE, max(start, 0)) for start in starts)
    except OSError:
        return None
    return f"{size} {hashlib.sha256(content).hexdigest()}"


def warn_of_unlisted(annotations: Iterable[Annotation], pictures: Iterable[Path], listed_in: Path) -> None:
    """Warns about pictures without an annotation, which are left out of the data set."""
    unlisted = sorted(set(pictures) - {annotation.path for annotation in annotations})
    if unlisted:
        message = f"{listed_in} says nothing of {len(unlisted)} pictures, which are left out: {some(unlisted)}"
        warnings.warn(message, stacklevel=5)  # whoever calls open_data


def warn_of_empty(annotations: Iterable[Annotation], categories: Sequence[str], source: Path) -> None:
    """Warns about categories that no picture shows."""
    shown = {category for annotation in annotations for category in annotation.categories}
    empty = [name for index, name in enumerate(categories) if index not in shown]
    if empty:
        message = f"{source}: {len(empty)} of {len(categories)} categories have no pictures: {some(empty)}"
        warnings.warn(message, stacklevel=5)  # whoever calls open_data


def pictures_by_id(pictures: Iterable[Path], ids: Iterable[str], annotated_in: Path) -> dict[str, Path]:
    """The picture of each id, its name with or without extension; ids without a picture are missing.

    Raises:
      ValueError: an id that comes twice, or has several pictures.
    """
    if twice := repeated(ids := list(ids)):
        raise ValueError(f"{annotated_in}: has {some(twice)} more than once")
    named: dict[str, list[Path]] = {}
    for path in pictures:
        for name in {path.stem, path.name}:
            named.setdefault(name, []).append(path)
    for id in ids:
        if len(found := named.get(id, ())) > 1:
            raise ValueError(f"{annotated_in}: {id} may be {found[0]} or {found[1]}")
    return {id: named[id][0] for id in ids if id in named}


def repeated(things: Iterable[str]) -> list[str]:
    """What comes more than once."""
    return [thing for thing, count in Counter(things).items() if count > 1]
