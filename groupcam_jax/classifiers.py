"""Finds the classifier and the class that the command line names."""

import dataclasses
import importlib.util
import inspect
import json
import pathlib
import sys
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from groupcam_jax.bundled import bundled
from groupcam_jax.types import Classifier, Layer, LayerLike


def load_classifier(
    model: str,
    weights: pathlib.Path | None,
    state_dict: str | None = None,
    class_names: pathlib.Path | None = None,
) -> Classifier:
    """Loads a classifier by name, or from a user's file.

    Args:
      model: a name that `pretrained.load` takes, or `path/to/file.py:factory`, a function that returns anything with
        the attributes of `Classifier`.
      weights: for a name, a state dict to load instead of the published one; for both, what `groupcam fine-tune` has
        written.
      state_dict: the name of the state dict in a file of weights that has several.
      class_names: a file of the classes' names, see `read_class_names`; None leaves those that the classifier has.

    Raises:
      ValueError: no such name, file or factory, or one that returns no classifier; weights of another network; or not
        as many names as classes.
    """
    classifier = _load(model, weights, state_dict)
    if model.rpartition(":")[0] not in ("", "keras"):
        check_fits(classifier, f"--model {model}")
    if class_names is None:
        return classifier
    names, count = read_class_names(class_names), len(classifier.class_names)
    if len(names) != count:
        raise ValueError(f"--class-names {class_names}: it has {len(names)} names, and the network {count} classes")
    return classifier._replace(class_names=names)


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


def read_class_names(path: pathlib.Path) -> list[str]:
    """Reads the names of classes: a line each, or JSON, a list of them or an object from class to name.

    Raises:
      ValueError: the file is no text, or JSON of another form.
    """
    try:
        text = path.read_text("utf-8-sig").strip()
        told = json.loads(text) if text.startswith(("[", "{")) else [line.strip() for line in text.splitlines()]
        names = [told[str(label)] for label in range(len(told))] if isinstance(told, dict) else told
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("not all of them are text")
        if not all(names):
            raise ValueError(f"the name of class {names.index('')} is blank")
    except (ValueError, KeyError, RecursionError) as error:
        raise ValueError(
            f"--class-names {path}: expected a name in each line, or JSON, "
            f'["cat", "dog"] or {{"0": "cat", "1": "dog"}} ({type(error).__name__}: {error})'
        ) from error
    return names


def _load(model: str, weights: pathlib.Path | None, state_dict: str | None) -> Classifier:
    """The classifier with its own class names."""
    path, colon, factory = model.rpartition(":")
    if not colon or path == "keras":
        return bundled("catalogue").load(model, weights, state_dict=state_dict)
    if state_dict is not None:
        raise ValueError(f"--state-dict {state_dict}: it goes with a name of a network; {model} loads its own weights")
    tuned = None
    if weights is not None:
        tuned = bundled("fine_tuned").read_fine_tuned(weights)
        if tuned is None:
            raise ValueError(
                f"--weights {weights}: a state dict goes with a name of a network; {model} loads its own weights, or "
                "takes those that groupcam fine-tune has written"
            )
    file = pathlib.Path(path)
    if not file.is_file():
        raise ValueError(f"--model {model}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"--model {model}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses and pickles look their module up there
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
    classifier = Classifier(*(getattr(classifier, name) for name in Classifier._fields))
    if tuned is None:
        return classifier
    from groupcam_jax.training.classes import fit_classes  # needs Flax

    return bundled("fine_tuned").with_weights(fit_classes(classifier, tuned.class_names).classifier, tuned)


def chosen_layer(wanted: str, usual: LayerLike) -> Layer:
    """The layer of this name or index; in the layout, or the grid of tokens, of the classifier's usual layer."""
    at = int(wanted) if wanted.lstrip("-").isdecimal() else wanted
    return dataclasses.replace(usual, at=at) if isinstance(usual, Layer) else Layer(at)


def find_label(class_names: Sequence[str], wanted: str) -> int:
    """Finds a class by index, name or part of its name, ignoring case; '_' equals ' '.

    Raises:
      ValueError: there is no such class, or several; the message lists them.
    """
    if wanted.isdecimal():
        if int(wanted) >= len(class_names):
            raise ValueError(f"--class {wanted}: the model has {len(class_names)} classes, 0 to {len(class_names) - 1}")
        return int(wanted)
    names = [normal(name) for name in class_names]
    found = [label for label, name in enumerate(names) if name == normal(wanted)]
    found = found or [label for label, name in enumerate(names) if normal(wanted) in name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError(f"--class {wanted}: no class has this in its name; an index works too, 0 to {len(names) - 1}")
    listed = ", ".join(f"{label} {class_names[label]}" for label in found[:20]) + (", ..." if len(found) > 20 else "")
    raise ValueError(f"--class {wanted}: {len(found)} classes match, choose one: {listed}")


def normal(name: str) -> str:
    """The form in which class names are compared."""
    return name.replace("_", " ").casefold().strip()
