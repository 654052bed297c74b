"""`groupcam evaluate`: killed, spread over devices and over processes, a run ends with the same table."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from groupcam_jax.cli.evaluate import app
from groupcam_jax.evaluation.data import open_data
from groupcam_jax.evaluation.data.examples import digest
from pretrained.scenes import CLASS_NAMES

KILLS = int(os.environ.get("KILLS", "1"))


def start(output, *options, devices=1, experiment="pointing-game", methods="grad-cam,random"):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        # A process that is killed may leave a cut program, which no test in this process must read.
        "JAX_COMPILATION_CACHE_DIR": os.path.join(os.environ["JAX_COMPILATION_CACHE_DIR"], "evaluate"),
    }
    command = [sys.executable, "-m", f"experiments.{experiment.replace('-', '_')}", "--methods", methods]
    return subprocess.Popen(
        [*command, "--limit", "40", "--batch", "2", "--output", str(output), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate()
    return process.returncode, output, errors


def figures(folder):
    (table,) = folder.glob("*/table.json")
    return json.loads(table.read_text())["figures"]


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


def sanity_check(output):
    return (start(output, "--limit", "12", experiment="sanity-check", methods="grad-cam"),)


def written(folder):
    """What a run has left so far."""
    return sum(file.stat().st_size for file in folder.glob("*/rows-*.jsonl"))


def maps(folder):
    return {str(file.relative_to(folder)): dict(np.load(file)) for file in folder.glob("*/maps/*/*.npz")}


@pytest.mark.parametrize("kind", ["sanity check", "two processes"])
def test_killed_anywhere_it_ends_with_the_same_table_and_maps(kind, tmp_path, request):
    if kind == "two processes":
        begin, alone = start_two, request.getfixturevalue("undisturbed")
    else:
        begin = sanity_check
        code, _, errors = finish(*sanity_check(tmp_path / "alone"))
        assert code == 0, errors
        alone = figures(tmp_path / "alone")
    folder = tmp_path / "killed"
    random, killed = np.random.default_rng(int(time.time())), 0
    for _ in range(KILLS):
        before, processes = written(folder), begin(folder)
        while written(folder) == before and all(process.poll() is None for process in processes):
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.3))  # while a batch is measured, its maps or its rows are written
        for place in random.permutation(len(processes)):
            killed += processes[place].poll() is None
            processes[place].kill()
            processes[place].communicate()
    assert killed
    for process in begin(folder):
        code, _, errors = finish(process)
        assert code == 0, errors
    print(f"{killed} killed before the end, {KILLS} times")
    assert figures(folder) == alone
    assert maps(folder).keys() == maps(tmp_path / "alone").keys()
    for name, arrays in maps(tmp_path / "alone").items():
        for array, expected in zip(maps(folder)[name].values(), arrays.values(), strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.fixture
def pictures(tmp_path):
    """Drawn scenes in a folder, as ImageNet's."""
    folder, scenes = tmp_path / "data", open_data("scenes")
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(4):
        scene = scenes[number]
        Image.fromarray(scene.image).save(folder / "images" / f"{number}.png")
        left, upper, right, lower = scene.boxes[0].tolist()
        lines.append({"id": str(number), "label": scene.label, "boxes_xyxy": [[left, upper, right - 1, lower - 1]]})
    write_boxes(folder, lines)
    return folder


