"""What of a classifier trains, and how it runs while it does.

Batch norm is frozen by default: the statistics stay those of the network's first training, of whole pictures. The
network is used on whole pictures, so what it learns from partly blurred ones must fit those statistics; and few
pictures to train on give poor ones. Updated, batch norm uses the statistics of what it trains on, and stores averages
of those of the whole pictures, in a forward pass of their own: as AdvProp, which has a batch norm for augmented
pictures and keeps that of plain ones for use (arXiv:1911.09665). There is no dropout, as in `Classifier.apply`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from groupcam_jax.precision import in_dtype
from groupcam_jax.program.faster import faster
from groupcam_jax.program.flat import Program, column, trace
from groupcam_jax.program.output import below_link
from groupcam_jax.program.params import array_names, by_name
from groupcam_jax.some import some
from groupcam_jax.targets import class_logits
from groupcam_jax.training.classes import module_of
from groupcam_jax.training.statistics import statistics
from groupcam_jax.types import Classifier, Images, Model, Params

Arrays: TypeAlias = Mapping[str, Array]
BatchLogits = Float[Array, "n classes"]


class Trainable(NamedTuple):
    """A classifier as it is trained.

    Attributes:
      apply: the classifier as it is evaluated, and explained.
      in_training: `(params, images) -> (logits, params)`; updated statistics are in the params that it returns. A
        single logit has become those of two classes.
      updates: whether it updates statistics.
      trained: the arrays that train, by name; in float32, also where the network's are shorter: those hardly move.
      fixed: all others.
      join: both as the params of `apply`, in the network's own dtypes.
    """

    apply: Model
    in_training: Callable[[Params, Images], tuple[BatchLogits, Params]]
    updates: bool
    trained: Arrays
    fixed: Arrays
    join: Callable[[Arrays], Params]


def trainable(
    classifier: Classifier, frozen: Sequence[str] = (), update_statistics: bool = False, dtype: str = "float32"
) -> Trainable:
    """Prepares a classifier for training. Of Flax's variables "params" train, of other trees all floating arrays.

    Args:
      classifier: see `Classifier`.
      frozen: regular expressions; arrays whose names they find do not train.
      update_statistics: whether batch norm uses and updates the statistics of batches, also where its weights are
        frozen: the statistics are those that the layers after it have trained on.
      dtype: in which passes are computed, "float32" or "bfloat16"; the weights stay as they are.

    Raises:
      ValueError: nothing trains, stored statistics would, or there are none to update; or `frozen` is no expression,
        or finds nothing, or only what is updated.
    """
    arrays, join = by_name(classifier.params)
    for pattern in frozen:
        require_found(pattern, arrays, update_statistics)
    flax = isinstance(classifier.params, Mapping) and "params" in classifier.params
    trained = {
        name: array
        for name, array in arrays.items()
        if jnp.issubdtype(array.dtype, jnp.floating)
        and (name.startswith("params/") or not flax)
        and not any(re.search(pattern, name) for pattern in frozen)
    }
    if not trained:
        raise ValueError("nothing trains: all arrays of the network are frozen, or none is floating")
    program = program_of(classifier)
    found = [] if flax else statistics(program, array_names(classifier.params))
    if doubtful := [name for name in found if name in trained]:
        raise ValueError(
            f"{some(doubtful, 4)} look like stored statistics of a normalisation, which gradients must not change; "
            "name all that are by --frozen REGULAR_EXPRESSION"
        )
    fixed = {name: array for name, array in arrays.items() if name not in trained}
    of_float32 = {name: array.dtype for name, array in trained.items() if array.dtype.itemsize < 4}
    trained = {name: array.astype(jnp.float32) if name in of_float32 else array for name, array in trained.items()}
    apply = faster(classifier.apply if dtype == "float32" else in_dtype(classifier.apply, dtype))

    def joined(arrays: Arrays) -> Params:
        return join({name: array.astype(of_float32.get(name, array.dtype)) for name, array in arrays.items()})

    def as_evaluated(params, images):
        return of_all_classes(apply(params, images)), params

    if not update_statistics:
        return Trainable(apply, as_evaluated, False, trained, fixed, joined)
    if dtype != "float32":
        raise ValueError("updated statistics need float32: averages in bfloat16 hardly move")
    module: Any = module_of(classifier)
    if not hasattr(module, "use_running_average") or not any(name.startswith("batch_stats/") for name in fixed):
        raise ValueError(
            "this network has no statistics that could be updated here: it takes a Flax module with batch_stats and "
            "the attribute use_running_average"
        )
    module = module.clone(use_running_average=False)

    def in_training(params, images):
        logits, state = faster(partial(module.apply, mutable=["batch_stats"]))(params, images)
        return of_all_classes(logits), {**params, **state}

    return Trainable(apply, in_training, True, trained, fixed, joined)


def require_found(pattern: str, arrays: Arrays, update_statistics: bool) -> None:
    """Refuses a pattern that is none, or finds nothing, or nothing but statistics that are updated all the same."""
    try:
        found = [name for name in arrays if re.search(pattern, name)]
    except re.error as error:
        raise ValueError(f"--frozen {pattern}: is no regular expression: {error}") from error
    if not found:
        raise ValueError(f"--frozen {pattern}: finds none of the arrays {some(arrays, 4)}")
    if update_statistics and all(name.startswith("batch_stats/") for name in found):
        raise ValueError(
            f"--frozen {pattern}: finds only statistics, such as {found[0]}, which --batch-stats updated updates; "
            "leave out one of the two"
        )


def program_of(classifier: Classifier) -> Program:
    """The traced classifier.

    Raises:
      ValueError: it ends in probabilities, where the loss is of logits.
    """
    size = classifier.image_size
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    program = trace(classifier.apply, classifier.params, image)
    if below_link(program).logits is not program.logits:
        raise ValueError(
            "the network ends in a softmax or sigmoids, and is trained by its logits; leave that last function out of "
            "your factory's apply (it is explained alike without it)"
        )
    return program


def of_all_classes(output: Array) -> BatchLogits:
    """The logits of each class, `[n, 2]` where the model has one for both."""
    return jax.vmap(class_logits)(column(output, len(output)))
