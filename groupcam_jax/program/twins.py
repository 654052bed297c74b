"""Modules that a model calls several times side by side, on a mirrored image, say: which of their results is meant?"""

from collections.abc import Sequence

from groupcam_jax.program.flat import Program
from groupcam_jax.program.inline import dependent_on
from groupcam_jax.program.layers import LayerEntry


def twins_of(program: Program, found: Sequence[LayerEntry], entry: LayerEntry) -> list[LayerEntry]:
    """The activations that are computed like another one, but beside it: a module that is called several times."""
    if entry.is_cut:
        return []
    like = (entry.scope, entry.operation, entry.shape, entry.source)
    alike = [one for one in found if (one.scope, one.operation, one.shape, one.source) == like and one is not entry]
    return [one for one in alike if entry.var not in dependent_on(program.equations, [one.var])]


def beside(program: Program, found: Sequence[LayerEntry]) -> str:
    """Says which of the last activations are computed side by side, if any are."""
    for entry in reversed(found):
        if twins := twins_of(program, found, entry):
            return side_by_side([*twins, entry])
    return ""


def side_by_side(entries: Sequence[LayerEntry]) -> str:
    """Says that a module is called several times, and how to name each of its calls."""
    indices = [entry.index for entry in entries]
    each = " or ".join(f"layer={index}" for index in indices)
    return (
        f" is computed {len(entries)} times side by side, as when a module is called again on a mirrored image: "
        f"choose {each}; group_cam(..., layer={indices}) explains all of them"
    )
