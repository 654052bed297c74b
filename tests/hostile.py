"""Hostile images and labels through every explainer: a map is NaN all over, or finite and in its range.

    python tests/hostile.py                            2,000 cases through each method
    python tests/hostile.py --methods grad_cam rise    through these

An image or a label that is broken, or whose logits are, must give NaN all over; any other must not mix NaN and
numbers. The logits are those of the method's own program: near the largest float they overflow in one order of a sum
and not in another. A method may refuse a shape of image by an error that this library raises; it is printed. What
breaks this is printed as well, and the exit is 1. Each method is compiled once a shape, for many cases at a time.
"""

import argparse
import functools
import itertools
import pathlib
import sys
import traceback
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from table import METHODS, PARAMS, PLAIN

import groupcam_jax

CASES, AT_ONCE = 2000, 100
LIBRARY = pathlib.Path(groupcam_jax.__file__).parent
SHAPES = {"square": (12, 12), "pixel": (1, 1), "row": (1, 12)}
CLASSES = {"square": 5, "pixel": 5, "row": 3000}
VALUES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e-40, -1e-45, 0.0, 1e4, -1e15)
LABELS = (-1, -(2**31), 2**31 - 1)


class Case(NamedTuple):
    """An image in one of the shapes, and a label; `spoiled` if it is not finite or the label not in range."""

    shape: str
    image: np.ndarray
    label: int
    spoiled: bool


@functools.cache
def case(seed: int) -> Case:
    """The case of this number."""
    random = np.random.default_rng(seed)
    shape = list(SHAPES)[random.choice(3, p=[0.7, 0.1, 0.2])]
    image = random.standard_normal((*SHAPES[shape], 3)).astype(np.float32)
    kind = random.integers(5)
    if kind == 0:  # one number
        image.flat[random.integers(image.size)] = random.choice(VALUES)
    elif kind == 1:  # many of them
        image = np.where(random.random(image.shape) < 0.3, random.choice(VALUES, image.shape), image)
    elif kind == 2:  # a constant
        image = np.full_like(image, random.choice(VALUES))
    elif kind == 3:  # any scale
        image = image * 10.0 ** random.integers(-44, 38)
    else:
        image = image + 10.0 ** random.integers(0, 30)
    with np.errstate(over="ignore"):
        image = image.astype(np.float32)
    count = CLASSES[shape]
    label = int(random.choice([*LABELS, count]) if random.random() < 0.2 else random.integers(count))
    return Case(shape, image, label, not np.isfinite(image).all() or not 0 <= label < count)


@functools.cache
def params_for(shape: str):
    """The weights of the toy network, of as many classes as images of this shape get."""
    keys, count = jax.random.split(jax.random.key(1)), CLASSES[shape]
    if count == 5:
        return PARAMS
    fc = {"kernel": 0.3 * jax.random.normal(keys[0], (8, count)), "bias": 0.1 * jax.random.normal(keys[1], (count,))}
    return {**PARAMS, "fc": fc}


def compiled(name: str, shape: str):
    """The program of a method for `AT_ONCE` images and labels: `(images, labels) -> (saliencies, logits)`."""
    explain = METHODS[name].build(PLAIN, params_for(shape), has_aux=True)

    def one(image, label):
        saliency, aux = explain(image, label, key=jax.random.key(0))
        return saliency, aux.logits

    return (
        jax.jit(jax.vmap(one)).lower(jnp.zeros((AT_ONCE, *SHAPES[shape], 3)), jnp.zeros(AT_ONCE, jnp.int32)).compile()
    )


def fault(name: str, seed: int, saliency: np.ndarray, logits: np.ndarray) -> str | None:
    """What is wrong with a method's map of a case; None if nothing is."""
    if np.isnan(saliency).all():
        return None
    if case(seed).spoiled or not np.isfinite(logits).all():
        return "a map of what is broken"
    if not np.isfinite(saliency).all():
        return "NaN beside numbers"
    if not METHODS[name].signed and not (saliency.min() >= 0 and saliency.max() <= 1):
        return f"values from {saliency.min()} to {saliency.max()}"
    return None


def faults(name: str, shape: str) -> Iterator[str]:
    """What is wrong with a method's maps of all cases of a shape."""
    try:
        program = compiled(name, shape)
    except (ValueError, NotImplementedError) as error:
        if (
            shape == "square"
            or LIBRARY not in pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename).parents
        ):
            raise
        print(f"{name} refuses a {shape}: {error}", flush=True)
        return
    shaped = [seed for seed in range(CASES) if case(seed).shape == shape]
    for start in range(0, len(shaped), AT_ONCE):
        seeds = (shaped[start:] + shaped)[:AT_ONCE]  # the last are filled up with the first
        cases = [case(seed) for seed in seeds]
        images, labels = np.stack([one.image for one in cases]), np.array([one.label for one in cases], np.int32)
        for seed, *made in zip(seeds, *map(np.asarray, program(images, labels)), strict=True):
            if told := fault(name, seed, *made):
                yield f"{name}, case {seed} ({shape}, label {case(seed).label}): {told}"


def main() -> None:
    """Runs all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="*", default=[*METHODS])
    options = parser.parse_args()
    jax.config.update("jax_disable_most_optimizations", True)  # three programs a method are compiled
    wrong = 0
    for name, shape in itertools.product(options.methods, SHAPES):
        print(f"{name}, {shape}", flush=True)
        for told in faults(name, shape):
            wrong += 1
            print(told, flush=True)
    print(f"{CASES} cases through {len(options.methods)} methods: {wrong} wrong", flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
