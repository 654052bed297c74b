"""What a user is told of a layer that is not found, or cannot be cut."""

from collections.abc import Sequence

from jax.extend.core import Jaxpr, jaxprs_in_params

from groupcam_jax.program.flat import Program
from groupcam_jax.program.layers import LayerEntry
from groupcam_jax.program.scopes import join_scopes, scope_matches, scope_of
from groupcam_jax.types import Layer


def places_lost(entry: LayerEntry) -> str:
    """Says that the program does not tell where an activation's places lie in the image, and what to do."""
    return (
        f"{entry}, whose rows and columns the program loses (it mixes them, or reads them in another order): if they "
        f"still lie as in the image, say so, Layer({entry.scope or entry.index!r}, data_format='NHWC'), or 'NCHW', or "
        "tokens_to_grid=(h, w); else name a layer before that"
    )


def told_layout(layer: Layer) -> str:
    """The options in which a user tells a layout."""
    options = {"tokens_to_grid": layer.tokens_to_grid, "data_format": layer.data_format}
    return ", ".join(f"{name}={value!r}" for name, value in options.items() if value is not None)


def listing(found: Sequence[LayerEntry]) -> str:
    """Names the last activation of each scope, for an error message."""
    if not found:
        return (
            "The program shows no activations [h, w, channels] of the image: they lie within loops, or in a batch of "
            "several views of it, or their places are not told"
        )
    last = {activation.scope: activation for activation in found}
    return "The model's activations are (the last of each scope): " + ", ".join(map(str, last.values()))


def hidden_in_loop(program: Program, layer: str) -> str:
    """Says why no activation has this scope: it lies within a loop or branch, has no grid, or is no scope."""
    if any(scope_matches(scope, layer) for scope, _, _ in program.equations):
        return (
            "nothing in it holds a grid of the image that the program tells; if it does, say so, "
            f"Layer({layer!r}, data_format='NHWC'), or 'NCHW', or tokens_to_grid=(h, w)"
        )
    for scope, eqn, _ in program.equations:
        for inner in jaxprs_in_params(eqn.params):
            if any(scope_matches(path, layer) for path in scopes_within(inner, scope)):
                return (
                    f"it lies within the {eqn.primitive.name} at {scope or 'the top level'!r}, and no model can be cut "
                    "inside a loop or branch; choose a layer outside, unroll it, or pass layer=(features, head)"
                )
    return "no such scope"


def scopes_within(jaxpr: Jaxpr, scope: str) -> list[str]:
    """The scopes of all equations inside a loop's body, nested ones too."""
    scopes = []
    for eqn in jaxpr.eqns:
        scopes.append(join_scopes(scope, scope_of(eqn)))
        for inner in jaxprs_in_params(eqn.params):
            scopes += scopes_within(inner, scopes[-1])
    return scopes
