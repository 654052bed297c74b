"""Opens the data set that a name or a folder stands for."""

from pathlib import Path

from groupcam_jax.evaluation.data import boxes_jsonl
from groupcam_jax.evaluation.data.boxes_jsonl import open_boxes_jsonl
from groupcam_jax.evaluation.data.catalogue import is_prepared, open_prepared, open_tfds
from groupcam_jax.evaluation.data.coco import find_instances, open_coco
from groupcam_jax.evaluation.data.drawn import open_scenes
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.ilsvrc import find_ilsvrc, open_ilsvrc
from groupcam_jax.evaluation.data.image_folder import open_image_folder
from groupcam_jax.evaluation.data.listing import PICTURES, find_folders, is_hidden
from groupcam_jax.evaluation.data.voc import find_voc, open_voc

LAYOUTS = """one of
  CATEGORY/*.jpg           a folder for each category; above it may be one for each split, such as train and val
  boxes.jsonl              and images/*.JPEG, as ImageNet's validation set
  instances_SPLIT.json     and images/*.jpg, as COCO
  Annotations/*.xml        and JPEGImages/*.jpg, as Pascal VOC
  LOC_val_solution.csv     and ILSVRC/Data/CLS-LOC, as ImageNet at Kaggle
  dataset_info.json        as TensorFlow Datasets prepares it"""

TRAINING, HELD_OUT = {"train", "training"}, {"val", "valid", "validation", "test", "testing"}


def open_data(data: str | Path, split: str | None = None, data_dir: Path | None = None) -> Dataset:
    """Opens drawn scenes, a folder of pictures, or a data set of TensorFlow Datasets by name.

    Args:
      data: "scenes", a folder, or a name such as "imagenet2012" or "coco/2017"; of a folder and a data set of one name
        the folder is opened, and "scenes" is refused.
      split: of a folder that has splits, or of TFDS, whose default is "validation".
      data_dir: where TFDS keeps its data; None is its default.

    Raises:
      FileNotFoundError: no such folder or data set, no pictures, or no annotations.
      ValueError: malformed annotations, no such split, or a folder called "scenes".
    """
    if is_scenes(data):
        if split is not None:
            raise ValueError(f"the drawn scenes have no split {split!r}")
        return open_scenes()
    folder = Path(data).expanduser()
    if folder.is_dir():
        return open_folder(folder, split)
    if folder.exists():
        raise ValueError(f"{folder} is a file; expected a folder, {LAYOUTS}")
    if isinstance(data, Path) or folder.is_absolute() or data.startswith("."):
        raise FileNotFoundError(f"no folder {data}")
    return open_tfds(data, split or "validation", data_dir)


def is_scenes(data: str | Path) -> bool:
    """Whether the drawn scenes are meant.

    Raises:
      ValueError: they or a folder may be.
    """
    if data != "scenes":
        return False
    if Path("scenes").is_dir():
        raise ValueError("scenes may be the drawn scenes or the folder of this name; choose ./scenes, or another place")
    return True


def open_folder(folder: Path, split: str | None = None) -> Dataset:
    """Opens a folder of pictures; its files determine which of the layouts it has.

    Raises:
      FileNotFoundError: no pictures, or no annotations.
      ValueError: malformed annotations, several data sets, or no such split.
    """
    if ilsvrc := find_ilsvrc(folder):
        return open_ilsvrc(ilsvrc, split)
    if is_prepared(folder):
        return open_prepared(folder, split or "validation")
    if voc := find_voc(folder):
        return open_voc(_only(voc, folder), split)
    if find_instances(folder):
        return open_coco(folder, split)
    if (folder / boxes_jsonl.NAME).exists():
        _refuse_split(split, folder)
        return open_boxes_jsonl(folder)
    inside = find_folders(folder)
    if prepared := [path for path in inside if is_prepared(path)]:
        return open_prepared(_only(prepared, folder), split or "validation")
    files = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not is_hidden(path.name))
    if any(path.is_file() for path in files):
        # As SAM has them: run lengths beside each picture, of objects without a class.
        known = (
            "JSON files beside them, which are in no known layout" if any(folder.glob("*.json")) else "no annotations"
        )
        raise FileNotFoundError(f"{folder} has pictures, but {known}; expected {LAYOUTS}")
    splits = {path.name: path for path in inside}
    names = {name.lower() for name in splits}
    if names & (TRAINING | HELD_OUT) and (names <= TRAINING | HELD_OUT or (names & TRAINING and names & HELD_OUT)):
        if split is None and len(splits) > 1:
            raise ValueError(f"{folder} has the splits {', '.join(splits)}; name one (--split)")
        if split is not None and split not in splits:
            raise ValueError(f"{folder} has the splits {', '.join(splits)}, not {split!r}")
        return open_folder(splits[split or next(iter(splits))])
    if "images" in splits:
        raise FileNotFoundError(f"{folder} has pictures, but no annotations; expected {LAYOUTS}")
    if len(inside) == 1 and any(inside[0].glob("*.json")):
        return open_folder(inside[0], split)  # not a category, but a data set
    if inside:
        _refuse_split(split, folder)
        return open_image_folder(folder)
    raise FileNotFoundError(f"{folder} has no pictures; expected {LAYOUTS}")


def _only(found: list[Path], folder: Path) -> Path:
    if len(found) > 1:
        raise ValueError(f"{folder} holds several data sets; open one of them: {', '.join(map(str, found))}")
    return found[0]


def _refuse_split(split: str | None, folder: Path) -> None:
    if split is not None:
        raise ValueError(f"{folder} has no split {split!r}; expected a folder for each, or COCO's or VOC's layout")
