"""An early layer, where two images can be blended in place of their pixels: what lies below it need not run again."""

from collections.abc import Sequence

from groupcam_jax.program.crops import cuts_image
from groupcam_jax.program.default import weighted_products
from groupcam_jax.program.flat import Program
from groupcam_jax.program.label import label_axes
from groupcam_jax.program.layers import activations
from groupcam_jax.program.split import Parts, split_at


def split_early(program: Program, sides: Sequence[int]) -> Parts | None:
    """Cuts a traced model at its last early layer; None if it has none, or takes a part of the image.

    Early is a layer through which everything flows, whose grid has at least these sides, and above which at least half
    of the model's products with weights lie: a decoder's layers are fine, too, but know the whole image.
    """
    axes = label_axes(program)
    products = weighted_products(program, axes)
    if not products or cuts_image(program, axes):
        return None
    middle = products[len(products) // 2]
    early = [
        entry
        for entry in activations(program, axes)
        if entry.is_cut
        and entry.position < middle
        and entry.grid
        and all(have >= least for have, least in zip(entry.grid.shape, sides, strict=True))
    ]
    return split_at(program, early[-1]) if early else None
