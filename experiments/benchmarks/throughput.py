"""Explanations a second by the batch and by the precision of products, beside PyTorch on the same card in the same run.

    python -m experiments.benchmarks.running_time throughput --output experiments/results/throughput_gpu.json

The fourth command of `running_time.py`, for machines with an accelerator. The paper: 11 a second, ResNet-50 on one
NVIDIA 2080 Ti.

The most important figures come first: those of the first network, precision and batch size that are named. The file is
written whole after every figure, so a run that is cut keeps what it has. A piece for which the budget has no room, or
that fails, is listed under "left_out" with the reason. On a CPU, to try it:

    python -m experiments.benchmarks.running_time throughput --network resnet50 --size 64 --groups 2 --images 1 --runs 1

Ours is one compiled program for a batch of images; PyTorch explains one image after the other, as all published code
does, and is waited for once at the end of a batch. "torch loop" scores mask by mask and differentiates down to the
image; the others score all masks of an image in one batch and differentiate above the layer alone. "torch batched" does
so in PyTorch's own memory format, "torch tuned" in channels-last, and "torch compiled" with `torch.compile` around the
scored passes as well. "as written" is ours without its forms of convolutions and batch norms. "passes" are the G + 1
scored passes of each image in our network and nothing else. "curves" are the insertion and the deletion of an image, 58
passes; "torch curves" the same, tuned.

The roofline: the measured rate of a large matrix product in each precision, and of a pass over memory. The floor of our
programs is the longer of what their operations and what their bytes need at these rates. XLA does not count the bytes
of cuDNN's convolutions, so the second is too low. Programs that score the masks in a loop have no floor, because XLA
counts the body of a loop once. float32 is full float32, tf32 rounds the operands of products, bfloat16 runs the whole
network in it (PyTorch: autocast).

One NVIDIA H200, explanations a second, medians of 10 runs (experiments/results/throughput_h200.json; 332 s for all):

                          ours    as written    of the floor's rate    torch tuned    torch batched    torch loop
    ResNet-50, 32 images
      bfloat16            1153    768           50 %                   53             54               3.0
      tf32                654                   49 %                   60             61               4.4
    128, bfloat16         1210
    1, bfloat16           308                   13 %
    VGG19, 32, bfloat16   405                   84 %                   120            110              14.5

Insertion and deletion of a map, ResNet-50, bfloat16, 32 images: 729 a second, in PyTorch 102.

What was done about the profile of the passes (264 images in bfloat16; experiments/results/fold_h200.json): as written
10.1 ms of kernels, of which a quarter read and wrote what batch norms, residuals and ReLUs need. Folded into the
convolutions (`groupcam_jax.program.fold`) 7.9 ms, of which the first layer took 1.8; so that runs in blocks now
(`groupcam_jax.forms.blocks`). Not measured: the profile after that, and what limits a single image.

On one NVIDIA H100, before both (experiments/results/throughput_h100.json, and throughput_h100_float32.json): 604 in
bfloat16, 319 in tf32, 129 in float32.
"""

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.budget import Piece, Row, within
from experiments.benchmarks.roofline import bandwidth, product_rate, with_rates
from experiments.benchmarks.throughput_contenders import (
    AT_ONCE,
    FORMS,
    PRECISIONS,
    Setting,
    our_curves,
    our_passes,
    ours,
    pytorch,
)
from experiments.benchmarks.timing import median_within
from groupcam_jax import as_written
from groupcam_jax.evaluation.machine import machine
from groupcam_jax.files import write_json
from pretrained.catalogue import IMAGENET

# Contender -> how late it comes, beside the places of its network, precision and batch among those that were named.
OURS = {
    "ours": (0, ours),
    "as written": (1, functools.partial(ours, form=as_written)),
    "curves": (1, our_curves),
    "passes": (2, our_passes),
}
TORCH = {
    "torch tuned": (0, functools.partial(pytorch, form=FORMS["torch tuned"])),
    "torch loop": (0, functools.partial(pytorch, form=FORMS["torch loop"])),
    "torch batched": (1, functools.partial(pytorch, form=FORMS["torch batched"])),
    "torch curves": (1, functools.partial(pytorch, form=FORMS["torch tuned"], curves=True)),
    "torch compiled": (2, functools.partial(pytorch, form=FORMS["torch compiled"])),
}
SECONDS = 5.0  # for the runs of a contender after its warm-up


