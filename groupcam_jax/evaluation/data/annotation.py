"""The annotation of one picture, and the picture as it is read with it."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from groupcam_jax.evaluation.data.boxes import Box, Size, require_inside
from groupcam_jax.evaluation.data.examples import Example, digest
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
