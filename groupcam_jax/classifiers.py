"""Finds the classifier and the layer that the command line names."""

import dataclasses
import pathlib

from groupcam_jax.bundled import bundled
from groupcam_jax.class_names import read_class_names
from groupcam_jax.factories import make_classifier
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
    if class_names is None:
        return classifier
    names, count = read_class_names(class_names), len(classifier.class_names)
    if len(names) != count:
        raise ValueError(f"--class-names {class_names}: it has {len(names)} names, and the network {count} classes")
    return classifier._replace(class_names=names)


def _load(model: str, weights: pathlib.Path | None, state_dict: str | None) -> Classifier:
    """The classifier with its own class names."""
    path, colon, _ = model.rpartition(":")
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
    classifier = make_classifier(model)
    if tuned is None:
        return classifier
    from groupcam_jax.training.classes import fit_classes  # needs Flax

    return bundled("fine_tuned").with_weights(fit_classes(classifier, tuned.class_names).classifier, tuned)


def chosen_layer(wanted: str, usual: LayerLike) -> Layer:
    """The layer of this name or index; in the layout, or the grid of tokens, of the classifier's usual layer."""
    at = int(wanted) if wanted.lstrip("-").isdecimal() else wanted
    return dataclasses.replace(usual, at=at) if isinstance(usual, Layer) else Layer(at)
