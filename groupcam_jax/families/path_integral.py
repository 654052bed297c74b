"""Integrals along the straight path from a baseline to an image, as weighted sums of a few points.

A quadrature rule maps a number of steps to the points in [0, 1] and their weights, which sum to 1.
"""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from groupcam_jax.batches import sum_batched
from groupcam_jax.checks import check_count
from groupcam_jax.program.cut import Cut
from groupcam_jax.targets import Target
from groupcam_jax.types import Attribution, Image, Label

Points = Float[np.ndarray, " steps"]
Quadrature: TypeAlias = Callable[[int], tuple[Points, Points]]
T = TypeVar("T", bound=PyTree)


def riemann_left(steps: int) -> tuple[Points, Points]:
    """The left end of each of the equal steps; exact for constants."""
    return np.arange(steps) / steps, np.full(steps, 1 / steps)


def riemann_right(steps: int) -> tuple[Points, Points]:
    """The right end of each step: the last point is the image itself."""
    return np.arange(1, steps + 1) / steps, np.full(steps, 1 / steps)


def riemann_middle(steps: int) -> tuple[Points, Points]:
    """The middle of each step; exact for lines."""
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


def trapezoid(steps: int) -> tuple[Points, Points]:
    """Both ends of the path and points between them, `steps` in all; exact for lines.

    Raises:
      ValueError: steps below 2.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}: the trapezoid rule takes both ends of the path, expected at least 2")
    weights = np.full(steps, 1 / (steps - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, steps), weights


def gauss_legendre(steps: int) -> tuple[Points, Points]:
    """Gauss-Legendre quadrature; exact for polynomials of degree 2 steps - 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


def integrate(
    function: Callable[[Image], T], start: Image, end: Image, rule: Quadrature, steps: int, step_batch: int | None
) -> T:
    """Integrates a function of an image over the straight path, `step_batch` points at once."""
    points, weights = (jnp.asarray(values, jnp.float32) for values in rule(steps))

    def weighted(step):
        point, weight = step
        return jax.tree.map(lambda value: weight * value, function(start + point * (end - start)))

    return sum_batched(weighted, (points, weights), step_batch)


def integrated_gradient(
    cut: Cut,
    target: Target,
    label: Label,
    start: Image,
    end: Image,
    rule: Quadrature,
    steps: int,
    step_batch: int | None,
) -> Attribution:
    """The share of each value of the image in the score: its change on the path times the mean gradient there.

    Args:
      cut: the classifier, cut at the image.
      target: the score.
      label: the class.
      start: the baseline `[h, w, c]`.
      end: the image.
      rule: the quadrature.
      steps: points on the path.
      step_batch: points differentiated at once.
    """
    return (end - start) * integrate(path_gradient(cut, target, label), start, end, rule, steps, step_batch)


def path_gradient(cut: Cut, target: Target, label: Label) -> Callable[[Image], Attribution]:
    """Returns the function from a point of the path to the gradient of the score there, both float32."""

    def gradient_at(point):
        _, _, gradient = cut.at(point.astype(cut.value.dtype)).gradient(target, label)
        return gradient

    return gradient_at


def check_steps(rule: Quadrature, steps: int) -> None:
    """Raises ValueError for fewer steps than a rule needs."""
    check_count("steps", steps)
    rule(steps)
