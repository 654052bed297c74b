"""Data sets of the annotated pictures in a folder."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from groupcam_jax.evaluation.data.annotation import Annotation, identity, read_annotated
from groupcam_jax.evaluation.data.examples import Dataset
from groupcam_jax.some import some


def annotated_dataset(folder: Path, categories: Iterable[str], annotations: Sequence[Annotation]) -> Dataset:
    """The data set of a folder's annotated pictures.

    A missing picture counts as broken, which is reported when it is read. What is not in the folder is never opened.

    Raises:
      FileNotFoundError: none of the pictures exists.
    """
    if not annotations:
        raise FileNotFoundError(f"{folder}: no picture is annotated")
    count, example = len(annotations), annotations[0].path
    outside = [annotation.path for annotation in annotations if not is_inside(annotation.path, folder)]
    annotations = [annotation for annotation in annotations if is_inside(annotation.path, folder)]
    if not any(annotation.path.exists() for annotation in annotations):
        raise FileNotFoundError(f"{folder}: none of the {count} annotated pictures is in it, such as {example}")
    if outside:
        told = f"{len(outside)} pictures outside of the folder, which are left out: {some([*map(str, outside)])}"
        warnings.warn(f"{folder}: the annotations name {told}", stacklevel=4)  # whoever calls open_data
    return Dataset(
        str(folder),
        tuple(categories),
        len(annotations),
        lambda index: read_annotated(annotations[index]),
        lambda index: annotations[index].label,
        lambda index: annotations[index].categories,
        lambda index: identity(annotations[index]),
    )


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path that begins with a folder stays in it. Links in it may lead anywhere, but not up from there."""
    if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):
        return False
    return ".." not in path.parts[len(folder.parts) :] or path.resolve().is_relative_to(folder.resolve())


def warn_of_unlisted(annotations: Iterable[Annotation], pictures: Iterable[Path], listed_in: Path) -> None:
    """Warns about pictures without an annotation, which are left out of the data set."""
    unlisted = sorted(set(pictures) - {annotation.path for annotation in annotations})
    if unlisted:
        message = f"{listed_in} says nothing of {len(unlisted)} pictures, which are left out: {some(unlisted)}"
        warnings.warn(message, stacklevel=5)  # whoever calls open_data


def warn_of_empty(annotations: Iterable[Annotation], categories: Sequence[str], source: Path) -> None:
    """Warns about categories that no picture shows."""
    shown = {category for annotation in annotations for category in annotation.categories}
    empty = [name for index, name in enumerate(categories) if index not in shown]
    if empty:
        message = f"{source}: {len(empty)} of {len(categories)} categories have no pictures: {some(empty)}"
        warnings.warn(message, stacklevel=5)  # whoever calls open_data


def pictures_by_id(pictures: Iterable[Path], ids: Iterable[str], annotated_in: Path) -> dict[str, Path]:
    """The picture of each id, its name with or without extension; ids without a picture are missing.

    Raises:
      ValueError: an id that comes twice, or has several pictures.
    """
    if twice := repeated(ids := list(ids)):
        raise ValueError(f"{annotated_in}: has {some(twice)} more than once")
    named: dict[str, list[Path]] = {}
    for path in pictures:
        for name in {path.stem, path.name}:
            named.setdefault(name, []).append(path)
    for id in ids:
        if len(found := named.get(id, ())) > 1:
            raise ValueError(f"{annotated_in}: {id} may be {found[0]} or {found[1]}")
    return {id: named[id][0] for id in ids if id in named}


def repeated(things: Iterable[str]) -> list[str]:
    """What comes more than once."""
    return [thing for thing, count in Counter(things).items() if count > 1]
