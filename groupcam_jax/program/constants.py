"""The values in a traced model that depend on neither its weights nor its images: masks, indices, positions."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal, Var

from groupcam_jax.program.evaluate import run_equation
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, shape_of

Constants: TypeAlias = Callable[[Atom], np.ndarray | None]  # the value of an operand, if it is a constant
LARGEST = 1 << 20  # entries; larger ones are not computed


def constant_values(program: Program) -> Constants:
    """Returns a function that gives the value of an operand, or None if it is no constant."""
    producers = {var: equation for equation in program.equations for var in equation.eqn.outvars}
    values: dict[Var, np.ndarray | None] = {}

    def value_of(atom: Atom) -> np.ndarray | None:
        if isinstance(atom, Literal):
            return literal_value(atom)
        if atom not in values:
            values[atom] = given(atom) if atom in program.constants else None
            if atom in producers:
                values.update(computed(atom))
        return values[atom]

    def given(var: Var) -> np.ndarray | None:
        value = program.constants[var]
        unknown = isinstance(value, jax.core.Tracer) or is_key(var) or np.size(value) > LARGEST
        return None if unknown else np.asarray(value)

    def computed(var: Var) -> dict[Var, Any]:
        equation = producers[var]
        eqn = equation.eqn
        small = all(np.prod(shape_of(made)) <= LARGEST and not is_key(made) for made in eqn.outvars)
        operands = [value_of(atom) for atom in eqn.invars] if small else [None]
        if any(operand is None for operand in operands):
            return {}
        if equation.eqn.primitive.name == "pvary":  # has no meaning outside the shard_map that is traced
            return dict(zip(eqn.outvars, operands, strict=True))
        with jax.ensure_compile_time_eval():
            return dict(zip(eqn.outvars, map(np.asarray, run_equation(equation, operands)), strict=True))

    return value_of


def is_key(var: Var) -> bool:
    """Whether a value is a random key, which NumPy does not have."""
    return bool(jnp.issubdtype(getattr(var.aval, "dtype", bool), jax.dtypes.prng_key))


def literal_value(atom: Atom) -> np.ndarray | None:
    """The value of a literal: all that is known inside a function."""
    return np.asarray(atom.val) if isinstance(atom, Literal) else None
