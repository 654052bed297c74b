"""`groupcam fine-tune`: what it leaves behind, how it is resumed, and what it says to bad input."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow_datasets as tfds
import trained_here
from safetensors.numpy import load_file
from typer.testing import CliRunner

import pretrained
from groupcam_jax.classifiers import load_classifier
from groupcam_jax.cli.fine_tune import app
from groupcam_jax.training.checkpoints import open_checkpoints, restore, save
from groupcam_jax.training.log import read_log

FILE = trained_here.__file__


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    trained_here.write_squares(folder / "train", 16)
    trained_here.write_squares(folder / "val", 8, seed=1)
    return folder


def options(data, output, factory="factory", network=None, **changed):
    settings = {
        "model": network or f"{FILE}:{factory}",
        "data": data,
        "output": output,
        "batch": 8,
        "epochs": 3,
        "rate": 0.1,
        "groups": 4,
        "smallest-crop": 0.5,
        **changed,
    }
    return [part for name, value in settings.items() for part in (f"--{name}", str(value))]


def fine_tune(*arguments, **changed):
    result = CliRunner().invoke(app, options(*arguments, **changed))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.output


def epochs(folder):
    return [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    output = fine_tune(data, folder)
    assert "the last layer is kept: same classes" in output
    return folder


def test_it_learns_and_its_weights_are_taken_as_any_others(undisturbed, data):
    rows = epochs(undisturbed)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert [row["step"] for row in rows] == [0, 6, 12, 18]
    assert rows[-1]["loss"] < 0.8 * rows[1]["loss"]
    assert rows[-1]["validation_accuracy"] > 0.8
    tuned = load_classifier(f"{FILE}:factory", undisturbed / "weights.safetensors")
    assert [*tuned.class_names] == ["red", "green", "blue"]
    wanted = load_file(undisturbed / "weights.safetensors")
    np.testing.assert_array_equal(tuned.params["params"]["fc"]["kernel"], wanted["params/fc/kernel"])
    before = trained_here.factory().params
    np.testing.assert_array_equal(wanted["batch_stats/bn1/mean"], before["batch_stats"]["bn1"]["mean"])
    with pytest.raises(ValueError, match=r"weights.safetensors is not of this network: .* arrays differ"):
        pretrained.load("shapes", undisturbed / "weights.safetensors")


def test_tensorboard_reads_the_epochs(undisturbed):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(undisturbed / "events")).Reload().Tensors("validation_accuracy")
    read = {event.step: float(make_ndarray(event.tensor_proto)) for event in events}
    assert read == pytest.approx({row["epoch"]: row["validation_accuracy"] for row in epochs(undisturbed)})


def test_another_number_of_classes_gets_a_new_layer(data, tmp_path):
    output = fine_tune(data, tmp_path, "other_classes", epochs=1, augment="none")
    assert "a new last layer for 3 classes, of zeros; the network had 5 others" in output
    tuned = load_classifier(f"{FILE}:other_classes", tmp_path / "weights.safetensors")
    assert tuned.class_names == ["blue", "green", "red"]
    assert tuned.params["params"]["fc"]["kernel"].shape == (8, 3)


def test_a_network_of_the_catalogue_is_loaded_with_its_new_classes(data, tmp_path):
    fine_tune(data, tmp_path, network="shapes", epochs=1, augment="none", **{"image-size": 32})
    tuned = pretrained.load("shapes", tmp_path / "weights.safetensors")
    assert (tuned.class_names, tuned.image_size) == (["blue", "green", "red"], 32)
    assert tuned.apply(tuned.params, np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 3)


def test_preprocessing_in_numpy_trains_the_same(undisturbed, data, tmp_path):
    fine_tune(data, tmp_path, "in_numpy")
    for name, array in load_file(undisturbed / "weights.safetensors").items():
        np.testing.assert_allclose(load_file(tmp_path / "weights.safetensors")[name], array, atol=1e-4)


def test_a_longer_run_goes_on_and_another_run_is_refused(undisturbed, data, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "copy")
    output = fine_tune(data, tmp_path / "copy", epochs=4)
    assert "going on after step 18, in epoch 4" in output
    assert "pictures held out" not in output
    assert epochs(tmp_path / "copy")[:4] == epochs(undisturbed)
    with pytest.raises(ValueError, match=r"holds another run \(rate is 0.1, not 0.2\)"):
        fine_tune(data, tmp_path / "copy", rate=0.2)
    (tmp_path / "names.txt").write_text("green\nred\nblue\n")
    with pytest.raises(ValueError, match=r"another run \(class_names is \['red', 'green', 'blue'\], not \['green'"):
        fine_tune(data, tmp_path / "copy", epochs=4, **{"class-names": tmp_path / "names.txt"})


def test_a_loss_that_is_not_finite_ends_it_and_the_last_good_weights_stay(data, tmp_path):
    with pytest.raises(ValueError, match=r"step 1: the loss or its update is not finite. The checkpoint of step 0"):
        fine_tune(data, tmp_path, rate=1e25, augment="none")
    assert all(np.isfinite(array).all() for array in load_file(tmp_path / "weights.safetensors").values())
    steps = [int(folder.name) for folder in (tmp_path / "checkpoints").iterdir() if folder.name.isdecimal()]
    assert steps == [0]


def test_broken_pictures_are_named_and_left_out(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data/train/red/3.png").write_bytes(b"no picture")
    (tmp_path / "data/val/blue/2.png").write_bytes(b"")
    output = fine_tune(tmp_path / "data", tmp_path / "out", epochs=1, augment="none")
    assert output.count("left out red/3.png: is not a picture") == 1
    assert output.count("left out blue/2.png: is not a picture") == 1
    last = epochs(tmp_path / "out")[-1]
    assert (last["validation_pictures"], last["broken"]) == (23, 2)
    assert last["pictures_per_second"] > 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"factory": "softmax"}, "the network ends in a softmax or sigmoids, and is trained by its logits"),
        ({"factory": "plain"}, "bn/bn1/mean, bn/bn1/var look like stored statistics .* --frozen"),
        ({"frozen": "."}, "nothing trains"),
        ({"network": "keras:ResNet50"}, "--model keras:ResNet50: Keras trains its networks itself"),
        ({"batch": 64}, "--batch 64: .*train has 48 pictures; choose fewer"),
        ({"batch": 12}, "--batch 12: expected a multiple of the 8 devices"),
        ({"augment": "smoke"}, "--augment smoke: there is none of this name; there are none, group-cam"),
        ({"augment": "grad-cam"}, "--groups is no option of --method grad-cam"),
        ({"augment": "grad_cam"}, "--groups is no option of --method grad-cam"),
        ({"frozen": "conv9"}, "--frozen conv9: finds none of the arrays"),
        ({"frozen": "["}, r"--frozen \[: is no regular expression"),
        ({"groups": 9}, "groups=9 but layer .* has 8 channels"),
        ({"dtype": "bfloat16", "batch-stats": "updated"}, "updated statistics need float32"),
    ],
)
def test_what_cannot_be_trained_is_said(data, tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        fine_tune(data, tmp_path, **changed)


def test_folders_must_match(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    shutil.rmtree(tmp_path / "data/val/green")
    with pytest.raises(ValueError, match=r"val has no pictures of green, which .*train has"):
        fine_tune(tmp_path / "data", tmp_path / "out")
    shutil.rmtree(tmp_path / "data/val")
    with pytest.raises(FileNotFoundError, match=r"expected the folders train and val in it, or --validation FOLDER"):
        fine_tune(tmp_path / "data", tmp_path / "out")
    for part in ("train", "val"):
        shutil.copytree(data / part / "red", tmp_path / "one" / part / "red")
    with pytest.raises(ValueError, match=r"train has one category, red; expected two at least to tell apart"):
        fine_tune(tmp_path / "one", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of what Orbax had begun to read
def test_damaged_results_are_named(undisturbed, data, tmp_path):
    copy = shutil.copytree(undisturbed, tmp_path / "copy")
    assert "nothing is left to do: epoch 3 was the last" in fine_tune(data, copy)
    for damage in (b"garbage\n", b'{"loss": 1}\n', b"[1]\n", b"[" * 100_000 + b"\n"):
        (tmp_path / "epochs.jsonl").write_bytes((copy / "epochs.jsonl").read_bytes() + damage)
        with pytest.raises(ValueError, match=r"epochs\.jsonl, line 5: not as written; leave out this line"):
            read_log(tmp_path / "epochs.jsonl", 3)
    for file in (copy / "checkpoints" / "18").rglob("*"):
        if file.is_file() and file.parent.name == "d":  # the arrays
            file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ValueError, match=r"(?s)checkpoints/18 cannot be read .*; if it is damaged, move it away"):
        fine_tune(data, copy, epochs=4)
    (copy / "checkpoints" / "18").rename(tmp_path / "aside")
    assert "going on after step 12, in epoch 3" in fine_tune(data, copy, epochs=3)


def test_a_damaged_checkpoint_is_one_error(tmp_path, capsys):
    state = {str(number): jnp.ones(100) for number in range(30)}
    folder = tmp_path / "run #1, 100%20"
    manager = open_checkpoints(folder)
    save(manager, state, 1)
    assert float(restore(manager, state)["29"].sum()) == 100
    for file in (folder / "1").rglob("d/*"):
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ValueError, match=r"1 cannot be read"):
        restore(manager, state)
    assert "Traceback" not in capsys.readouterr().err


def start(data, output, *more, devices=1, **changed):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.path.dirname(FILE),
        # A process that is killed may leave a cut program, which no test in this process must read.
        "JAX_COMPILATION_CACHE_DIR": os.path.join(os.environ["JAX_COMPILATION_CACHE_DIR"], "fine_tune"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.training.fine_tune", *options(data, output, **changed), *more],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate(timeout=240)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """A run in a process of its own, on one device."""
    folder = tmp_path_factory.mktemp("alone")
    code, _, errors = finish(start(data, folder, epochs=20, **{"checkpoint-every": 7}))
    assert code == 0, errors
    return load_file(folder / "weights.safetensors")


KILLS = int(os.environ.get("KILLS", "1"))


def saved(folder):
    """What a run has left so far, unfinished checkpoints included."""
    return sorted(folder.glob("checkpoints/*"))


def test_killed_anywhere_it_ends_with_the_same_weights(alone, data, tmp_path):
    random, killed = np.random.default_rng(int(time.time())), 0
    for _ in range(KILLS):
        before = saved(tmp_path)
        process = start(data, tmp_path, epochs=20, **{"checkpoint-every": 7})
        while saved(tmp_path) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.2))  # in a step, while a checkpoint is written, or the epoch's files
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert killed
    code, output, errors = finish(start(data, tmp_path, epochs=20, **{"checkpoint-every": 7}))
    assert code == 0, errors
    print(f"{killed} of {KILLS} killed before the end; {output}")
    assert [row["epoch"] for row in epochs(tmp_path)] == [*range(21)]
    found = load_file(tmp_path / "weights.safetensors")
    for name, array in alone.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_loss_held_out_that_is_not_finite_ends_it_too(data, tmp_path):
    with pytest.raises(ValueError, match=r"step 1: the loss on the pictures held out is not finite"):
        fine_tune(data, tmp_path, rate=1e13, augment="none", batch=48, epochs=1)
    assert len(epochs(tmp_path)) == 1
    steps = [int(folder.name) for folder in (tmp_path / "checkpoints").iterdir() if folder.name.isdecimal()]
    assert steps == [0]


def test_stopped_it_leaves_a_checkpoint_of_that_step(data, tmp_path):
    process = start(data, tmp_path, epochs=10_000)
    while not (tmp_path / "epochs.jsonl").exists() or len(epochs(tmp_path)) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert code == 130, errors
    step = int(errors.split("stopped after step ")[1].split(";")[0])
    assert (tmp_path / f"checkpoints/{step}").is_dir()


def in_two(data, output, **changed):
    """A run in two processes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    share = ["--processes", "2", "--coordinator", address]
    return [start(data, output, *share, "--process", str(number), **changed) for number in range(2)]


