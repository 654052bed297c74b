"""Which activation a user's `layer` means."""

import math
import operator

from jax.extend.core import Jaxpr, jaxprs_in_params

from groupcam_jax.program.flat import Program
from groupcam_jax.program.layers import LayerEntry, activations
from groupcam_jax.program.scopes import join_scopes, scope_matches, scope_of


def find_activation(
    program: Program, layer: str | int | None, tokens_to_grid: tuple[int, int] | None, data_format: str
) -> LayerEntry:
    """Finds the activation that a user's `Layer` means, by the rule given there.

    Raises:
      ValueError: no such activation; the message lists all.
      TypeError: the layer is neither a name nor an index.
    """
    found = activations(program)
    if layer is not None and not isinstance(layer, str):
        try:
            layer = operator.index(layer)
        except TypeError:
            expected = "expected a scope name, an index, (features, head), Layer(...) or None"
            raise TypeError(f"layer={layer!r}: {expected}. {listing(found)}") from None
        if not -len(found) <= layer < len(found):
            raise ValueError(f"layer={layer}: no such index. {listing(found)}")
        return found[layer]
    if layer is not None:
        matching = [activation for activation in found if scope_matches(activation.scope, layer)]
        if not matching:
            raise ValueError(f"layer {layer!r}: {hidden_in_loop(program, layer)}. {listing(found)}")
        return matching[-1]
    cuts = [activation for activation in found if activation.is_cut]
    if tokens_to_grid is not None:
        wanted = [cut for cut in cuts if len(cut.shape) == 2 and cut.shape[0] >= math.prod(tokens_to_grid)]
    else:
        space = slice(0, 2) if data_format == "NHWC" else slice(1, 3)
        spatial = [cut for cut in cuts if len(cut.shape) == 3]
        # A pooled activation [1, 1, channels] shows nothing, unless the image is that small.
        wanted = [cut for cut in spatial if max(cut.shape[space]) > 1] or spatial
        if wanted and len(cuts[-1].shape) == 2:
            raise ValueError(
                f"this looks like a model of tokens: after its last spatial activation comes {cuts[-1]}; "
                "name one of tokens, layer=Layer(name, tokens_to_grid=(height, width)), or a spatial one, layer=..."
            )
    if not wanted:
        raise ValueError(f"layer=None: everything flows through no spatial activation; name a layer. {listing(found)}")
    return wanted[-1]


def listing(found: list[LayerEntry]) -> str:
    """Names the last activation of each scope, for an error message."""
    if not found:
        return "The model has no activations [h, w, channels] outside loops"
    last = {activation.scope: activation for activation in found}
    return "The model's activations are (the last of each scope): " + ", ".join(map(str, last.values()))


def hidden_in_loop(program: Program, layer: str) -> str:
    """Says why no activation has this scope: it lies within a loop or branch, or there is no such scope."""
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
