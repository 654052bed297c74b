"""One run of an experiment: measures what is left, then makes the table and figures from all rows."""

import functools
import json

from rich.console import Console

from groupcam_jax.evaluation.adoption import adopt, records
from groupcam_jax.evaluation.contenders import method_version
from groupcam_jax.evaluation.data import Example, batches
from groupcam_jax.evaluation.data.examples import digest
from groupcam_jax.evaluation.job import Job
from groupcam_jax.evaluation.ledger import Ledger, Origin
from groupcam_jax.evaluation.manifest import check, wait_for_others
from groupcam_jax.evaluation.outcome import Outcome, conclude
from groupcam_jax.evaluation.records import mend
from groupcam_jax.evaluation.share import run_share


def run(job: Job, console: Console, errors: Console) -> Outcome:
    """Runs the share of this process; process 0 then reports.

    Every process that has begun must hold its folder (`manifest.hold`): process 0 waits for those that do.

    Raises:
      ValueError: the folder holds another run.
      KeyboardInterrupt: after reporting what is done so far.
    """
    manifest = check(job.folder, job.manifest)
    for file in records(job.folder):
        number = file.stem.removeprefix("rows-")  # of the process that wrote it, and maybe writes it now
        if int(number) % job.processes == job.process and (damaged := mend(file)):
            errors.print(damaged, style="red", markup=False)
    programs = job.experiment.compile(job.study)
    version = functools.cache(functools.partial(method_version, job.experiment.compile.__module__))
    origin = Origin(job.dataset.identities(), version, digest(json.dumps(manifest, sort_keys=True)))
    contents = digest(*origin.pictures)
    rows = adopt(job.folder, origin, errors)
    ledger = Ledger(rows, programs, job.pictures, job.study.batch)
    left = ledger.left()
    share = sum(missing for index, missing in left.items() if index % job.processes == job.process)
    done = set(range(-(-job.pictures // job.study.batch))) - set(left)

    def transform(example: Example) -> Example:
        shown = job.transform(example)
        job.experiment.needs(shown, len(job.study.classifier.class_names))
        return shown

    parts = batches(
        job.dataset,
        transform,
        job.study.batch,
        skip=done,
        process=job.process,
        processes=job.processes,
        limit=job.limit,
    )
    if left:
        rows = []  # they would take memory while more is measured
    try:
        run_share(job, programs, parts, ledger, origin, share, errors)
    except KeyboardInterrupt:
        conclude(job, list(programs), adopt(job.folder, origin), contents, console, errors)
        raise
    if job.process != 0:
        console.print(f"process {job.process} of {job.processes} has done its share of {job.folder.name}")
        return Outcome(True, {}, {}, {})
    wait_for_others(job.folder, job.processes, functools.partial(errors.print, markup=False))
    if left:
        rows = adopt(job.folder, origin)
    return conclude(job, list(programs), rows, contents, console, errors)
