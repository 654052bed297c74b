"""Models that stop their gradients for training, such as a linear probe on a frozen backbone, are explained without.

`jax.lax.stop_gradient` does not change what a model computes. Where it stands on every way from the image to the
logits, all gradients would be 0; there it is left out. Elsewhere, as in a straight-through estimator, it stays.
"""

from collections.abc import Sequence

from jax.extend.core import Var

from groupcam_jax.program.inline import Atom, Equation, is_floating, replaced, variables


def without_stops(equations: Sequence[Equation], images: Var, logits: Var) -> tuple[list[Equation], Var]:
    """The equations and the logits, without `stop_gradient` if no gradient reaches the images."""
    if logits in differentiable(equations, images):
        return [*equations], logits
    same: dict[Var, Atom] = {}
    kept = []
    for equation in equations:
        eqn = equation.eqn
        operands = replaced(eqn.invars, same)
        if eqn.primitive.name == "stop_gradient":
            same.update(zip(eqn.outvars, operands, strict=True))
        else:
            kept.append(equation._replace(eqn=eqn.replace(invars=operands)))
    (last,) = replaced([logits], same)
    return kept, last if isinstance(last, Var) else logits


def differentiable(equations: Sequence[Equation], images: Var) -> set[Var]:
    """The values that gradients of the images can flow through."""
    reached = {images}
    for _, eqn, _ in equations:
        if eqn.primitive.name != "stop_gradient" and not reached.isdisjoint(variables(eqn.invars)):
            reached.update(var for var in eqn.outvars if is_floating(var))
    return reached
