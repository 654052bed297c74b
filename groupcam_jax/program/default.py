"""Which activation is explained if the user names none.

The last one through which everything flows, as in the papers, but for three kinds: one of which the logits read no
place (tokens above the last attention, if the head reads the class token); class maps, which reach the logits without
any more weights (SqueezeNet, segmentation); and one that is only pooled (VGG): the activation below.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jax.extend.core import JaxprEqn, Var

from groupcam_jax.program.axes import Axes
from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import dependent_on, shape_of, variables
from groupcam_jax.program.layers import LayerEntry, holds_product
from groupcam_jax.program.reads import read_backward


class Default(NamedTuple):
    """The default layer.

    Attributes:
      entry: the layer.
      remarks: on it and on the later ones that it is preferred to, by index.
      lost: the last layer after it whose places the program loses, though the model goes on with them.
    """

    entry: LayerEntry
    remarks: Mapping[int, str]
    lost: LayerEntry | None


def default_layer(program: Program, axes: Mapping[Var, Axes], found: Sequence[LayerEntry]) -> Default:
    """Chooses the default among activations whose grid is known; others may be lost.

    Raises:
      ValueError: the logits read no activation in a way that has a gradient.
    """
    cuts, products = [entry for entry in found if entry.is_cut and entry.grid], weighted_products(program, axes)
    features = [entry for entry in cuts if any(position > entry.position for position in products)] or cuts
    remarks = {entry.index: "class maps" for entry in cuts if entry not in features}
    most, chosen = 0.0, features[-1]
    for entry, share in shares_read(program, features):
        if share > most:
            most, chosen = share, entry
        if share == 1:
            break
        remarks[entry.index] = "read in part" if share else "not read"
    if most == 0:
        raise ValueError("the gradient of the logits is 0 in every activation: nothing that has a gradient reads them")
    while larger := [entry for entry in features if entry.position < chosen.position and entry.places > chosen.places]:
        below = larger[-1]
        if any(below.position < position <= chosen.position for position in products):
            break
        remarks[chosen.index] = "pooled"
        chosen = below
    lost = [entry for entry in found if entry.is_cut and not entry.grid and chosen.position < entry.position]
    used = [entry for entry in lost if any(position > entry.position for position in products)]
    return Default(chosen, {**remarks, chosen.index: "default"}, used[-1] if used else None)


def weighted_products(program: Program, axes: Mapping[Var, Axes]) -> list[int]:
    """The positions of the products of activations with weights, in loops and branches too.

    A product with a constant counts if it mixes channels; the matrices that enlarge an image, or pool it, do not.
    """
    weights = dependent_on(program.equations, program.params) - axes.keys()
    return [
        position
        for position, (_, eqn, _) in enumerate(program.equations)
        if not axes.keys().isdisjoint(eqn.outvars)
        and holds_product(eqn)
        and (not weights.isdisjoint(variables(eqn.invars)) or mixes_channels(eqn, axes))
    ]


def mixes_channels(eqn: JaxprEqn, axes: Mapping[Var, Axes]) -> bool:
    """Whether a product with no weights is more than another size of an activation: sums over channels, too."""
    if eqn.primitive.name == "conv_general_dilated":
        return shape_of(eqn.invars[1])[eqn.params["dimension_numbers"].rhs_spec[1]] > 1
    if eqn.primitive.name != "dot_general" or all(atom in axes for atom in variables(eqn.invars)):
        return False
    sums = eqn.params["dimension_numbers"][0]
    return any(
        len(axes[atom]) < 3 or any(factor.is_plain for axis in summed for factor in axes[atom][axis].factors)
        for atom, summed in zip(eqn.invars, sums, strict=True)
        if isinstance(atom, Var) and atom in axes
    )


def shares_read(program: Program, entries: Sequence[LayerEntry]) -> Iterator[tuple[LayerEntry, float]]:
    """The share of its grid's places that the logits read, of each activation from the last to the first."""
    pending, dependent = [*entries], dependent_on(program.equations, [program.images])
    for position, read in read_backward(program):
        while pending and pending[-1].position == position:
            entry = pending.pop()
            places = read.get(entry.var)
            if places is None or entry.grid is None:
                yield entry, 0.0
                continue
            # A value that is masked is read itself, but says nothing where the mask is 0.
            operands = dependent.intersection(variables(program.equations[position].eqn.invars), read)
            made_of = [read[var] for var in operands if read[var].shape == places.shape]
            places = places & np.logical_or.reduce(made_of) if made_of else places
            yield entry, float(entry.grid.take(places)[0].any((0, 3)).mean())
        if not pending:
            return
