"""Pictures with objects as COCO publishes them: `instances_*.json` and a folder of pictures."""

import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import annotated_dataset, is_inside, warn_of_empty, warn_of_unlisted
from groupcam_jax.evaluation.data.coco_records import read_records
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_pictures
from groupcam_jax.evaluation.data.objects import Objects
from groupcam_jax.evaluation.data.values import read_json, read_text

ROBOFLOW = "_annotations.coco.json"  # in each split's folder, beside the pictures


def find_instances(folder: Path) -> dict[str, Path]:
    """The annotation files of a folder in COCO's layout, by their splits."""
    found = sorted([*folder.glob("instances_*.json"), *folder.glob("annotations/instances_*.json")])
    there = {path.stem.removeprefix("instances_"): path for path in found}
    return there or {path.parent.name: path for path in sorted(folder.glob(f"*/{ROBOFLOW}"))}


def open_coco(folder: Path, split: str | None) -> Dataset:
    """Opens `instances_<split>.json` with its pictures in `images`, or in a folder named after the split.

    The annotations may also be in the folder `annotations`. If there is only one split, it need not be named.

    Raises:
      FileNotFoundError: no such annotations, or no pictures.
      ValueError: several splits and none is named, or malformed annotations.
    """
    found = find_instances(folder)
    if split is None and len(found) > 1:
        raise ValueError(f"{folder} has the splits {', '.join(found)}; name one (--split)")
    split = split or next(iter(found), "*")
    if split not in found:
        there = f"; there is {', '.join(found)}" if found else ""
        raise FileNotFoundError(f"{folder}: expected instances_{split}.json there or in annotations/{there}")
    path = found[split]
    usual = folder / "images" / split, folder / "images"
    pictures = next((place for place in usual if place.is_dir()), folder / split)
    there, listed, objects = find_pictures(pictures), Objects(path, "images"), Objects(path)
    text = read_text(path)
    try:
        names, annotations = read_records(read_json(text), listed, objects)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    listed.report()
    objects.report()
    by_name: dict[str, list[Path]] = defaultdict(list)
    for picture in there:
        by_name[picture.name].append(picture)
    annotations = [one._replace(path=_located(one.path, folder, pictures, by_name)) for one in annotations]
    warn_of_unlisted(annotations, there, path)
    warn_of_empty(annotations, names, path)
    _warn_of_mixed(annotations, path)
    return annotated_dataset(folder, names, annotations)


def _located(name: Path, folder: Path, pictures: Path, by_name: Mapping[str, list[Path]]) -> Path:
    """Where a picture lies: by its name among the pictures, by its path in the data set, or by its name alone."""
    parts = PureWindowsPath(name).parts if "\\" in str(name) else PurePosixPath(name).parts
    same = by_name.get(parts[-1] if parts else "", [])
    usual = pictures.joinpath(*parts)
    if usual in same:
        return usual
    places = [folder.joinpath(*parts), *(same if len(same) == 1 else ())]
    return next((path for path in places if is_inside(path, folder) and path.exists()), usual)


def _warn_of_mixed(annotations: list[Annotation], path: Path) -> None:
    with_objects = [annotation for annotation in annotations if annotation.boxes]
    missing = sum(annotation.outlines is None for annotation in with_objects)
    if 0 < missing < len(with_objects):
        of = f"{missing} of {len(with_objects)} pictures"
        warnings.warn(f"{path}: {of} have objects without outlines; there the boxes count", stacklevel=5)
