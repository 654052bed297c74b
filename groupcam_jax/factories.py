"""Classifiers that a function of the user's own file makes."""

import hashlib
import importlib.util
import inspect
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.evaluation.code import imported_from, source
from groupcam_jax.types import Classifier

T = TypeVar("T")


def make_classifier(model: str) -> Classifier:
    """Calls the factory that `path/to/file.py:factory` names.

    Raises:
      ValueError: no such file or factory, or one that returns no classifier, or one that does not hold together.
    """
    path, _, factory = model.rpartition(":")
    told, file = f"--model {model}", pathlib.Path(path).absolute()
    if not file.is_file():
        raise ValueError(f"{told}: there is no file {path}")
    name = module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{told}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    if (folder := str(file.parent)) not in sys.path:
        sys.path.append(folder)  # for what it imports from beside it; last, so that it hides no package
    spec.loader.exec_module(module)
    require_own(file, told)
    if not hasattr(module, factory):
        raise ValueError(f"{told}: {path} has no function {factory}")
    make = getattr(module, factory)
    try:
        inspect.signature(make).bind()
    except TypeError:
        raise ValueError(f"{told}: expected a function without arguments that returns the classifier") from None
    made = make()
    missing = [name for name in Classifier._fields if not hasattr(made, name)]
    if missing:
        raise ValueError(
            f"{told}: {factory}() returns {type(made).__name__}, which has no {', '.join(missing)}; "
            "expected a pretrained.Classifier, or anything with its attributes"
        )
    classifier = Classifier(*(getattr(made, name) for name in Classifier._fields))
    check_fits(classifier, told)
    return classifier


def module_name(file: pathlib.Path) -> str:
    """The name of a file as a module: its own, unless Python finds another module by that, which it would hide."""
    if not file.stem.isidentifier():
        return file.stem
    loaded = sys.modules.get(file.stem)
    found = loaded or importlib.util.find_spec(file.stem)
    place = getattr(found, "__file__" if loaded else "origin", None) or "built into Python"
    if not found or pathlib.Path(place).resolve() == file.resolve():
        return file.stem
    return f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"


def require_own(file: pathlib.Path, told: str) -> None:
    """Refuses a file that got other modules than those that lie beside it: of another user's file, or packages."""
    for name in set(imported_from(file.parent, [file])) - {file.stem}:
        beside, got = source(file.parent, name), getattr(sys.modules.get(name), "__file__", None)
        if got and pathlib.Path(got).resolve() != beside.resolve():
            raise ValueError(f"{told}: it imports {name}, and got {got} instead of {beside}; give that another name")


def check_fits(classifier: Classifier, told: str) -> None:
    """Raises a ValueError, which begins with what is told, if a user's classifier does not hold together."""
    size, names = classifier.image_size, classifier.class_names
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(
            f"{told}: image_size is {size!r}; expected the pixels of a side of the square images, such as 224"
        )
    listed = isinstance(names, Sequence | np.ndarray) and not isinstance(names, str)
    if not listed or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{told}: class_names is {names!r:.80}; expected a list of names, in the order of the logits")
    pixels = np.zeros((size, size, 3), np.uint8)
    expected = f"{told}: expected preprocess to take a uint8 picture {[*pixels.shape]}"
    image = np.asarray(attempt(lambda: classifier.preprocess(pixels), expected))
    if image.ndim != 3 or not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(
            f"{told}: preprocess returns {image.dtype} {[*image.shape]}; expected a floating image [h, w, c]"
        )
    if image.shape[0] <= 4 < image.shape[2]:
        raise ValueError(
            f"{told}: preprocess returns an image {[*image.shape]}; expected [h, w, c]; if the network takes channels "
            "first, transpose in apply: `lambda params, images: network(params, images.transpose(0, 3, 1, 2))`"
        )
    if cut := attempt(lambda: cropped(classifier, image), expected):
        raise ValueError(
            f"{told}: preprocess crops a picture of image_size={size} ({', '.join(cut)} border), and the map is drawn "
            "over the whole picture; expected it to resize at most: leave the crop out, and let image_size be what "
            "the network sees"
        )
    batch = jax.ShapeDtypeStruct((1, *image.shape), jnp.float32)
    logits = attempt(
        lambda: jax.eval_shape(lambda images: classifier.apply(classifier.params, images), batch),
        f"{told}: expected apply(params, images) to take images {[*batch.shape]}, as preprocess makes them of pictures "
        "of image_size",
    )
    found = getattr(logits, "shape", ())
    if len(found) == 2 and max(found[1], 2) != len(names):
        logit = " of a single logit, without it and with it" if found[1] == 1 else ""
        raise ValueError(
            f"{told}: class_names has {len(names)} names, and the network {max(found[1], 2)} classes{logit}; expected "
            "a name for each"
        )


def cropped(classifier: Classifier, image: np.ndarray) -> list[str]:
    """The sides of a picture whose borders change nothing of the image that preprocess makes of it.

    Two pictures are compared that have the same colours in other places: what is divided by the deviation of all
    pixels, say, and cropped after that, does not differ. A border is as wide as a pixel of the image: a resize may
    read one row of so many.
    """
    size, border = classifier.image_size, -(-classifier.image_size // min(image.shape[:2]))
    first = np.zeros((size, size, 3), np.uint8)
    first[:, -(-size // 2) :] = 255
    second = first.copy()
    first[: size // 2, :border] = second[size // 2 :, :border] = 255

    def same(turns: int) -> bool:
        turned = (np.ascontiguousarray(np.rot90(picture, turns)) for picture in (first, second))
        one, other = (np.asarray(classifier.preprocess(picture), np.float64) for picture in turned)
        return np.abs(one - other).max() <= 1e-3 * np.ptp(one)

    return [side for turns, side in enumerate(("left", "lower", "right", "upper")) if same(turns)]


def attempt(call: Callable[[], T], expected: str) -> T:
    """What a user's function returns; if it raises anything, a ValueError that begins with what was expected of it."""
    try:
        return call()
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"{expected}; it raises {type(error).__name__}: {first}") from error
