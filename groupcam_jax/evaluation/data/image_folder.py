"""Pictures in one folder per category, as in torchvision's ImageFolder."""

import re
from collections import defaultdict
from pathlib import Path

from groupcam_jax.bundled import bundled
from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import annotated_dataset
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.evaluation.data.listing import find_folders, find_pictures
from groupcam_jax.some import some

WORDNET_ID = re.compile(r"n\d{8}")


def open_image_folder(folder: Path) -> Dataset:
    """Opens a folder with one folder of pictures per category.

    A label is the position of the folder's name among all names, sorted. If all names are WordNet ids (n01440764), it
    is the ImageNet class.

    Raises:
      FileNotFoundError: a category without pictures, or no categories.
      ValueError: a WordNet id that is no class of ImageNet, or a single folder that holds the categories.
    """
    names = [path.name for path in find_folders(folder)]
    if not names:
        raise FileNotFoundError(f"{folder}: expected a folder of pictures for each category, found no folders")
    pictures: dict[str, list[Path]] = defaultdict(list)
    for path in find_pictures(folder):
        pictures[path.relative_to(folder).parts[0]].append(path)
    if empty := [name for name in names if not pictures[name]]:
        raise FileNotFoundError(
            f"{folder}: {len(empty)} of {len(names)} categories have no pictures: {some(empty, 5)}; put pictures "
            "there, or choose the folder whose folders are the categories"
        )
    only = folder / names[0]
    if len(names) == 1 and len(find_folders(only)) > 1 and all(path.parent != only for path in pictures[names[0]]):
        raise ValueError(f"{folder} has one category, {names[0]}, which holds folders; open {only}, if these are they")
    categories = names
    if all(map(WORDNET_ID.fullmatch, names)):
        categories = [id for id, _ in bundled("networks.imagenet").class_index()]
    if strangers := sorted(set(names) - set(categories)):
        raise ValueError(f"{folder}: {some(strangers, 5)} are WordNet ids, but no classes of ImageNet")
    labels = {name: label for label, name in enumerate(categories)}
    annotations = [
        Annotation(path.relative_to(folder).as_posix(), path, labels[name]) for name in names for path in pictures[name]
    ]
    return annotated_dataset(folder, categories, annotations)
