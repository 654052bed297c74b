"""Group-CAM compiled for a TPU on a machine without one: what XLA's compiler says it costs.

    pip install "jax[tpu]"
    python -m experiments.benchmarks.tpu_compile --output experiments/results/tpu_compile.json

The compiler is the TPU's own and needs no TPU. Nothing runs. The figures are the same every time: a test of performance
without the machine. The weights are shapes alone, and G is 32.

Of an image: floating-point operations and bytes accessed (XLA's analysis of the program, with the bytes that stay on
the chip), the temporary memory of the program that holds a chip's share of the batch, and XLA's estimate of the cycles.
The estimate is the sum over the program's fusions. It has none for copies between memories, which run beside them, and
for sorts. "a second" is the clock over the cycles of an image, for all chips. It rests on that estimate and on nothing
that was measured: take it as a guide to what to change, not as a promise.

What was tried, in millions of cycles of a part of the program, bfloat16, 224 x 224. The first stage is the masked
images, ResNet's 7x7 convolution and pooling, and one 3x3 convolution of 64 channels:

    the blur of one image               two convolutions of 51 taps     3.896    two matrix products       0.014
    first stage, 33 masked images       pooling by selections           2.697    by `reduce_window`        2.555
    the same, with that pooling         the 7x7 convolution             2.555    over blocks of 2x2        2.080
    first stage, 264 masked images      pooling by selections          12.568    by `reduce_window`       10.897
    the same, with that pooling         the 7x7 convolution            10.897    over blocks of 2x2       17.354
    first stage, 264 masked images      all at once                    12.568    256 of them               7.975

The products of the blur and the pooling by `reduce_window` are in the library. Blocks, 12 channels in place of 3, pay
for one image and cost more in a batch, and are not in. The images lie along the 128 lanes, and 264 take the room of
384: `mask_batch=32` scores 8 x 32 of them at once. ResNet-18 in bfloat16, in millions of cycles of an image:

    one image                 9.7 before the blur and the pooling changed, 4.92 now
    8 images, all masks      11.05 before the pooling changed, 3.81 now, and 2,701 MiB of temporary memory then, 812 now
    8 images, 32 masks        2.70, and 511 MiB; ResNet-50 8.87, where all masks take 10.32, and one image 8.79

32 masks are followed by one batch of the last one. Batches of equal size, so that the program holds the network once,
took more: 4.32 for two of 17 and 3.57 for three of 11.
"""

import importlib.metadata
import importlib.util
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import typer
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from experiments.benchmarks.optimized_hlo import Operation, operations
from groupcam_jax import group_cam, in_dtype
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.files import write_json
from groupcam_jax.types import Images, Params
from pretrained.catalogue import untrained
from pretrained.scenes.draw import CLASS_NAMES

# A TPU v5e, as Google publishes it: bfloat16 operations a second of four 128 x 128 matrix units, which tell the clock.
PEAK = 197e12
CLOCK = PEAK / (4 * 128 * 128 * 2)
TOPOLOGY = {"TPU_SKIP_MDS_QUERY": "1", "TPU_ACCELERATOR_TYPE": "v5litepod-4", "TPU_WORKER_HOSTNAMES": "localhost"}
CLASSES = {"shapes": len(CLASS_NAMES)}  # of a network that is not ImageNet's
PASSES = 33  # of a picture: 32 groups, and the hidden image
MOST_EXPENSIVE = 12  # operations listed
COLUMNS = (
    *("network", "dtype", "images", "chips", "masks at once"),
    *("GFLOP", "GB", "temporary MiB", "million cycles", "a second"),
)


