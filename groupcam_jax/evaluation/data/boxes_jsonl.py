"""Pictures in one folder, with labels and boxes in a file `boxes.jsonl`, as in ImageNet's validation set.

One line per picture, with its file name without extension, its class and ImageNet's own boxes:

    {"id": "ILSVRC2012_val_00000001", "label": 65, "name": "sea snake", "width": 500, "height": 375,
     "boxes_xyxy": [[111, 108, 441, 193]]}

ImageNet counts pixels from 0, and the last one belongs to the box (boxes along the border begin at 0 and end at
width - 1): the edges are left, top, right + 1, bottom + 1. `name`, `width` and `height` can be left out.
"""

import json
from pathlib import Path

from groupcam_jax.evaluation.data.annotations import Annotation, annotated_dataset, find_pictures, warn_of_unlisted
from groupcam_jax.evaluation.data.examples import Dataset

NAME = "boxes.jsonl"


def open_boxes_jsonl(folder: Path) -> Dataset:
    """Opens a folder with `boxes.jsonl` and its pictures, in `images` or beside it.

    The categories are the classes up to the highest label; an unnamed class 7 is called "class 7".

    Raises:
      FileNotFoundError: no `boxes.jsonl`, or no pictures.
      ValueError: a line that is not as expected.
    """
    pictures = {path.stem: path for path in find_pictures(folder)}
    annotations, names = [], {}
    lines = (folder / NAME).read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            id, label = record["id"], int(record["label"])
            boxes = [(left, top, right + 1, bottom + 1) for left, top, right, bottom in record["boxes_xyxy"]]
            size = (record["width"], record["height"]) if "width" in record else None
        except (ValueError, TypeError, KeyError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f'{folder / NAME}, line {number}: {reason}; expected {{"id": "name of the picture", "label": 0, '
                f'"boxes_xyxy": [[left, top, right, bottom], ...]}}, got {line[:80]}'
            ) from error
        path = pictures.get(id, folder / "images" / f"{id}.JPEG")
        annotations.append(Annotation(id, path, label, boxes, [label] * len(boxes), size))
        names[label] = record.get("name", f"class {label}")
    warn_of_unlisted(annotations, pictures.values(), folder / NAME)
    categories = [names.get(label, f"class {label}") for label in range(max(names, default=-1) + 1)]
    return annotated_dataset(folder, categories, annotations)
