"""Opens what a network is trained on, and what it is measured on after each epoch."""

from pathlib import Path

from groupcam_jax.evaluation.data import Dataset, Example, open_data
from groupcam_jax.evaluation.data.drawn import open_scenes
from groupcam_jax.evaluation.data.opening import is_scenes
from groupcam_jax.some import some

HELD_OUT = ("val", "valid", "validation")


def open_pair(
    data: str,
    validation: str | None,
    split: str = "train",
    validation_split: str = "validation",
    data_dir: Path | None = None,
) -> tuple[Dataset, Dataset]:
    """Opens the training and the validation pictures.

    Args:
      data: "scenes" (256 drawn ones), the name of a data set of TFDS, a folder of categories, or a folder that holds
        such folders as `train` and `val`.
      validation: a folder of categories; None if `data` has its own.
      split: of a data set of TFDS, the one to train on.
      validation_split: of a data set of TFDS, the one held out.
      data_dir: where TFDS keeps its data.

    Raises:
      FileNotFoundError: no such data, or no validation pictures.
      ValueError: the two have other categories, or one alone, no such split, or a folder called "scenes".
    """
    folder = Path(data)
    if is_scenes(data) and validation is None:
        return open_scenes(256, seed=2028), open_scenes()
    if folder.is_dir() and validation is None:
        found = next((folder / name for name in HELD_OUT if (folder / name).is_dir()), None)
        if found is None or not (folder / "train").is_dir():
            raise FileNotFoundError(
                f"{data}: expected the folders train and val in it, or --validation FOLDER for pictures held out"
            )
        pair = open_categories(folder / "train"), open_categories(found)
    else:
        training = open_categories(folder) if folder.is_dir() else open_data(data, split, data_dir)
        held_out = (
            open_data(data, validation_split, data_dir) if validation is None else open_categories(Path(validation))
        )
        pair = training, held_out
    require_same_categories(*pair)
    return pair


def open_categories(folder: Path) -> Dataset:
    """Opens a folder of categories. Those of WordNet are the folders that there are, not all 1,000 of ImageNet's."""
    dataset = open_data(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name in dataset.categories)
    if len(names) in (0, len(dataset.categories)):
        return dataset
    position = {dataset.categories.index(name): label for label, name in enumerate(names)}

    def read(index: int) -> Example:
        example = dataset[index]
        return example._replace(label=position[example.label])

    return Dataset(
        dataset.name,
        tuple(names),
        len(dataset),
        read,
        lambda index: position[dataset.label(index)],
        dataset.shown,
        dataset.identity,
    )


def require_same_categories(training: Dataset, validation: Dataset) -> None:
    """Refuses data sets whose labels mean different things, or nothing."""
    known, found = set(training.categories), set(validation.categories)
    if missing := sorted(known - found):
        raise ValueError(f"{validation.name} has no pictures of {some(missing, 5)}, which {training.name} has")
    if strangers := sorted(found - known):
        raise ValueError(f"{validation.name} has pictures of {some(strangers, 5)}, which {training.name} has not")
    if len(known) < 2:
        raise ValueError(f"{training.name} has one category, {some(known)}; expected two at least to tell apart")
    if training.categories != validation.categories:
        raise ValueError(f"{training.name} and {validation.name} have the same categories in another order")
