"""Opens the data set that a name or a folder stands for."""

from pathlib import Path

from groupcam_jax.evaluation.data import boxes_jsonl
from groupcam_jax.evaluation.data.annotations import SUFFIXES
from groupcam_jax.evaluation.data.boxes_jsonl import open_boxes_jsonl
from groupcam_jax.evaluation.data.catalogue import open_tfds
from groupcam_jax.evaluation.data.coco import find_instances, open_coco
from groupcam_jax.evaluation.data.drawn import open_scenes
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.image_folder import open_image_folder
from groupcam_jax.evaluation.data.voc import open_voc

LAYOUTS = """one of
  CATEGORY/*.jpg           a folder for each category
  boxes.jsonl              and images/*.JPEG, as ImageNet's validation set
  instances_SPLIT.json     and images/*.jpg, as COCO
  Annotations/*.xml        and JPEGImages/*.jpg, as Pascal VOC"""


def open_data(data: str | Path, split: str | None = None, data_dir: Path | None = None) -> Dataset:
    """Opens drawn scenes, a folder of pictures, or a data set of TensorFlow Datasets by name.

    Args:
      data: "scenes", a folder, or a name such as "imagenet2012" or "coco/2017"; if both exist, the folder is opened.
      split: of a folder in COCO's or VOC's layout, or of TFDS, whose default is "validation".
      data_dir: where TFDS keeps its data; None is its default.

    Raises:
      FileNotFoundError: no such folder or data set, no pictures, or no annotations.
      ValueError: malformed annotations, or no such split.
    """
    if data == "scenes":
        return open_scenes()
    if Path(data).is_dir():
        return open_folder(Path(data), split)
    if isinstance(data, Path) or Path(data).is_absolute() or str(data).startswith((".", "~")):
        raise FileNotFoundError(f"no folder {data}")
    return open_tfds(data, split or "validation", data_dir)


def open_folder(folder: Path, split: str | None = None) -> Dataset:
    """Opens a folder of pictures; its files determine which of the layouts it has.

    Raises:
      FileNotFoundError: no pictures, or no annotations.
      ValueError: malformed annotations, or no such split.
    """
    inside = {path.name: path for path in folder.iterdir()}
    if "Annotations" in inside or "JPEGImages" in inside:
        return open_voc(folder, split)
    if find_instances(folder):
        return open_coco(folder, split)
    if split is not None:
        raise ValueError(f"{folder} has no split {split!r}: only COCO's and VOC's layouts have splits")
    if boxes_jsonl.NAME in inside:
        return open_boxes_jsonl(folder)
    if "images" in inside or any(path.suffix.lower() in SUFFIXES for path in inside.values()):
        raise FileNotFoundError(f"{folder} has pictures, but no annotations; expected {LAYOUTS}")
    if any(path.is_dir() for path in inside.values()):
        return open_image_folder(folder)
    raise FileNotFoundError(f"{folder} has no pictures; expected {LAYOUTS}")
