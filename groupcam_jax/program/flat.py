"""A traced model as one flat list of equations, each with the scope it was written in.

`jax.make_jaxpr` turns a model into equations; calls (jit, remat, closed_call) hide further equations inside. Here they
are inlined, so that every intermediate value of the model is a variable that the program can be cut at. Functions with
a derivative rule of their own (`jax.nn.relu` is one) stay whole: inlined, they would lose it. So do loops and branches.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from groupcam_jax.program.scopes import scope_of
from groupcam_jax.types import Model, Params

INLINED = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}


class Equation(NamedTuple):
    """One operation of the model and the `jax.named_scope` path it was written in, such as 'ResNet/layer4_2/conv3'."""

    scope: str
    eqn: JaxprEqn


class Program(NamedTuple):
    """A model as equations, for images of one shape and dtype; `constants` are arrays that the model closes over."""

    equations: list[Equation]
    constants: dict[Var, Any]
    params: list[Var]
    images: Var
    logits: Var
    source: Jaxpr

    def __call__(self, params: Params, images: Any) -> Any:
        """Runs the model: `program(params, images)` equals `model_apply(params, images)`."""
        (logits,) = self.function(self.equations, [self.images], [self.logits])(params, images)
        return logits

    def function(
        self, equations: Sequence[Equation], inputs: Sequence[Var], outputs: Sequence[Var]
    ) -> Callable[..., list[Any]]:
        """Makes equations of the program, in their order, a function `(params, *inputs) -> list of outputs`."""
        arguments = [*self.constants, *self.params, *inputs]
        jaxpr = Jaxpr(
            (), arguments, outputs, [e.eqn for e in equations], self.source.effects, debug_info=self.source.debug_info
        )
        run = jaxpr_as_fun(ClosedJaxpr(jaxpr, ()))
        return lambda params, *values: run(*self.constants.values(), *partition(params)[0], *values)


def trace(model_apply: Model, params: Params, images: Any) -> Program:
    """Traces a model once.

    Args:
      model_apply: `logits = model_apply(params, images)`, bare, jitted or rematted.
      params: any pytree of arrays, which may be traced; leaves that are none (functions in Equinox modules) are kept.
      images: `[n, h, w, c]`, an array or `jax.ShapeDtypeStruct`: only its shape and dtype are used.

    Returns:
      The model as a flat program for images of this shape and dtype.

    Raises:
      ValueError: the model does not return logits `[n, classes]`.
    """
    arrays, rebuild = partition(params)
    # A copy of the abstract value: under explicit sharding the type of an array says how it is laid out.
    abstract = jax.ShapeDtypeStruct(images.shape, images.dtype, sharding=getattr(jax.typeof(images), "sharding", None))
    closed, output = jax.make_jaxpr(lambda arrays, images: model_apply(rebuild(arrays), images), return_shape=True)(
        arrays, abstract
    )
    if not isinstance(output, jax.ShapeDtypeStruct) or output.ndim != 2 or output.shape[0] != images.shape[0]:
        got = jax.tree.map(lambda leaf: (*leaf.shape,), output)
        raise ValueError(
            f"the model must return logits [{images.shape[0]}, classes] for images {[*images.shape]}, got {got}; "
            "wrap it, for example `lambda params, images: model.apply(params, images)[0]`"
        )
    constants: dict[Var, Any] = {}
    *param_vars, image_var = closed.jaxpr.invars
    equations, (logits,) = inline(closed, closed.jaxpr.invars, None, constants)
    return Program(equations, constants, param_vars, image_var, logits, closed.jaxpr)


def inline(
    called: ClosedJaxpr | Jaxpr, arguments: Sequence[Any], caller: JaxprEqn | None, constants: dict[Var, Any]
) -> tuple[list[Equation], list[Any]]:
    """Lists the equations of a function applied to variables, and its results; each call gets variables of its own.

    Each equation takes the scope of the call with it: it is not lost when the program is traced again.
    """
    jaxpr, values = (called.jaxpr, called.consts) if isinstance(called, ClosedJaxpr) else (called, [])
    fresh = [Var(var.aval) for var in jaxpr.constvars]
    constants.update(zip(fresh, values, strict=True))
    renamed = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*fresh, *arguments], strict=True))

    def rename(atoms):
        return [atom if isinstance(atom, Literal) else renamed[atom] for atom in atoms]

    equations = []
    for eqn in jaxpr.eqns:
        if caller is not None:
            stack = caller.source_info.name_stack + eqn.source_info.name_stack
            eqn = eqn.replace(source_info=eqn.source_info.replace(name_stack=stack))
        if eqn.primitive.name in INLINED:
            call = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
            inner, results = inline(call, rename(eqn.invars), eqn, constants)
            equations += inner
        else:
            results = [Var(var.aval) for var in eqn.outvars]
            equations.append(Equation(scope_of(eqn), eqn.replace(invars=rename(eqn.invars), outvars=results)))
        renamed.update(zip(eqn.outvars, results, strict=True))
    return equations, rename(jaxpr.outvars)


def partition(params: Params) -> tuple[list[Any], Callable[[Sequence[Any]], Params]]:
    """Takes the arrays out of a tree; the function returned puts others in their place.

    What is left behind are leaves that JAX cannot trace, such as the activation functions in Equinox modules.
    """
    leaves, treedef = jax.tree.flatten(params)
    traced = [hasattr(leaf, "dtype") or isinstance(leaf, bool | int | float | complex) for leaf in leaves]

    def rebuild(arrays: Sequence[Any]) -> Params:
        remaining = iter(arrays)
        return treedef.unflatten(
            next(remaining) if is_traced else leaf for leaf, is_traced in zip(leaves, traced, strict=True)
        )

    return [leaf for leaf, is_traced in zip(leaves, traced, strict=True) if is_traced], rebuild
