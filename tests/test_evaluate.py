"""`groupcam evaluate`: killed, spread over devices and over processes, a run ends with the same table."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

COMMAND = (
    sys.executable,
    "-m",
    "experiments.pointing_game",
    "--methods",
    "grad-cam,random",
    "--limit",
    "40",
)


def start(output, *options, devices=1):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        # A process that is killed may leave a cut program, which no test in this process must read.
        "JAX_COMPILATION_CACHE_DIR": os.path.join(os.environ["JAX_COMPILATION_CACHE_DIR"], "evaluate"),
    }
    return subprocess.Popen(
        [*COMMAND, "--batch", "2", "--output", str(output), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate(timeout=240)
    return process.returncode, output, errors


def figures(folder):
    return json.loads((folder / "pointing-game" / "table.json").read_text())["figures"]


def rows(folder):
    return [line for file in (folder / "pointing-game").glob("rows-*.jsonl") for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, output, errors = finish(start(folder))
    assert code == 0, errors
    assert "| random" in output
    assert len(rows(folder)) == 80
    return figures(folder)


def test_a_killed_run_goes_on_to_the_same_table(undisturbed, tmp_path):
    process = start(tmp_path)
    while not (tmp_path / "pointing-game" / "rows-0.jsonl").exists() or len(rows(tmp_path)) < 4:
        assert process.poll() is None, "it has ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = rows(tmp_path)
    assert 4 <= len(done) < 80
    code, _, errors = finish(start(tmp_path))
    assert code == 0, errors
    assert rows(tmp_path)[: len(done)] == done
    assert len(rows(tmp_path)) == 80
    assert figures(tmp_path) == undisturbed


def test_ctrl_c_prints_the_table_so_far(tmp_path):
    process = start(tmp_path, "--limit", "10000")
    while not (tmp_path / "pointing-game" / "rows-0.jsonl").exists() or len(rows(tmp_path)) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, output, errors = finish(process)
    assert code == 130
    assert "| grad-cam" in output
    assert "the same command goes on" in errors


def test_eight_devices_give_the_same_table(undisturbed, tmp_path):
    code, _, errors = finish(start(tmp_path, devices=8))
    assert code == 0, errors
    assert_close(figures(tmp_path), undisturbed)


def test_two_processes_give_the_same_table(undisturbed, tmp_path):
    first, second = start_two(tmp_path)
    (code, output, errors), (other_code, _, other_errors) = finish(first), finish(second)
    assert code == other_code == 0, errors + other_errors
    assert "| random" in output
    assert figures(tmp_path) == undisturbed


def test_a_process_that_dies_is_reported_and_its_share_resumed(undisturbed, tmp_path):
    first, second = start_two(tmp_path)
    while not (tmp_path / "pointing-game" / "rows-1.jsonl").exists():
        assert second.poll() is None, "it has ended before it could be killed"
        time.sleep(0.01)
    second.kill()
    second.communicate()
    code, _, errors = finish(first)
    assert code == 1
    assert "the shares of the processes 1, are missing" in " ".join(errors.split())
    code, _, errors = finish(start(tmp_path))
    assert code == 0, errors
    assert figures(tmp_path) == undisturbed


def start_two(output):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    share = ["--processes", "2", "--coordinator", address, "--process"]
    return start(output, *share, "0"), start(output, *share, "1")


def assert_close(actual, expected):
    """Equal up to rounding: a device that has another number of pictures rounds otherwise."""
    assert actual.keys() == expected.keys()
    for method, columns in expected.items():
        for column, estimate in columns.items():
            known = {name: value for name, value in estimate.items() if value is not None}
            found = {name: value for name, value in actual[method][column].items() if value is not None}
            assert found == pytest.approx(known, rel=1e-4), (method, column)
