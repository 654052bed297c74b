"""Pictures in one folder per category, as in torchvision's ImageFolder."""

import re
from pathlib import Path

from groupcam_jax.bundled import bundled
from groupcam_jax.evaluation.data.annotations import Annotation, annotated_dataset, find_pictures
from groupcam_jax.evaluation.data.examples import Dataset

WORDNET_ID = re.compile(r"n\d{8}")


def open_image_folder(folder: Path) -> Dataset:
    """Opens a folder with one folder of pictures per category.

    A label is the position of the folder's name among all names, sorted. If all names are WordNet ids (n01440764), it
    is the ImageNet class.

    Raises:
      FileNotFoundError: a category without pictures, or no categories.
      ValueError: a WordNet id that is no class of ImageNet.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise FileNotFoundError(f"{folder}: expected a folder of pictures for each category, found no folders")
    pictures = {name: find_pictures(folder / name) for name in names}
    if empty := [name for name, found in pictures.items() if not found]:
        raise FileNotFoundError(
            f"{folder}: {len(empty)} of {len(names)} categories have no pictures: {', '.join(empty[:5])}; "
            "put pictures there, or remove the folders"
        )
    categories = names
    if all(map(WORDNET_ID.fullmatch, names)):
        categories = [id for id, _ in bundled("networks.imagenet").class_index()]
    if strangers := sorted(set(names) - set(categories)):
        raise ValueError(f"{folder}: {', '.join(strangers[:5])} are WordNet ids, but no classes of ImageNet")
    labels = {name: label for label, name in enumerate(categories)}
    annotations = [
        Annotation(path.relative_to(folder).as_posix(), path, labels[name]) for name in names for path in pictures[name]
    ]
    return annotated_dataset(folder, categories, annotations)
