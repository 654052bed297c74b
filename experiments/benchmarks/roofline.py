"""The roofline (Williams, 2009): what a device can do at most, measured, and what programs need at least on it."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from experiments.benchmarks.budget import Row
from experiments.benchmarks.timing import median_within

SECONDS = 5.0  # for each measurement


def product_rate(dtype: DTypeLike, precision: str, size: int) -> float:
    """Operations a second of a large matrix product of random numbers.

    Args:
      dtype: of both matrices.
      precision: of the products, see `jax.default_matmul_precision`.
      size: rows and columns.
    """
    matrix = jax.random.normal(jax.random.key(0), (size, size), dtype)
    with jax.default_matmul_precision(precision):
        product = jax.jit(jnp.dot).lower(matrix, matrix).compile()
    return 2 * size**3 / median_within(lambda: product(matrix, matrix).block_until_ready(), SECONDS, 10)


def bandwidth(size: int) -> float:
    """Bytes a second, read and written, of a pass over an array of so many bytes."""
    array = jnp.ones(size // 4)
    double = jax.jit(lambda array: 2 * array)
    return 2 * size / median_within(lambda: double(array).block_until_ready(), SECONDS, 10)


def with_rates(row: Row, roofline: list[Row]) -> Row:
    """A row with its images a second, and with its floor where it is known.

    Args:
      row: "images" and "seconds", and "flops" and "bytes_moved" if the costs of its program are known.
      roofline: rows of `product_rate` by "precision", and of `bandwidth`.
    """
    if "seconds" not in row:
        return row
    rates = {one.get("precision"): one for one in roofline}
    row = {**row, "images_a_second": row["images"] / row["seconds"]}
    if "flops" not in row or not {None, row["precision"]} <= rates.keys():
        return row
    by_products = row["flops"] / rates[row["precision"]]["operations_a_second"]
    by_bytes = row["bytes_moved"] / rates[None]["bytes_a_second"]
    return {
        **row,
        "floor_seconds": max(by_products, by_bytes),
        "limit": "bytes" if by_bytes > by_products else "products",
    }
