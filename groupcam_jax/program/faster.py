"""The two ways to choose: a function with the forms where no explainer runs it, and a model without them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import Var
from jaxtyping import Array, Float

from groupcam_jax.program.evaluate import evaluator
from groupcam_jax.program.inline import Constant, inline
from groupcam_jax.program.params import partition
from groupcam_jax.program.rewrite import rewritten
from groupcam_jax.types import Images, Model, Params


@dataclass(frozen=True)
class AsWritten:
    """A model that runs as it is written, on every platform: see `as_written`."""

    model_apply: Model

    def __call__(self, params: Params, images: Images) -> Float[Array, "n classes"]:
        """Runs the model."""
        return self.model_apply(params, images)


def as_written(model_apply: Model) -> Model:
    """The model, explained and measured without faster forms of its convolutions, batch norms and poolings.

        explain = jax.jit(group_cam(as_written(model.apply), params))

    The forms round differently: in float32 by less than 1e-5 of the range of a layer, in narrower types by as much as
    these round themselves. They take XLA longer to compile.
    """
    return AsWritten(model_apply)


def faster(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with faster forms of its convolutions and poolings, to train a network, say.

        logits = jax.jit(faster(model.apply))(params, images)

    Explainers and metrics do this by themselves. On a GPU they also fold batch norms into convolutions, which this does
    only for weights that the function closes over: it cannot tell others from images. What is inside of loops, branches
    and functions with a derivative of their own stays as it is.

    Args:
      function: of pytrees, to a pytree of arrays. Leaves that are no arrays (functions in Equinox modules, a flag such
        as `train=True`) are kept.
    """

    def run(*arguments: Any, **options: Any) -> Any:
        arrays, rebuild = partition((arguments, options))

        def call(arrays: Sequence[Array]) -> Any:
            arguments, options = rebuild(arrays)
            return function(*arguments, **options)

        closed, shapes = jax.make_jaxpr(call, return_shape=True)(arrays)
        constants: dict[Any, Constant] = {}
        equations, outputs = inline(closed, closed.jaxpr.invars, None, constants)
        computed = [atom for atom in outputs if isinstance(atom, Var)]
        evaluate = evaluator(rewritten(equations, computed, constants), [*constants, *closed.jaxpr.invars], computed)
        values = iter(evaluate(*constants.values(), *arrays))
        leaves = [next(values) if isinstance(atom, Var) else atom.val for atom in outputs]
        return jax.tree.unflatten(jax.tree.structure(shapes), leaves)

    return run