def write_boxes(folder, lines):
    (folder / "boxes.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def evaluate(output, data, *options, experiment="pointing-game"):
    methods = ["--methods", "centre", "--batch", "2"]
    result = CliRunner().invoke(app, [experiment, "--data", str(data), "--output", str(output), *methods, *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def hits(folder):
    return figures(folder)["centre"]["hit"]["value"]


def test_rows_of_another_run_are_measured_again_and_those_of_a_smaller_one_kept(pictures, tmp_path):
    assert evaluate(tmp_path / "other", pictures, "--seed", "1")[0] == 0
    assert evaluate(tmp_path / "out", pictures, "--limit", "1")[0] == 0
    record = tmp_path / "out" / "pointing-game" / "rows-0.jsonl"
    with record.open("ab") as file:
        file.write((tmp_path / "other" / "pointing-game" / "rows-0.jsonl").read_bytes())
    code, told = evaluate(tmp_path / "out", pictures)
    assert "the model, its weights or the options of centre changed since 3 rows were measured" in told
    assert (code, len(rows(tmp_path / "out"))) == (0, 1 + 4 + 3)


def test_rows_of_a_version_that_did_not_tell_of_the_network_count(pictures, tmp_path):
    folder = tmp_path / "out" / "pointing-game"
    assert evaluate(tmp_path / "out", pictures, "--limit", "1")[0] == 0
    (folder / "rows-0.jsonl").unlink()
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest.pop("network")
    (folder / "run.json").write_text(json.dumps(manifest))
    assert evaluate(tmp_path / "out", pictures, "--limit", "2")[0] == 0
    assert {json.loads(row)["run"] for row in rows(tmp_path / "out")} == {digest(json.dumps(manifest, sort_keys=True))}
    code, told = evaluate(tmp_path / "out", pictures)
    assert (code, "changed" in told, len(rows(tmp_path / "out"))) == (0, False, 4)


def test_what_is_corrected_or_damaged_is_named_and_measured_again(pictures, tmp_path):
    lines = [json.loads(line) for line in (pictures / "boxes.jsonl").read_text().splitlines()]
    write_boxes(pictures, [{**line, "boxes_xyxy": [[0, 0, 3, 3]]} for line in lines])
    assert evaluate(tmp_path / "out", pictures)[0] == 0
    assert hits(tmp_path / "out") == 0
    whole = {**lines[1], "boxes_xyxy": [[0, 0, 95, 95]]}
    write_boxes(pictures, [{**lines[0], "boxes_xyxy": [[0, 0, 3, 3]]}, whole, *[{**whole, "id": n} for n in "23"]])
    before = rows(tmp_path / "out")
    code, told = evaluate(tmp_path / "out", pictures)
    assert code == 0
    assert "the picture or annotation of 1, 2, 3 changed since 3 rows were measured" in told
    assert hits(tmp_path / "out") == 75
    assert len(rows(tmp_path / "out")) == 4 + 3
    assert rows(tmp_path / "out")[:4] == before, "nothing is deleted"
    record = tmp_path / "out" / "pointing-game" / "rows-0.jsonl"
    record.write_text(record.read_text().replace('"hit": 1.0', '"hut": 1.0'))
    code, told = evaluate(tmp_path / "out", pictures)
    assert (code, hits(tmp_path / "out")) == (0, 75)
    assert "rows-0.jsonl, line 5, 6, 7: not as written; 3 such lines are in rows-0.damaged now" in told
    code, told = evaluate(tmp_path / "out", pictures)
    assert (code, "changed" in told, "not as written" in told) == (0, False, False)
    assert len(rows(tmp_path / "out")) == 7
    with pytest.raises(ValueError, match=r"holds another run \(data is '.*data', not '.*copy'\)"):
        evaluate(tmp_path / "out", shutil.copytree(pictures, tmp_path / "copy"))


def of_categories(folder):
    (folder / "boxes.jsonl").unlink()
    (folder / "images").rename(folder / "star")
    return "4 of 4 pictures were left out (star/0.png, star/1.png, star/2.png and 1 more): has no box of its class"


def unlabelled(folder):
    images = [{"id": n, "file_name": f"{n}.png", "width": 96, "height": 96} for n in range(4)]
    objects = [{"image_id": n, "category_id": 1, "bbox": [0, 0, 9, 9]} for n in range(4)]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "a"}]}
    (folder / "instances_val.json").write_text(json.dumps(content))
    return "has no class of its own; --category-classes FILE makes one picture of each category"


def beyond(folder):
    lines = [json.loads(line) for line in (folder / "boxes.jsonl").read_text().splitlines()]
    write_boxes(folder, [{**line, "label": 99} for line in lines])
    return "has class 99, but the network has 0 to "


