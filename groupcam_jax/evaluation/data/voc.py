"""Pictures with objects as Pascal VOC publishes them: `Annotations/*.xml` and `JPEGImages`.

VOC counts pixels from 1, and the last one belongs to the box: the edges are xmin - 1, ymin - 1, xmax, ymax. Objects
marked difficult or truncated are kept.
"""

from pathlib import Path
from xml.etree import ElementTree

from groupcam_jax.evaluation.data.annotations import (
    Annotation,
    annotated_dataset,
    find_pictures,
    warn_of_empty,
    warn_of_unlisted,
)
from groupcam_jax.evaluation.data.examples import Dataset


def open_voc(folder: Path, split: str | None = None) -> Dataset:
    """Opens a folder in VOC's layout: all of it, or the pictures that `ImageSets/Main/<split>.txt` lists.

    The categories are the names of all objects in `Annotations`, sorted, whatever the split.

    Raises:
      FileNotFoundError: no annotations, no such split, no pictures, or a picture without an annotation.
      ValueError: a malformed annotation.
    """
    pictures = {path.stem: path for path in find_pictures(folder / "JPEGImages")}
    parsed = {path.stem: _parse(path) for path in sorted((folder / "Annotations").glob("*.xml"))}
    if not parsed:
        raise FileNotFoundError(f"{folder}: expected Annotations/*.xml beside JPEGImages, found none")
    listed = list(parsed)
    if split is not None:
        path = folder / "ImageSets" / "Main" / f"{split}.txt"
        if not path.exists():
            raise FileNotFoundError(f"no split {split!r}: expected {path}")
        listed = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
        if missing := [id for id in listed if id not in parsed]:
            raise FileNotFoundError(f"{folder}: expected Annotations/{missing[0]}.xml, for {path} lists {missing[0]}")
    categories = sorted({name for objects, _ in parsed.values() for name, _ in objects})
    annotations = []
    for id in listed:
        objects, size = parsed[id]
        boxes, kinds = [box for _, box in objects], [categories.index(name) for name, _ in objects]
        path = pictures.get(id, folder / "JPEGImages" / f"{id}.jpg")
        annotations.append(Annotation(id, path, -1, boxes, kinds, size))
    if split is None:
        warn_of_unlisted(annotations, pictures.values(), folder / "Annotations")
    warn_of_empty(annotations, categories, folder)
    return annotated_dataset(folder, categories, annotations)


def _parse(path: Path) -> tuple[list[tuple[str, tuple[float, ...]]], tuple[int, int] | None]:
    """The name and the box of every object, and the width and height of the picture if known."""
    try:
        root = ElementTree.parse(path).getroot()
        objects = []
        for thing in root.iter("object"):
            xmin, ymin, xmax, ymax = (
                float(_text(thing, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            objects.append((_text(thing, "name"), (xmin - 1, ymin - 1, xmax, ymax)))
        width, height = (int(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{path}: {error}; expected an annotation as VOC has them") from error
    return objects, (width, height) if width and height else None


def _text(element: ElementTree.Element, path: str) -> str:
    text = element.findtext(path)
    if not text:
        raise ValueError(f"an object without {path}")
    return text.strip()
