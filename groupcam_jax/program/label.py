"""Follows the axes of the image through a traced model, so that nobody needs to say how it lays out its activations."""

from collections.abc import Mapping, Sequence

from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var, jaxprs_in_params

from groupcam_jax.program.axes import Axes, agreed, combined, image_axes, plain, plain_axes, without
from groupcam_jax.program.axis_orders import ORDERS, SCRAMBLING, scrambled
from groupcam_jax.program.axis_rules import RULES, cut, place_by_place
from groupcam_jax.program.constants import Constants, constant_values, literal_value
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import Atom, shape_of


def label_axes(program: Program) -> dict[Var, Axes]:
    """The axes of every value of a model that depends on the images.

    Raises:
      ValueError: the model convolves over the channels of the image as if they were its rows.
    """
    known = {program.images: image_axes(shape_of(program.images))}
    follow([equation.eqn for equation in program.equations], known, constant_values(program))
    return known


def follow(eqns: Sequence[JaxprEqn], known: dict[Var, Axes], constant: Constants) -> None:
    """Adds the axes of what the equations compute from values that are known."""
    for eqn in eqns:
        if any(isinstance(atom, Var) and atom in known for atom in eqn.invars):
            operands = [axes_of(atom, known) for atom in eqn.invars]
            known.update(zip(eqn.outvars, axes_after(eqn, operands, constant), strict=True))


def axes_of(atom: Atom, known: Mapping[Var, Axes]) -> Axes:
    """The axes of an operand; plain ones if it does not depend on the images."""
    return plain_axes(shape_of(atom)) if isinstance(atom, Literal) else known.get(atom) or axes_of_type(atom)


def axes_of_type(var: Var) -> Axes:
    """Plain axes in the shape of a variable."""
    return plain_axes(shape_of(var))


def axes_after(eqn: JaxprEqn, operands: Sequence[Axes], constant: Constants) -> list[Axes]:
    """The axes of the results of one equation, loops and branches too."""
    name, inner = eqn.primitive.name, [*jaxprs_in_params(eqn.params)]
    if name == "scan":
        return after_scan(eqn, inner[0], operands)
    if name == "while":  # a loop keeps the layout of what it carries
        return [*operands[-len(eqn.outvars) :]]
    if name == "cond":  # as for platforms: the last branch is the usual one
        return through(inner[-1], operands[1:])
    if len(inner) == 1 and len(inner[0].invars) == len(operands) and len(inner[0].outvars) == len(eqn.outvars):
        return through(inner[0], operands)
    if name == "split":
        return after_split(eqn, operands[0])
    if name == "unstack":
        return [without(operands[0], [eqn.params["axis"]]) for _ in eqn.outvars]
    if name in SCRAMBLING:
        sources = operands if len(operands) == len(eqn.outvars) else [operands[0]] * len(eqn.outvars)
        return [scrambled(eqn, axes, shape_of(var)) for var, axes in zip(eqn.outvars, sources, strict=True)]
    if order := ORDERS.get(name):
        return [order(eqn, operands, constant)]
    if rule := RULES.get(name):
        return [rule(eqn, operands), *map(axes_of_type, eqn.outvars[1:])]
    return [place_by_place(var, operands) for var in eqn.outvars]


def through(jaxpr: Jaxpr, operands: Sequence[Axes]) -> list[Axes]:
    """The axes of the results of a function."""
    known = dict(zip(jaxpr.invars, operands, strict=True))
    follow(jaxpr.eqns, known, literal_value)
    return [axes_of(atom, known) for atom in jaxpr.outvars]


def after_scan(eqn: JaxprEqn, body: Jaxpr, operands: Sequence[Axes]) -> list[Axes]:
    """What a loop carries keeps its layout; what it stacks has an axis before its own, that of what it runs over.

    Which is which, the ranks tell: the names of the parameters differ between versions of JAX.
    """
    steps = [axes[len(axes) - len(shape_of(var)) :] for axes, var in zip(operands, body.invars, strict=True)]
    results = through(body, steps)
    stacked = [len(shape_of(var)) > len(axes) for var, axes in zip(eqn.outvars, results, strict=True)]
    once = [axes for axes, step in zip(operands, steps, strict=True) if len(axes) == len(step)]
    carried = once[len(once) - stacked.count(False) :]
    kept = [combined(pair) for pair in zip(carried, results[: len(carried)], strict=True)]
    over = [axes[0] for axes, step in zip(operands, steps, strict=True) if len(axes) > len(step)]
    along = agreed(over) if over else plain(int(eqn.params["length"]))
    return [*kept, *((along, *axes) for axes in results[len(carried) :])]


def after_split(eqn: JaxprEqn, axes: Axes) -> list[Axes]:
    """The pieces of an axis."""
    along, made, start = eqn.params["axis"], [], 0
    for size in eqn.params["sizes"]:
        made.append((*axes[:along], cut(axes[along], start, start + int(size), 1, int(size)), *axes[along + 1 :]))
        start += int(size)
    return made
