"""Opens what a network is trained on, and what it is measured on after each epoch."""

from pathlib import Path

from groupcam_jax.evaluation.data import Dataset, open_data
from groupcam_jax.evaluation.data.drawn import open_scenes

HELD_OUT = ("val", "validation")


def open_pair(data: str, validation: str | None) -> tuple[Dataset, Dataset]:
    """Opens the training and the validation pictures.

    Args:
      data: "scenes" (256 drawn ones), the name of a data set of TFDS, a folder of categories, or a folder that holds
        such folders as `train` and `val`.
      validation: a folder of categories; None if `data` has its own.

    Raises:
      FileNotFoundError: no such data, or no validation pictures.
      ValueError: the two have other categories.
    """
    folder = Path(data)
    if data == "scenes" and validation is None:
        return open_scenes(256, seed=2028), open_scenes()
    if validation is not None:
        pair = open_data(data, None if folder.is_dir() else "train"), open_data(validation)
    elif not folder.is_dir():
        pair = open_data(data, "train"), open_data(data, "validation")
    else:
        held_out = next((folder / name for name in HELD_OUT if (folder / name).is_dir()), None)
        if held_out is None or not (folder / "train").is_dir():
            raise FileNotFoundError(
                f"{data}: expected the folders train and val in it, or --validation FOLDER for pictures held out"
            )
        pair = open_data(folder / "train"), open_data(held_out)
    require_same_categories(*pair)
    return pair


def require_same_categories(training: Dataset, validation: Dataset) -> None:
    """Refuses data sets whose labels mean different things."""
    known, found = set(training.categories), set(validation.categories)
    if missing := sorted(known - found):
        raise ValueError(f"{validation.name} has no pictures of {listed(missing)}, which {training.name} has")
    if strangers := sorted(found - known):
        raise ValueError(f"{validation.name} has pictures of {listed(strangers)}, which {training.name} has not")
    if training.categories != validation.categories:
        raise ValueError(f"{training.name} and {validation.name} have the same categories in another order")


def listed(names: list[str]) -> str:
    """The first few names."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
