"""A traced model as one flat list of equations, each with the scope it was written in.

`jax.make_jaxpr` turns a model into equations; calls (jit, remat, closed_call) hide more equations inside. Here they are
inlined, so that the program can be cut at every intermediate value of the model. Functions with a custom derivative
(such as `jax.nn.relu`) stay whole: inlining would lose it. So do loops and branches.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import jax
from jax.extend.core import Var
from jaxtyping import Array, Float

from groupcam_jax.program.advice import how_called, is_logits, no_logits
from groupcam_jax.program.evaluate import evaluator, run_equation
from groupcam_jax.program.faster import AsWritten
from groupcam_jax.program.inline import Constant, Equation, equations_for, inline
from groupcam_jax.program.modules import module_paths, name_modules
from groupcam_jax.program.params import partition
from groupcam_jax.program.rewrite import rewritten
from groupcam_jax.program.stops import without_stops
from groupcam_jax.types import Images, Model, Params


class Program(NamedTuple):
    """A model as equations, for images of one shape and dtype.

    Attributes:
      equations: in the order in which they run.
      constants: the arrays that the model closes over.
      params: the variables of its weights.
      images: the variable of its images.
      logits: the variable of its output.
      independent: whether the classes do not exclude each other, so that each has the sigmoid of its logit.
      as_written: whether it runs as it is written on every platform, see `groupcam_jax.as_written`.
    """

    equations: list[Equation]
    constants: dict[Var, Constant]
    params: list[Var]
    images: Var
    logits: Var
    independent: bool = False
    as_written: bool = False

    def __call__(self, params: Params, images: Images) -> Float[Array, "n classes"]:
        """Runs the model: `program(params, images)` equals `model_apply(params, images)`."""
        (logits,) = self.function(self.equations, [self.images], [self.logits])(params, images)
        return logits

    def function(
        self, equations: Sequence[Equation], inputs: Sequence[Var], outputs: Sequence[Var]
    ) -> Callable[..., list[Array]]:
        """Turns equations of the program, in order, into a function `(params, *inputs) -> list of outputs`."""
        weights = [*self.constants, *self.params]
        formed = equations if self.as_written else rewritten(equations, outputs, weights)
        run = evaluator(formed, [*weights, *inputs], outputs)
        return lambda params, *values: run(*self.constants.values(), *partition(params)[0], *values)

    def given(self, weights: Sequence[Any], images: Images) -> dict[Var, Constant]:
        """The values with which a run of the equations begins."""
        return {**self.constants, **dict(zip(self.params, weights, strict=True)), self.images: images}

    def run(self, equation: Equation, operands: Sequence[Any]) -> list[Array]:
        """Computes one equation of the program."""
        return run_equation(
            equation if self.as_written else rewritten([equation], equation.eqn.outvars, ())[0], operands
        )


def trace(model_apply: Model, params: Params, images: Images | jax.ShapeDtypeStruct) -> Program:
    """Traces a model once.

    Args:
      model_apply: `logits = model_apply(params, images)`, bare, jitted or rematted.
      params: any pytree of arrays, maybe traced; other leaves (functions in Equinox modules) are kept.
      images: `[n, h, w, c]`, an array or `jax.ShapeDtypeStruct`: only its type is used.

    Returns:
      The model as a flat program for images of this type.

    Raises:
      ValueError: the model does not return logits `[n, classes]`.
    """
    arrays, rebuild = partition(params)
    # The type of an array says more than its shape: its sharding, and the mesh axes over which it varies.
    abstract: Any = images if isinstance(images, jax.ShapeDtypeStruct) else jax.typeof(images)
    if isinstance(model_apply, Program):
        types = [var.aval for var in (*model_apply.params, model_apply.images)]
        if types == [*map(jax.typeof, arrays), abstract]:
            return model_apply  # traced already
    with jax.disable_jit(False):  # even while the user debugs: else functions lose their names
        try:
            closed, output = jax.make_jaxpr(
                lambda arrays, images: column(model_apply(rebuild(arrays), images), len(images)), return_shape=True
            )(arrays, abstract)
        except Exception as error:  # of the model's code, which does not say how it was called
            error.add_note(how_called(images.shape))
            raise
    if not isinstance(output, jax.ShapeDtypeStruct) or not is_logits(output, images.shape[0]):
        raise ValueError(no_logits(output, images.shape))
    constants: dict[Var, Constant] = {}
    *param_vars, image_var = closed.jaxpr.invars
    equations, (logits,) = inline(closed, closed.jaxpr.invars, None, constants)
    equations = name_modules(equations, param_vars, module_paths(params), image_var)
    equations, logits = without_stops(equations, image_var, cast(Var, logits))
    if not any(equation.eqn.effects for equation in equations):  # prints stay
        equations = equations_for(equations, [logits])  # without the new averages of a batch norm, say
    as_written = isinstance(model_apply, AsWritten)
    return Program(equations, constants, param_vars, image_var, logits, as_written=as_written)


def column(output: Any, batch: int) -> Any:
    """One number for each image, as a binary classifier gives, as a column of logits."""
    return output[:, None] if getattr(output, "shape", None) == (batch,) else output