def chips() -> list[Any]:
    """The four chips of a TPU v5e, to compile for.

    Raises:
      typer.BadParameter: the compiler is not installed.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise typer.BadParameter("the TPU's compiler, libtpu, is not installed: pip install 'jax[tpu]'")
    os.environ.update(TOPOLOGY)  # else the compiler asks the machine for its TPU
    return topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices


def compile_for(devices: list[Any], network: str, dtype: str, images: int, mask_batch: int | None) -> Any:
    """The explanation of a batch, cut evenly over the chips, with the weights as arguments on each."""
    classifier = untrained(network, CLASSES.get(network, 1000))
    apply, size = in_dtype(classifier.apply, dtype), classifier.image_size

    def explain(params: Params, images: Images) -> jax.Array:
        return jax.vmap(group_cam(apply, params, layer=classifier.layer, mask_batch=mask_batch or PASSES))(images)

    mesh = Mesh(devices, "images")
    whole, cut = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("images"))
    params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=whole), classifier.params)
    batch = jax.ShapeDtypeStruct((images, size, size, 3), jnp.float32, sharding=cut)
    return jax.jit(explain).lower(params, batch).compile()


def figures(compiled: Any, images: int, chips: int) -> dict[str, Any]:
    """What a compiled program costs, by image, and the operations that cost the most."""
    run, share = operations(compiled.as_text()), images // chips
    cost, cycles = compiled.cost_analysis(), sum(operation.cycles or 0 for operation in run) / share
    return {
        "flops": cost["flops"] / share,
        "bytes_accessed": cost["bytes accessed"] / share,
        "temporary_bytes_of_the_program": compiled.memory_analysis().temp_size_in_bytes,
        "estimated_cycles": cycles,
        "explanations_a_second": chips * CLOCK / cycles,
        "without_an_estimate": Counter(operation.kind for operation in run if operation.cycles is None),
        "most_expensive": [
            {"scope": operation.scope, "shape": operation.shape, "cycles": operation.cycles, "share": share_of}
            for operation, share_of in most_expensive(run, MOST_EXPENSIVE)
        ],
    }


def most_expensive(run: list[Operation], count: int) -> list[tuple[Operation, float]]:
    """The operations with the most cycles, and each one's share of all cycles."""
    estimated = [(operation, operation.cycles) for operation in run if operation.cycles is not None]
    total = sum(cycles for _, cycles in estimated)
    return [(operation, cycles / total) for operation, cycles in sorted(estimated, key=lambda one: -one[1])[:count]]


def measure(
    devices: list[Any], networks: list[str], dtypes: list[str], batches: list[tuple[int, int]], mask_batch: int | None
) -> Iterator[dict[str, Any]]:
    """One row after the other, so that what is done is kept: compiling takes minutes."""
    for network in networks:
        for dtype in dtypes:
            for images, count in batches:
                started = time.perf_counter()
                compiled = compile_for(devices[:count], network, dtype, images, mask_batch)
                row = {"network": network, "dtype": dtype, "images": images, "chips": count, "mask_batch": mask_batch}
                seconds = time.perf_counter() - started
                yield {**row, **figures(compiled, images, count), "compiling_seconds": seconds}


def cells(row: dict[str, Any]) -> list[str]:
    """The cells of a row under `COLUMNS`."""
    return [
        row["network"],
        row["dtype"],
        str(row["images"]),
        str(row["chips"]),
        str(row["mask_batch"] or "all"),
        f"{row['flops'] / 1e9:.1f}",
        f"{row['bytes_accessed'] / 1e9:.2f}",
        f"{row['temporary_bytes_of_the_program'] / 2**20:.0f}",
        f"{row['estimated_cycles'] / 1e6:.2f}",
        f"{row['explanations_a_second']:,.0f}",
    ]


def main(
    network: Annotated[list[str], typer.Option(help="Networks of `pretrained`; repeatable.")] = ["shapes", "resnet18"],
    dtype: Annotated[list[str], typer.Option(help="float32 or bfloat16; repeatable.")] = ["float32", "bfloat16"],
    batch: Annotated[list[str], typer.Option(help="IMAGESxCHIPS; repeatable.")] = ["1x1", "8x1", "32x4"],
    mask_batch: Annotated[int | None, typer.Option(min=1, help="Masks at once; all by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON, after every row.")] = None,
) -> None:
    """Compile Group-CAM for a TPU, and tell what its compiler says."""
    jax.config.update("jax_platforms", "cpu")  # JAX would look for a TPU first
    devices = chips()
    batches = [(int(images), int(count)) for images, count in (one.split("x") for one in batch)]
    report = {"clock": CLOCK, "rows": [], "machine": machine(), "libtpu": importlib.metadata.version("libtpu")}
    print("\t".join(COLUMNS), flush=True)
    for row in measure(devices, network, dtype, batches, mask_batch):
        print("\t".join(cells(row)), flush=True)
        report["rows"].append(row)
        if output is not None:
            write_json(output, report)


if __name__ == "__main__":
    typer.run(main)