def roofline(precisions: list[str]) -> Iterator[Piece]:
    """The rates of products in each precision, and the bandwidth of memory."""
    small = jax.default_backend() == "cpu"
    size, length = (1024, 2**26) if small else (8192, 2**30)
    yield Piece({"contender": "bandwidth"}, lambda: {"bytes_a_second": bandwidth(length)})
    for name in precisions:
        products, dtype = PRECISIONS[name]
        rate = functools.partial(product_rate, dtype, products, size)
        yield Piece({"contender": "products", "precision": name}, lambda rate=rate: {"operations_a_second": rate()})


def contenders(
    networks: list[str], precisions: list[str], batches: list[int], groups: int, size: int, runs: int
) -> list[Piece]:
    """Everything that explains or measures images, the most important first; only ours in every batch size."""
    ordered = []
    for network, precision, images in itertools.product(networks, precisions, batches):
        rank = networks.index(network) + precisions.index(precision) + batches.index(images)
        setting = Setting(network, precision, images, groups, size)
        first = images == batches[0]
        for name, (late, make) in (OURS | TORCH if first else {"ours": OURS["ours"]}).items():
            told = {"network": network, "precision": precision, "contender": name, "images": images}
            measure = functools.partial(time_ours if name in OURS else time_torch, make, setting, runs)
            ordered.append((late + rank, Piece(told, measure)))
    return [piece for _, piece in sorted(ordered, key=lambda one: one[0])]


def time_ours(make: Any, setting: Setting, runs: int) -> Row:
    """The seconds of our program for a batch, and what its compiler tells."""
    program = make(setting)
    figures = {
        "seconds": median_within(program.run, SECONDS, runs),
        "compiling_seconds": sum(program.seconds.values()),
        "temporary_mib": program.buffers_mib,
    }
    if setting.images * (setting.groups + 1) > AT_ONCE:
        return figures
    return {**figures, "flops": program.flops, "bytes_moved": program.bytes_moved}


def time_torch(make: Any, setting: Setting, runs: int) -> Row:
    """The seconds of PyTorch for a batch."""
    return {"seconds": median_within(make(setting), SECONDS, runs)}


def table(rows: list[Row]) -> Table:
    """The figures, a line for each contender."""
    columns = ("network", "precision", "contender", "images", "ms an image", "a second", "of the floor's rate")
    shown = Table(*columns, box=box.MARKDOWN)
    for row in rows:
        share = f"{row['floor_seconds'] / row['seconds']:.0%} ({row['limit']})" if "floor_seconds" in row else ""
        figures = f"{1000 / row['images_a_second']:.2f}", f"{row['images_a_second']:.1f}", share
        shown.add_row(row["network"], row["precision"], row["contender"], str(row["images"]), *figures)
    return shown


def main(
    network: Annotated[list[str], typer.Option(help="Networks; repeatable.")] = ["resnet50", "vgg19"],
    precision: Annotated[list[str], typer.Option(help="bfloat16, tf32, float32; repeatable.")] = [*PRECISIONS],
    images: Annotated[list[int], typer.Option(help="Images of a batch; repeatable.")] = [32, 1, 8, 128],
    groups: Annotated[int, typer.Option(help="Groups of channels, G.")] = 32,
    size: Annotated[int, typer.Option(help="Height and width of the images.")] = 224,
    runs: Annotated[int, typer.Option(help="Runs of each, after a warm-up; fewer if they take more than 5 s.")] = 10,
    budget: Annotated[float, typer.Option(help="Seconds; no piece begins that would not end within them.")] = 570,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON, after each of them.")] = None,
) -> None:
    """Measure explanations a second by the batch and the precision, beside PyTorch."""
    if unknown := [name for name in network if name not in IMAGENET] + [
        one for one in precision if one not in PRECISIONS
    ]:
        raise typer.BadParameter(f"no such network or precision: {', '.join(unknown)}")
    told = {"runs": runs, "groups": groups, "size": size, "budget_seconds": budget, "machine": machine()}
    report: dict[str, Any] = {"rows": [], "roofline": [], "left_out": [], **told}
    pieces = itertools.chain(roofline(precision), contenders(network, precision, images, groups, size, runs))
    console = Console(width=120)
    for row in within(budget, pieces, lambda line: console.print(line, highlight=False)):
        kind = "left_out" if "left_out" in row else "rows" if "network" in row else "roofline"
        report[kind].append(with_rates(row, report["roofline"]))
        console.print(f"    {row['left_out'] if kind == 'left_out' else round(row['took'], 1)}", markup=False)
        if output is not None:
            write_json(output, report)
    console.print(table(report["rows"]))