class Squares(tfds.core.GeneratorBasedBuilder):
    """The pictures of the folders, as a data set of TFDS."""

    VERSION = tfds.core.Version("1.0.0")
    folder = None

    def _info(self):
        labels = tfds.features.ClassLabel(names=sorted(trained_here.COLOURS))
        features = {"image": tfds.features.Image(encoding_format="png"), "label": labels}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(self.folder / part) for split, part in SPLITS.items()}

    def _generate_examples(self, folder):
        for file in folder.glob("*/*.png"):
            yield f"{file.parent.name}/{file.name}", {"image": file.read_bytes(), "label": file.parent.name}


SPLITS = {"train": "train", "validation": "val"}


def test_a_data_set_of_tfds_by_name(data, tmp_path, monkeypatch):
    monkeypatch.setattr(Squares, "folder", data)
    Squares(data_dir=tmp_path / "tfds").download_and_prepare(file_format="array_record")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    code, _, errors = finish(start("squares", tmp_path / "out"))
    assert code == 0, errors
    assert epochs(tmp_path / "out")[-1]["validation_accuracy"] > 0.8
    assert json.loads((tmp_path / "out" / "run.json").read_text())["pictures"] == 48


def test_two_processes_stop_at_the_same_step(data, tmp_path):
    processes = in_two(data, tmp_path, epochs=10_000)
    while not (tmp_path / "epochs.jsonl").exists() or len(epochs(tmp_path)) < 2:
        assert processes[0].poll() is None, processes[0].communicate()
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGINT)  # which is passed on to all as SIGTERM
    told = [finish(process) for process in processes]
    assert [code for code, _, _ in told] == [130, 130], told
    steps = {int(errors.split("stopped after step ")[1].split(";")[0]) for _, _, errors in told}
    assert len(steps) == 1
    assert (tmp_path / f"checkpoints/{steps.pop()}").is_dir()


def test_two_processes_train_as_one(alone, data, tmp_path):
    for process in in_two(data, tmp_path, epochs=20, **{"checkpoint-every": 7}):
        code, _, errors = finish(process)
        assert code == 0, errors
    found = load_file(tmp_path / "weights.safetensors")
    for name, array in alone.items():
        np.testing.assert_allclose(found[name], array, atol=1e-4)
