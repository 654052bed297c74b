"""Classifiers that a function of the user's own file makes."""

import importlib.util
import inspect
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.types import Classifier


def make_classifier(model: str) -> Classifier:
    """Calls the factory that `path/to/file.py:factory` names.

    Raises:
      ValueError: no such file or factory, or one that returns no classifier.
    """
    path, _, factory = model.rpartition(":")
    file = pathlib.Path(path)
    if not file.is_file():
        raise ValueError(f"--model {model}: there is no file {path}")
    loaded = sys.modules.get(file.stem)
    hides = file.stem in sys.stdlib_module_names or (loaded and getattr(loaded, "__file__", None) != str(file))
    name = f"{file.stem} of {file}" if hides else file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"--model {model}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    if (folder := str(file.parent.resolve())) not in sys.path:
        sys.path.append(folder)  # for what it imports from beside it; last, so that it hides no package
    spec.loader.exec_module(module)
    if not hasattr(module, factory):
        raise ValueError(f"--model {model}: {path} has no function {factory}")
    make = getattr(module, factory)
    try:
        inspect.signature(make).bind()
    except TypeError:
        raise ValueError(
            f"--model {model}: expected a function without arguments that returns the classifier"
        ) from None
    classifier = make()
    missing = [name for name in Classifier._fields if not hasattr(classifier, name)]
    if missing:
        raise ValueError(
            f"--model {model}: {factory}() returns {type(classifier).__name__}, which has no {', '.join(missing)}; "
            "expected a pretrained.Classifier, or anything with its attributes"
        )
    return Classifier(*(getattr(classifier, name) for name in Classifier._fields))


def check_fits(classifier: Classifier, told: str) -> None:
    """Raises a ValueError, which begins with what is told, if a user's classifier does not hold together."""
    size, names = classifier.image_size, classifier.class_names
    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"{told}: image_size is {size!r}; expected the pixels of a side of the square images, such as 224"
        )
    image = classifier.preprocess(np.zeros((size, size, 3), np.uint8))
    shape, dtype = np.shape(image), getattr(image, "dtype", None)
    if len(shape) != 3 or dtype is None or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"{told}: preprocess returns {dtype} {[*shape]}; expected a floating image [h, w, c]")
    if shape[0] <= 4 < shape[2]:
        raise ValueError(
            f"{told}: preprocess returns an image {[*shape]}; expected [h, w, c]; if the network takes channels first, "
            "transpose in apply: `lambda params, images: network(params, images.transpose(0, 3, 1, 2))`"
        )
    batch = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    try:
        logits = jax.eval_shape(lambda images: classifier.apply(classifier.params, images), batch)
    except Exception as error:  # whatever a user's code raises
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"{told}: expected apply(params, images) to take images {[*batch.shape]}, as preprocess makes them of "
            f"pictures of image_size; it raises {type(error).__name__}: {first}"
        ) from error
    found = getattr(logits, "shape", ())
    if len(found) == 2 and found[1] != len(names) and (found[1], len(names)) != (1, 2):
        raise ValueError(
            f"{told}: class_names has {len(names)} names, and the network {found[1]} classes; expected a name for each"
        )
