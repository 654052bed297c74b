"""Hostile images and labels through every explainer: a map is NaN all over, or finite and in its range.

    python tests/hostile.py --part 0 --parts 10        200 of 2,000 cases through each method

An image or a label that is broken, or whose logits are, must give NaN all over; any other must not mix NaN and
numbers. A method may refuse a shape of image by an error of ours. What breaks this is printed, and the exit is 1.
"""

import argparse
import functools
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from table import METHODS, PARAMS, PLAIN

CASES = 2000
OURS = (ValueError, NotImplementedError, TypeError)
SHAPES = {"square": (12, 12), "pixel": (1, 1), "row": (1, 12), "thousands": (12, 12)}
VALUES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e-40, -1e-45, 0.0, 1e4, -1e15)
LABELS = (-1, -(2**31), 2**31 - 1)


class Case(NamedTuple):
    """An image in one of the shapes, and a label; `spoiled` if it is not finite or the label not in range."""

    shape: str
    image: np.ndarray
    label: int
    spoiled: bool


def classes(shape: str) -> int:
    """The number of classes of the network for images of this shape."""
    return 3000 if shape == "thousands" else 5


@functools.cache
def case(seed: int) -> Case:
    """The case of this number."""
    random = np.random.default_rng(seed)
    shape = list(SHAPES)[random.choice(4, p=[0.7, 0.1, 0.1, 0.1])]
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
    count = classes(shape)
    label = int(random.choice([*LABELS, count]) if random.random() < 0.2 else random.integers(count))
    return Case(shape, image, label, not np.isfinite(image).all() or not 0 <= label < count)


@functools.cache
def model(shape: str):
    """The toy network, with thousands of classes where asked, its weights and its logits of one image."""
    params = PARAMS
    if shape == "thousands":
        keys = jax.random.split(jax.random.key(1))
        fc = {"kernel": 0.3 * jax.random.normal(keys[0], (8, 3000)), "bias": 0.1 * jax.random.normal(keys[1], (3000,))}
        params = {**PARAMS, "fc": fc}
    return PLAIN, params, jax.jit(lambda image: PLAIN(params, image[None])[0])


@functools.cache
def program(name: str, shape: str):
    """The compiled explainer of a method."""
    apply, params, _ = model(shape)
    explain = METHODS[name].build(apply, params)
    return jax.jit(lambda image, label: explain(image, label, key=jax.random.key(0)))


def fault(name: str, seed: int, explain=None) -> str | None:
    """What is wrong with a method's map of a case; None if nothing is."""
    shape, image, label, spoiled = case(seed)
    try:
        saliency = np.asarray((explain or program(name, shape))(jnp.asarray(image), jnp.int32(label)))
    except OURS as error:
        return None if shape != "square" and str(error) else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"not ours: {type(error).__name__}: {error}"
    if np.isnan(saliency).all():
        return None
    if spoiled or not np.isfinite(model(shape)[2](image)).all():
        return "a map of what is broken"
    if not np.isfinite(saliency).all():
        return "NaN beside numbers"
    if not METHODS[name].signed and not (saliency.min() >= 0 and saliency.max() <= 1):
        return f"values from {saliency.min()} to {saliency.max()}"
    return None


def main() -> None:
    """Runs a part of the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--methods", nargs="*", default=[*METHODS])
    options = parser.parse_args()
    jax.config.update("jax_disable_most_optimizations", True)  # four programs a method are compiled
    wrong = 0
    for name in options.methods:
        print(name, flush=True)
        for seed in range(options.part, CASES, options.parts):
            told = fault(name, seed)
            if told:
                wrong += 1
                print(f"{name}, case {seed} ({case(seed).shape}, label {case(seed).label}): {told}", flush=True)
        program.cache_clear()
    cases = len(range(options.part, CASES, options.parts))
    print(f"{cases} cases through {len(options.methods)} methods: {wrong} wrong", flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
