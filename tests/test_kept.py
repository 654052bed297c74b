"""Compiled programs are kept between runs of a command: the second compiles nothing, whatever became of the files."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from test_cli import FACTORY

# Counts, by JAX's own monitoring, the programs that were asked for and those that the cache had.
COUNTED = """
import atexit, collections, json, sys
import jax
counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event.rpartition("/")[2]]))
atexit.register(lambda: print(json.dumps(counts), file=open("counts.json", "w")))
from groupcam_jax.cli.main import main
main()
"""


@pytest.fixture
def run(tmp_path):
    """Runs the command with a cache of its own: its map, its errors, and how many programs it compiled and took."""
    (tmp_path / "net.py").write_text(textwrap.dedent(FACTORY))
    (tmp_path / "photo.ppm").write_bytes(b"P6 8 8 255 " + bytes(range(192)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}

    def run(*options, cache=tmp_path / "cache"):
        explain = ("explain", "photo.ppm", "--model", "net.py:factory", "--groups", "4", "--class", "1", "--raw")
        told = subprocess.run(
            [sys.executable, "-c", COUNTED, *explain, *options],
            cwd=tmp_path,
            env={**environment, "GROUPCAM_CACHE": str(cache)},
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr
        counts = json.loads((tmp_path / "counts.json").read_text())
        asked, taken = counts.get("compile_requests_use_cache", 0), counts.get("cache_hits", 0)
        return np.load(tmp_path / "photo-group-cam-1.npy"), told.stderr, asked - taken, taken

    return run


def test_the_second_run_compiles_nothing_even_after_damage(run, tmp_path):
    first, _, compiled, _ = run()
    assert compiled > 10
    second, errors, *counts = run()
    assert (errors, counts[0]) == ("", 0)
    assert counts[1] >= compiled
    np.testing.assert_array_equal(second, first)

    entries = sorted((tmp_path / "cache").rglob("*-cache"))
    for number, entry in enumerate(entries):
        content = bytearray(entry.read_bytes())
        if number % 3 == 0:
            del content[len(content) // 2 :]
        elif number % 3 == 1:
            content[len(content) // 2] ^= 1
        else:  # as a killed run leaves it
            entry.with_name(entry.name.removesuffix("cache") + "atime").unlink()
        entry.write_bytes(content)
    third, errors, *counts = run()
    assert (errors, counts[0]) == ("", compiled)
    np.testing.assert_array_equal(third, first)
    assert run()[2] == 0
    assert run("--no-cache")[3] == 0


def test_a_folder_that_cannot_be_written_stops_nothing(run):
    _, errors, _, taken = run(cache="/dev/null/x")
    assert taken == 0
    assert "compiled programs are not kept ([Errno 20] Not a directory: '/dev/null/x/programs/" in errors
    assert len(errors.splitlines()) == 1
