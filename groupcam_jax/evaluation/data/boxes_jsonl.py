"""Pictures in one folder, with labels and boxes in a file `boxes.jsonl`, as in ImageNet's validation set.

One line per picture, with its file name, its class and ImageNet's own boxes:

    {"id": "ILSVRC2012_val_00000001", "label": 65, "name": "sea snake", "width": 500, "height": 375,
     "boxes_xyxy": [[111, 108, 441, 193]]}

ImageNet counts pixels from 0, and the last one belongs to the box (boxes along the border begin at 0 and end at
width - 1): the edges are left, top, right + 1, bottom + 1. `name`, `width`, `height` and the file's extension can be
left out.
"""

from pathlib import Path
from typing import Any

from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import annotated_dataset, pictures_by_id, warn_of_unlisted
from groupcam_jax.evaluation.data.boxes import Box, Size, inclusive_box
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_pictures
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.values import identifier, picture_size, read_json, read_text, whole
from groupcam_jax.some import some

NAME = "boxes.jsonl"
CLASSES = 100_000  # more than any classifier has: a greater label is a mistake
LINE = '{"id": "name of the picture", "label": 0, "boxes_xyxy": [[left, top, right, bottom], ...]}'


def open_boxes_jsonl(folder: Path) -> Dataset:
    """Opens a folder with `boxes.jsonl` and its pictures, in `images` or beside it.

    The categories are the classes up to the highest label; an unnamed class 7 is called "class 7". Lines that are not
    as expected are left out, with a warning.

    Raises:
      FileNotFoundError: no `boxes.jsonl`, or no pictures.
      ValueError: no line is as expected, or a label has several names.
    """
    file, found = folder / NAME, find_pictures(folder)
    lines, objects, annotations, names = Objects(file, "lines", LINE), Objects(file), [], dict[int, list[str]]()
    for position, line in enumerate(read_text(file).split("\n"), start=1):  # splitlines() would split at U+2028
        if not line.strip():
            continue
        with lines.reading(f"line {position}, {line[:80]}"):
            record = read_json(line)
            id, label = str(identifier(record["id"])), whole(record["label"])
            if label >= CLASSES:
                raise ValueError(f"label {label} is beyond {CLASSES - 1}")
            size = picture_size(record.get("width"), record.get("height"))
            boxes = _boxes(record["boxes_xyxy"], size, objects, f"line {position}")
            path = folder / "images" / f"{id}.JPEG"
            annotations.append(Annotation(id, path, label, boxes, [label] * len(boxes), size))
            called, name = names.setdefault(label, []), record.get("name")
            if name is not None and str(name) not in called:
                called.append(str(name))
    if several := [f"{label} is {' and '.join(map(repr, called))}" for label, called in names.items() if called[1:]]:
        raise ValueError(f"{file}: expected one name for each label, but {some(several)}")
    lines.report()
    objects.report()
    pictures = pictures_by_id(found, (one.id for one in annotations), file)
    annotations = [one._replace(path=pictures.get(one.id, one.path)) for one in annotations]
    warn_of_unlisted(annotations, found, file)
    categories = [(names.get(label) or [f"class {label}"])[0] for label in range(max(names, default=-1) + 1)]
    return annotated_dataset(folder, categories, annotations)


def _boxes(record: Any, size: Size | None, objects: Objects, line: str) -> list[Box]:
    if not isinstance(record, list):
        raise ValueError(f"boxes_xyxy: expected a list of boxes, got {record!r:.40}")
    boxes = []
    for count, box in enumerate(record, start=1):
        with objects.reading(f"{line}, box {count}"):
            boxes.append(inclusive_box(box, size))
    return boxes