@pytest.mark.parametrize(
    ("change", "experiment"),
    [
        (of_categories, "pointing-game"),
        (of_categories, "localization"),
        (unlabelled, "pointing-game"),
        (unlabelled, "class-discrimination"),
        (beyond, "sanity-check"),
    ],
)
def test_no_result_is_an_error_that_says_what_is_missing(pictures, tmp_path, change, experiment):
    missing = change(pictures)
    code, told = evaluate(tmp_path / "out", pictures, experiment=experiment)
    assert code == 1
    assert missing in told
    assert "no picture could be measured" in told
    assert not [*tmp_path.glob("out/*/table.*")]


def by_folder(folder):
    """The same pictures, in folders that are called as their classes."""
    shown = [json.loads(line) for line in (folder / "boxes.jsonl").read_text().splitlines()]
    for line in shown:
        place = folder / "sorted" / CLASS_NAMES[line["label"]]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "images" / f"{line['id']}.png", place)
    return folder / "sorted", [line["label"] for line in sorted(shown, key=lambda line: CLASS_NAMES[line["label"]])]


def test_classes_are_found_by_the_names_of_the_folders(pictures, tmp_path):
    folder, labels = by_folder(pictures)
    code, told = evaluate(tmp_path / "out", folder, experiment="class-discrimination")
    assert code == 0, told
    file = tmp_path / "out" / "class-discrimination" / "rows-0.jsonl"
    measured = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["classes"][0] for row in sorted(measured, key=lambda row: row["number"])] == labels


def test_folders_of_other_names_are_refused_unless_they_are_given_classes(pictures, tmp_path):
    folder, _ = by_folder(pictures)
    (folder / CLASS_NAMES[json.loads((pictures / "boxes.jsonl").read_text().partition("\n")[0])["label"]]).rename(
        folder / "a mark"
    )
    named = r"1 of \d categories are no class of the network by name: 'a mark'"
    with pytest.raises(ValueError, match=rf"{named}; pass --category-classes FILE, JSON"):
        evaluate(tmp_path / "out", folder, experiment="class-discrimination")
    code, told = evaluate(tmp_path / "out", folder, experiment="insertion-deletion")
    assert code == 0
    assert re.search(named, told)
    classes = tmp_path / "classes.json"
    classes.write_text('{"a mark": [3]}')
    options = ["--category-classes", str(classes)]
    code, told = evaluate(tmp_path / "given", folder, *options, experiment="class-discrimination")
    assert code == 0, told


def test_numbers_of_unnamed_classes_are_taken_and_that_is_said(pictures, tmp_path):
    code, told = evaluate(tmp_path / "out", pictures)
    assert code == 0
    assert "and the network's classes are matched by number, for want of names" in told


@pytest.mark.parametrize(
    ("experiment", "title"),
    [
        ("pointing-game", "Pointing game, grad-cam"),
        ("localization", "Weakly supervised localization, grad-cam"),
        ("sanity-check", "Sanity checks, grad-cam, cascading"),
    ],
)
def test_logits_that_are_nan_are_no_result(pictures, tmp_path, experiment, title):
    factory = tmp_path / "broken.py"
    factory.write_text(
        "import jax, pretrained\n"
        "def factory():\n"
        "    model = pretrained.load('shapes')\n"
        "    return model._replace(params=jax.tree.map(lambda leaf: leaf * float('nan'), model.params))\n"
    )
    options = ["--methods", "grad_cam", "--model", f"{factory}:factory"]
    code, told = evaluate(tmp_path / "out", pictures, *options, experiment=experiment)
    assert code == 1
    assert f"{title}: 4 of 4 pictures were left out (0, 1, 2 and 1 more): their " in told
    assert f"{title}: no value is finite; its maps, or the logits, are NaN" in told


def test_ctrl_c_prints_the_table_so_far(tmp_path):
    process = start(tmp_path, "--limit", "200", "--masks", "100", methods="grad-cam,rise")  # which takes a while
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
