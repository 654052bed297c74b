"""ImageNet as Kaggle publishes it: `ILSVRC/Data/CLS-LOC`, and `LOC_val_solution.csv` with the labels and boxes.

    ImageId,PredictionString
    ILSVRC2012_val_00000001,n01751748 111 108 441 193

After a picture's name, its WordNet id and the box of each object, of whose pixels the last ones belong to it.
"""

import csv
from pathlib import Path

from groupcam_jax.bundled import bundled
from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import annotated_dataset, repeated
from groupcam_jax.evaluation.data.boxes import inclusive_box
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.values import read_text
from groupcam_jax.some import some

PICTURES = Path("Data", "CLS-LOC")


def find_ilsvrc(folder: Path) -> Path | None:
    """The folder with `Data/CLS-LOC`: this one, or `ILSVRC` in it; None if there is none."""
    return next((place for place in (folder, folder / "ILSVRC") if (place / PICTURES).is_dir()), None)


def open_ilsvrc(root: Path, split: str | None) -> Dataset:
    """Opens Kaggle's folder; its categories are the classes of ImageNet, by their WordNet ids.

    Args:
      root: the folder with `Data/CLS-LOC`; the annotations lie in it or beside it.
      split: val, the default, or train, whose pictures with boxes are opened.

    Raises:
      FileNotFoundError: no annotations of the split, or no pictures.
      ValueError: no row is as expected; single ones are left out, with a warning.
    """
    split = split or "val"
    name = f"LOC_{split}_solution.csv"
    file = next((place / name for place in (root, root.parent) if (place / name).exists()), None)
    if file is None:
        raise FileNotFoundError(f"{root}: expected {name} there or in {root.parent}, as Kaggle has it (val or train)")
    categories = [id for id, _ in bundled("networks.imagenet").class_index()]
    labels = {id: label for label, id in enumerate(categories)}
    expected = "a picture's name, and for each box a WordNet id of ImageNet and four numbers"
    rows, objects, annotations = Objects(file, "rows", expected), Objects(file), []
    for row in csv.DictReader(read_text(file).split("\n")):
        with rows.reading(f"{row!s:.100}"):
            id, predictions = row["ImageId"], (row["PredictionString"] or "").split()
            first, *_ = predictions
            label, boxes, kinds = labels[first], [], []
            for start in range(0, len(predictions), 5):
                with objects.reading(f"{id}, box {start // 5 + 1}"):
                    kind, box = labels[predictions[start]], inclusive_box(predictions[start + 1 : start + 5], None)
                    boxes.append(box)
                    kinds.append(kind)
            within = Path(id.split("_")[0]) if split == "train" else Path()
            path = root / PICTURES / split / within / f"{id}.JPEG"
            annotations.append(Annotation(id, path, label, boxes, kinds))
    if twice := repeated(annotation.id for annotation in annotations):
        raise ValueError(f"{file}: has {some(twice)} more than once")
    rows.report()
    objects.report()
    return annotated_dataset(root, categories, sorted(annotations, key=lambda annotation: annotation.id))
