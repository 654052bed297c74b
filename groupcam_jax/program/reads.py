"""Which places of a value the logits read, so that a gradient in them says something.

Above the last block of a vision transformer with a class token, the head reads that token alone: the gradient in all
others is 0, whatever the image. What is read is followed backward from the logits, entry by entry: through slices,
gathers, masks and products; an operation without a rule reads all of its operands.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Var, jaxprs_in_params

from groupcam_jax.program.constants import Constants, constant_values, literal_value
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import shape_of
from groupcam_jax.program.read_numbers import Read, Rule, repeated
from groupcam_jax.program.read_rules import ELEMENTWISE, JOINING, RULES
from groupcam_jax.program.read_windows import WINDOW_RULES


def read_backward(program: Program) -> Iterator[tuple[int, dict[Var, Read]]]:
    """What the logits read of the results and operands of each equation, by position from the last."""
    read = {program.logits: np.ones(shape_of(program.logits), bool)}
    constant = constant_values(program)
    for position in range(len(program.equations) - 1, -1, -1):
        read_operands(program.equations[position].eqn, read, constant)
        yield position, read


def all_reads(program: Program) -> dict[Var, Read]:
    """What the logits read of all values."""
    ((_, read),) = deque(read_backward(program), maxlen=1)  # it gathers as it goes
    return read


def pixels_read(program: Program, layer: Var, wanted: Read) -> Read:
    """What some entries of a value read of the images; through convolutions and poolings, too."""
    read, constant, rules = {layer: wanted}, constant_values(program), RULES | WINDOW_RULES
    for _, eqn, _ in reversed(program.equations):
        read_operands(eqn, read, constant, rules)
    return read.get(program.images, np.zeros(shape_of(program.images), bool))


def read_operands(eqn: JaxprEqn, read: dict[Var, Read], constant: Constants, rules: Mapping[str, Rule] = RULES) -> None:
    """Adds what an equation reads of its operands for what is read of its results."""
    wanted = [read.get(var, np.zeros(shape_of(var), bool)) for var in eqn.outvars]
    if not any(places.any() for places in wanted):
        return
    for atom, places in zip(eqn.invars, operands_read(eqn, wanted, constant, rules), strict=True):
        if isinstance(atom, Var) and jnp.issubdtype(getattr(atom.aval, "dtype", bool), jnp.inexact):
            read[atom] = np.logical_or(places, read.get(atom, False), out=np.empty(places.shape, bool))


def operands_read(
    eqn: JaxprEqn, wanted: Sequence[Read], constant: Constants, rules: Mapping[str, Rule]
) -> Sequence[Read]:
    """What one equation reads of each operand."""
    name, inner = eqn.primitive.name, [*jaxprs_in_params(eqn.params)]
    everything = [np.ones(shape_of(atom), bool) for atom in eqn.invars]
    if name == "stop_gradient":
        return [~one for one in everything]
    if len(inner) == 1 and name not in ("scan", "while") and len(inner[0].invars) == len(eqn.invars):
        return through(inner[0], wanted, rules)
    if name in JOINING:
        return [JOINING[name](wanted, eqn.params["axis"])]
    if len(wanted) == 1 and name in rules:
        return rules[name](eqn, wanted[0], constant)
    if len(wanted) == 1 and name in ELEMENTWISE:
        return [repeated(wanted[0], one.shape) for one in everything]
    return everything


def through(jaxpr: Jaxpr, wanted: Sequence[Read], rules: Mapping[str, Rule]) -> Sequence[Read]:
    """What a function reads of its arguments."""
    read = {var: places for var, places in zip(jaxpr.outvars, wanted, strict=True) if isinstance(var, Var)}
    for eqn in reversed(jaxpr.eqns):
        read_operands(eqn, read, literal_value, rules)
    return [read.get(var, np.zeros(shape_of(var), bool)) for var in jaxpr.invars]
