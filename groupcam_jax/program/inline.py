"""Inlines calls into one list of equations, each with its scope and the `jax.checkpoint` around it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var
from jaxtyping import Array

from groupcam_jax.program.scopes import scope_of
from groupcam_jax.program.source import source_of

REMAT = {"remat", "remat2", "checkpoint"}
INLINED = {"jit", "pjit", "closed_call", "core_call", *REMAT}
Atom = Var | Literal
Constant = Array | np.ndarray


class Equation(NamedTuple):
    """One operation of the model.

    Attributes:
      scope: the `jax.named_scope` path it was written in, such as 'ResNet/layer4_2/conv3'.
      eqn: the operation.
      remat: the call of the outermost `jax.checkpoint` around it, or None.
    """

    scope: str
    eqn: JaxprEqn
    remat: JaxprEqn | None = None


def inline(
    called: ClosedJaxpr | Jaxpr,
    arguments: Sequence[Atom],
    caller: JaxprEqn | None,
    constants: dict[Var, Constant],
    remat: JaxprEqn | None = None,
) -> tuple[list[Equation], list[Atom]]:
    """Lists the equations of a function applied to variables, and its results; each call gets new variables.

    Each equation keeps the scope of its call, so that tracing the program again does not lose it.

    Args:
      called: the function.
      arguments: what it is applied to.
      caller: the equation that calls it.
      constants: receives the arrays that the function closes over.
      remat: the call of `jax.checkpoint` around all of it.
    """
    jaxpr, values = (called.jaxpr, called.consts) if isinstance(called, ClosedJaxpr) else (called, [])
    fresh = [Var(var.aval) for var in jaxpr.constvars]
    constants.update(zip(fresh, values, strict=True))
    renamed: dict[Var, Atom] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*fresh, *arguments], strict=True))

    def rename(atoms: Sequence[Atom]) -> list[Atom]:
        return [atom if isinstance(atom, Literal) else renamed[atom] for atom in atoms]

    equations = []
    for eqn in jaxpr.eqns:
        if caller is not None:
            stack = caller.source_info.name_stack + eqn.source_info.name_stack
            wrote = eqn if source_of(eqn) else caller  # a library's function was traced once, for all its callers
            traceback = wrote.source_info.traceback
            eqn = eqn.replace(source_info=eqn.source_info.replace(name_stack=stack, traceback=traceback))
        if eqn.primitive.name in INLINED:
            call = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
            around = eqn if remat is None and eqn.primitive.name in REMAT else remat
            inner, results = inline(call, rename(eqn.invars), eqn, constants, around)
            equations += inner
        else:
            results = [Var(var.aval) for var in eqn.outvars]
            fresh_eqn = eqn.replace(invars=rename(eqn.invars), outvars=results)
            equations.append(Equation(scope_of(eqn), fresh_eqn, remat))
        renamed.update(zip(eqn.outvars, results, strict=True))
    return equations, rename(jaxpr.outvars)


def equations_for(equations: Sequence[Equation], outputs: Sequence[Var]) -> list[Equation]:
    """The equations that the outputs need."""
    needed, kept = set(outputs), []
    for equation in reversed(equations):
        if not needed.isdisjoint(equation.eqn.outvars):
            needed.update(variables(equation.eqn.invars))
            kept.append(equation)
    return kept[::-1]


def dependent_on(equations: Sequence[Equation], inputs: Sequence[Var]) -> set[Var]:
    """The inputs, and all that the equations compute from them."""
    dependent = {*inputs}
    for _, eqn, _ in equations:
        if not dependent.isdisjoint(variables(eqn.invars)):
            dependent.update(eqn.outvars)
    return dependent


def variables(atoms: Sequence[Atom]) -> list[Var]:
    """The variables among atoms, without the literals."""
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def values_of(atoms: Sequence[Atom], known: Mapping[Var, Any]) -> list[Any]:
    """The values of atoms, of which those of the variables are known."""
    return [atom.val if isinstance(atom, Literal) else known[atom] for atom in atoms]


def replaced(atoms: Sequence[Atom], same: Mapping[Var, Atom]) -> list[Atom]:
    """The atoms, with others in place of the variables that are the same."""
    return [atom if isinstance(atom, Literal) else same.get(atom, atom) for atom in atoms]


def shape_of(atom: Atom) -> tuple[int, ...]:
    """The shape of an operand; () for keys and the like."""
    return tuple(map(int, np.shape(atom.val) if isinstance(atom, Literal) else getattr(atom.aval, "shape", ())))


def type_of(atom: Atom) -> jax.core.ShapedArray:
    """The shape and dtype of an array."""
    return cast(jax.core.ShapedArray, atom.aval)


def is_floating(var: Var) -> bool:
    """Whether a value is of a floating type, and so has a gradient."""
    return bool(jnp.issubdtype(getattr(var.aval, "dtype", bool), jnp.floating))


def is_spread(type_of_array: jax.core.ShapedArray) -> bool:
    """Whether a type says how an array is spread over devices, which the steps of a form would each have to say."""
    return any(type_of_array.sharding.spec)
