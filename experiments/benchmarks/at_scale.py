"""What a host makes of 50,000 pictures and ten methods when the network costs nothing: decoding, records, report.

    python -m experiments.benchmarks.at_scale --output experiments/results/at_scale_cpu.json

One process on 2 cores of an AMD EPYC, nothing beside it; one run, 100 seconds (experiments/results/at_scale_cpu.json):

                                           pictures    a second    CPU s    peak MiB
    identify                                  2,000       9,294      0.2         222
    decode, 500 x 375 to 224 x 224            2,000         621        6         355
    record, 10 rows a picture                50,000         856       63         435
    read, table and figures                  50,000                   23       1,440
    page                                     50,000                   16       2,645

The page's time and memory are those of compiling ten methods and explaining a batch by them. A run of an older tree, on
a slower machine and beside other work, decoded 194 pictures a second, recorded 367, and took 66 CPU seconds to read and
40 for the page. Since then rows are parsed by orjson, and a batch is prepared once for all methods. How much of the
difference is the machine's is not known.
"""

import functools
import io
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from skimage import data

from experiments.benchmarks.free_study import METHODS, SIZE, blank_pictures, free_job, free_programs
from groupcam_jax.evaluation.contenders import method_version
from groupcam_jax.evaluation.data import batches, open_data, resize_straight
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.evaluation.ledger import Ledger, Origin
from groupcam_jax.evaluation.machine import write_measured
from groupcam_jax.evaluation.manifest import check
from groupcam_jax.evaluation.run import run
from groupcam_jax.evaluation.section import section
from groupcam_jax.evaluation.share import run_share
from groupcam_jax.report.page import page, write_page

Figures = dict[str, dict[str, float]]
UNSEEN = Console(file=io.StringIO())
QUALITY = 95  # of JPEG: at 500 x 375 pixels about the 110 kB that a picture of ImageNet has


def main(
    pictures: Annotated[int, typer.Option(min=4, help="In the run.")] = 50_000,
    decoded: Annotated[int, typer.Option(min=1, help="Pictures that are decoded.")] = 2_000,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 64,
    output: Annotated[Path | None, typer.Option(help="Where the figures go as JSON.")] = None,
) -> None:
    """Measure each part in a process of its own."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for part, count in ((decode, decoded), (record, pictures), (report, pictures)):
            with multiprocessing.get_context("spawn").Pool(1) as alone:
                found = alone.apply(part, (Path(folder), count, batch))
            for name, measured in found.items():
                print(name, {what: round(value, 1) for what, value in measured.items()}, flush=True)
            figures |= found
        size = sum(file.stat().st_size for file in Path(folder).glob("rows-*.jsonl"))
    told = {"methods": len(METHODS), "batch": batch, "processes": 1, "mb_of_rows": size / 1e6}
    write_measured(output, {**told, "parts": figures})


@contextmanager
def measuring(figures: Figures, name: str, count: int) -> Iterator[None]:
    """Notes what a part of the work takes; the memory is the most that its process has had since it began."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    seconds = time.perf_counter() - wall
    figures[name] = {
        "pictures": count,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "pictures_a_second": count / seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def decode(folder: Path, count: int, batch: int) -> Figures:
    """One photograph under many names: what identifies each is read, then each is decoded and resized."""
    pictures, found = folder / "pictures" / "cat", Figures()
    pictures.mkdir(parents=True)
    content = io.BytesIO()
    Image.fromarray(data.chelsea()).resize((500, 375)).save(content, "JPEG", quality=QUALITY)
    for number in range(count):
        (pictures / f"{number:06d}.jpg").write_bytes(content.getvalue())
    with measuring(found, "identify", count):
        dataset = open_data(str(pictures.parent))
        dataset.identities()
    with measuring(found, "decode", count):
        for _ in batches(dataset, lambda example: resize_straight(example, SIZE), batch):
            pass
    return found


def record(folder: Path, count: int, batch: int) -> Figures:
    """The rows of all methods are drawn and written."""
    job, found = free_job(folder, blank_pictures(count), batch), Figures()
    programs = job.experiment.compile(job.study)
    ledger = Ledger((), programs, count, batch)
    with measuring(found, "record", count):
        check(folder, job.manifest)
        version = functools.cache(functools.partial(method_version, free_programs.__module__))
        origin = Origin(job.dataset.identities(), version, digest(json.dumps(job.manifest, sort_keys=True)))
        parts = batches(job.dataset, job.transform, batch)
        run_share(job, programs, parts, ledger, origin, count * len(programs), UNSEEN)
    return found


def report(folder: Path, count: int, batch: int) -> Figures:
    """A run that is done already: its rows are read, and the table, the figures and the page are made of them."""
    job, found = free_job(folder, blank_pictures(count), batch), Figures()
    with measuring(found, "read, table and figures", count):
        outcome = run(job, UNSEEN, UNSEEN)
    with measuring(found, "page", count):
        shown = section(job, outcome)
        write_page(folder / "page.html", page("Evaluation", shown.cards, {}, [shown]))
    return found


if __name__ == "__main__":
    typer.run(main)
