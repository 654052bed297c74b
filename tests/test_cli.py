"""The `groupcam` command, run on a user's own network and on the embedded one."""

import errno
import functools
import importlib
import io
import itertools
import json
import logging
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
from importlib import metadata

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from groupcam_jax import Layer, score_cam
from groupcam_jax.class_names import find_label
from groupcam_jax.classifiers import chosen_layer
from groupcam_jax.cli.main import main
from groupcam_jax.cli.pictures import LAYER, name_of_layer, read_picture, result_names
from groupcam_jax.cli.progress import counted, running
from groupcam_jax.cli.run import explain_picture
from groupcam_jax.factories import make_classifier
from groupcam_jax.methods import METHODS, find_methods
from groupcam_jax.progress_line import Counted, progress_line

FACTORY = """
    import types

    import jax
    import jax.numpy as jnp
    from groupcam_jax import Layer


    def apply(params, images):
        with jax.named_scope("stem"):
            x = jax.nn.relu(jax.lax.conv(images.transpose(0, 3, 1, 2), params["kernel"], (2, 2), "SAME"))
        return x.mean((2, 3)) @ params["fc"]


    def factory():
        keys = jax.random.split(jax.random.key(0))
        params = {"kernel": jax.random.normal(keys[0], (32, 3, 3, 3)), "fc": jax.random.normal(keys[1], (32, 4))}
        return types.SimpleNamespace(
            apply=apply, params=params, preprocess=lambda pixels: jnp.asarray(pixels, jnp.float32) / 255,
            class_names=["red_ball", "green ball", "Blue", "grey"], image_size=32,
            layer=Layer("stem", data_format="NCHW"),
        )
"""


# What it imports lies beside it, not where the command runs.
WRONG = """
    import types

    from parts import apply, factory


    def changed(**fields):
        return lambda: types.SimpleNamespace(**{**vars(factory()), **fields})


    nothing, sized, wide = lambda: None, changed(image_size=(32, 32)), changed(apply=lambda params, images: images + "")
    few, named = changed(class_names=["red", "green"]), changed(class_names={"0": "red"})
    one = changed(apply=lambda params, images: apply(params, images)[:, :1], class_names=["red"])
    cropped = changed(image_size=40, preprocess=lambda pixels: (pixels - pixels.mean())[:32, 4:36])
    failing = changed(preprocess=lambda pixels: pixels.permute(2, 0, 1))
    whole, first = changed(preprocess=lambda pixels: pixels), changed(preprocess=lambda pixels: pixels.T / 255)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder with a network and two pictures in a folder beside it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("net", "parts", "wrong"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "net.py").write_text(textwrap.dedent(FACTORY))
    (tmp_path / "parts.py").write_text(textwrap.dedent(FACTORY))
    (tmp_path / "wrong.py").write_text(textwrap.dedent(WRONG))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    Image.fromarray(pixels[:, :, 0]).save(tmp_path / "grey.jpg")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    return tmp_path


@pytest.fixture
def groupcam(monkeypatch, capsys):
    """Runs the command in this process: `(exit code, standard output, standard error)`."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["groupcam", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, *capsys.readouterr()

    return run


NET = ("--model", "../net.py:factory", "--groups", "4")


def several(*methods):
    """The options that ask for methods."""
    return [word for method in methods for word in ("--method", method)]


@pytest.mark.parametrize(
    ("options", "name", "category"), [((), "chelsea", "Egyptian_cat"), (("--model", "shapes"), "scene0", "heart")]
)
def test_without_pictures_it_explains_an_example_offline(folder, groupcam, options, name, category):
    code, out, _ = groupcam("explain", *options)
    assert code == 0
    assert re.search(rf"{category} \(\d\d\.\d%\): peaks at x", out)
    assert [path.name for path in folder.joinpath("out").iterdir()] == [f"{name}-group-cam.png"]


@pytest.mark.parametrize("name", ["colorsys", "pretrained", "net"])
def test_a_users_file_hides_no_module(folder, name):
    make_classifier("../net.py:factory")
    own = folder / "out" / f"{name}.py"
    own.write_text(textwrap.dedent(FACTORY).replace("image_size=32", f"image_size=len(vars({name}))"))
    own.write_text(f"import {name}\n\n{own.read_text()}")
    assert make_classifier(f"{name}.py:factory").image_size > 8
    assert importlib.import_module(name).__file__ != str(own)


def test_a_users_file_gets_what_lies_beside_it_or_is_refused(folder):
    make_classifier("../parts.py:factory")
    pathlib.Path("parts.py").write_text("")
    pathlib.Path("own.py").write_text("from parts import factory\n")
    with pytest.raises(ValueError, match=r"imports parts, and got .*/parts.py instead of .*/out/parts.py; give that"):
        make_classifier("own.py:factory")


@pytest.mark.parametrize(
    "preprocess",
    [
        "jax.image.resize(pixels / 255, (9, 9, 3), 'linear', antialias=False)",
        "jax.image.resize(pixels / 255, (21, 21, 3), 'cubic')",
        "pixels[::4, ::4] / 255",
        "jnp.broadcast_to((pixels - pixels.mean()).mean(2, keepdims=True) / (1 + pixels.std()), pixels.shape)",
    ],
)
def test_a_preprocess_may_resize_and_normalise(folder, preprocess):
    own = folder / "own.py"
    own.write_text(textwrap.dedent(FACTORY).replace("jnp.asarray(pixels, jnp.float32) / 255", preprocess))
    assert make_classifier(f"{own}:factory").image_size == 32


def test_version_and_module(groupcam):
    assert groupcam("--version")[:2] == (0, f"groupcam-jax {metadata.version('groupcam-jax')}\n")
    told = subprocess.run([sys.executable, "-m", "groupcam_jax", "--help"], capture_output=True, text=True, check=True)
    assert "--install-completion" in told.stdout


def test_pictures_and_named_classes(folder, groupcam):
    code, out, _ = groupcam(
        "explain", "../noise.png", "../grey.jpg", *NET, "--class", "RED", "--class", "3", "--top", "2"
    )
    assert code == 0
    assert out.count("red_ball (") == out.count("grey (") == 2
    assert "of 60 x 40" in out
    with Image.open("noise-group-cam.png") as drawn:
        assert drawn.width > drawn.height > 500  # two classes, one above the other
    assert pathlib.Path("grey-group-cam.png").exists()


def test_raw_maps_can_be_made_again_from_their_manifest(folder, groupcam):
    groupcam("explain", "../noise.png", *NET, "--class", "blue", "--raw")
    saliency = np.load("noise-group-cam-2.npy")
    manifest = json.loads(pathlib.Path("noise-group-cam-2.json").read_text())
    assert saliency.shape == (32, 32)
    assert saliency.dtype == np.float32
    assert manifest["class"] == "Blue"
    assert 0 < manifest["probability"] < 1
    assert manifest["versions"]["jax"] == jax.__version__
    pathlib.Path("noise-group-cam-2.npy").unlink()
    _, *arguments = shlex.split(manifest["command"])
    assert groupcam(*arguments)[0] == 0
    np.testing.assert_array_equal(np.load("noise-group-cam-2.npy"), saliency)


def test_broken_pictures_are_named_and_skipped(folder, groupcam):
    (folder / "broken.jpg").write_bytes((folder / "grey.jpg").read_bytes()[:200])
    (folder / "text.png").write_text("no picture")
    code, _, errors = groupcam("explain", "../broken.jpg", "../text.png", "../none.png", "../noise.png", *NET)
    assert code == 1
    for name in ("broken.jpg", "text.png", "none.png"):
        assert f"skipped ../{name}: " in errors
    assert "3 of 4 pictures could not be read" in errors
    assert "1 of 4 done" in errors
    assert [path.name for path in folder.joinpath("out").iterdir()] == ["noise-group-cam.png"]


@pytest.mark.filterwarnings("default")
def test_pictures_in_odd_containers(folder, groupcam):
    os.mkfifo(folder / "pipe")
    content = (folder / "noise.png").read_bytes()
    writer = threading.Thread(target=(folder / "pipe").write_bytes, args=(content,))
    writer.start()
    long = folder / f"{'é' * 120}.npy"
    np.save(long, np.random.default_rng(0).random((8, 9, 3)))
    code, _, errors = groupcam("explain", "../pipe", long, *NET, "--raw")
    writer.join()
    assert code == 0, errors
    assert "../pipe: waits for what is written to this pipe" in errors
    assert f"warning: {long}: floating-point values are taken for a range from 0 to 1" in errors.splitlines()
    assert {path.suffix for path in pathlib.Path().glob("é*")} == {".png", ".npy", ".json"}


@pytest.mark.filterwarnings("default")
def test_the_same_warning_names_several_pictures_and_counts_the_rest(folder, groupcam):
    names = [f"../{number}.npy" for number in range(7)]
    for name in names:
        np.save(name, np.random.default_rng(0).random((8, 9, 3)))
    code, _, errors = groupcam("explain", *names, *NET)
    told = "floating-point values are taken for a range from 0 to 1"
    assert code == 0, errors
    warned = [line for line in errors.splitlines() if told in line]
    assert warned == [f"warning: {name}: {told}" for name in names[:5]] + [f"warning: 2 more pictures: {told}"]


def test_what_is_logged_is_one_line_without_the_place_that_logs(groupcam, monkeypatch, capsys):
    monkeypatch.setattr(logging.root, "handlers", [])
    assert groupcam("--version")[0] == 0
    logging.basicConfig(format="%(levelname)s:%(name)s:%(message)s")  # as other libraries do, too late
    logging.getLogger("pretrained.catalogue").warning("FILE: classes: 7")
    assert capsys.readouterr().err == "FILE: classes: 7\n"


def test_jax_may_be_told_to_compile_nothing(folder, groupcam):
    with jax.disable_jit():
        code, _, errors = groupcam("explain", "../noise.png", *NET)
    assert (code, errors) == (0, "")


def test_a_device_that_jax_does_not_find_is_one_line(folder):
    told = subprocess.run(
        [sys.executable, "-m", "groupcam_jax", "explain", "--model", "shapes"],
        env={**os.environ, "JAX_PLATFORMS": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert re.fullmatch(r"error: Unable to initialize backend 'nowhere': .*JAX_PLATFORMS.*\n", told.stderr)


def test_standard_input(folder, groupcam, monkeypatch):
    with (folder / "noise.png").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert groupcam("explain", "-", *NET)[0] == 0
    assert pathlib.Path("stdin-group-cam.png").exists()


def test_results_that_cannot_be_written_do_not_stop_the_rest(folder, groupcam):
    pathlib.Path("noise-group-cam.png").mkdir()
    code, _, errors = groupcam("explain", "../noise.png", "../grey.jpg", *NET)
    assert code == 1
    assert "results of ../noise.png not written: " in errors
    assert "noise-group-cam.png" in errors
    assert "1 of 2 pictures could not be written" in errors
    assert "1 of 2 done" in errors
    assert pathlib.Path("grey-group-cam.png").exists()


def test_a_full_disk_is_named_with_the_file_and_the_others_go_on(folder, groupcam, monkeypatch):
    written, savefig = [], Figure.savefig

    def full_at_first(figure, file, **options):
        written.append(file)
        if len(written) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savefig(figure, file, **options)

    monkeypatch.setattr(Figure, "savefig", full_at_first)
    code, _, errors = groupcam("explain", "../noise.png", "../grey.jpg", *NET)
    assert code == 1
    assert "results of ../noise.png not written: [Errno 28] No space left on device: 'noise-group-cam.png'" in errors
    assert "1 of 2 done" in errors
    assert [path.name for path in folder.joinpath("out").iterdir()] == ["grey-group-cam.png"]


def test_a_picture_that_cannot_be_explained_is_named_and_the_others_go_on(folder, groupcam):
    divisor = "(255 if pixels.any() or pixels.flags.writeable else int('no number'))"  # the blank one can be written to
    (folder / "net.py").write_text((folder / "net.py").read_text().replace("/ 255", f"/ {divisor}"))
    Image.new("RGB", (40, 40)).save(folder / "black.png")
    code, _, errors = groupcam("explain", "../black.png", "../noise.png", *NET, "--report", "page.html")
    assert code == 1
    assert "../black.png not explained: invalid literal for int() with base 10: 'no number'" in errors
    assert "1 of 2 pictures could not be explained" in errors
    assert {path.name for path in pathlib.Path().iterdir()} == {"noise-group-cam.png", "page.html"}


def test_a_map_that_is_nan_is_not_called_zero(folder, groupcam):
    (folder / "net.py").write_text(
        (folder / "net.py").read_text().replace('@ params["fc"]', '@ params["fc"] * jnp.nan')
    )
    code, out, _ = groupcam("explain", "../noise.png", *NET)
    assert code == 0
    assert re.search(r"red_ball \(nan%\): the map is NaN: the image that preprocess makes", out)


def test_a_warning_of_pillow_is_one_line_with_the_picture(folder, groupcam, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    code, _, errors = groupcam("explain", "../noise.png", *NET)
    assert code == 0
    assert re.fullmatch(r"warning: \.\./noise\.png: Image size \(2400 pixels\) exceeds limit .*\n", errors)


def test_list_layers(folder, groupcam):
    code, out, _ = groupcam("explain", "--list-layers", *NET)
    assert code == 0
    assert "stem" in out
    assert "32 x 16 x 16" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("../noise.png", *NET, "--class", "ball"), "2 classes match, choose one: 0 red_ball, 1 green ball"),
        (("../noise.png", *NET, "--class", "dog"), "no class has this in its name"),
        (("../noise.png", *NET, "--class", "4"), "the model has 4 classes, 0 to 3"),
        (("../noise.png", *NET, "--layer", "layer9"), "layer 'layer9': no such scope"),
        (("../noise.png", *NET, "--method", "magic"), "--method magic: there is none of this name"),
        (("../noise.png", *NET, "--method", "grad-cam"), "--groups is no option of --method grad-cam"),
        (("../noise.png", *NET, "--method", "cam", "--method", "rise"), "--groups is no option of --method cam, rise"),
        (("../noise.png", *NET[:2], "--method", "rise", "--layer", "0"), "--layer is no option of --method rise"),
        (
            ("../noise.png", *NET[:2], "--method", "score-cam-fast"),
            "error: channels=64 but layer 1 'stem' [32, 16, 16] has 32",
        ),
        (("../noise.png", "--model", "alexnet"), "there is no network 'alexnet'"),
        (("../noise.png", "--model", "../none.py:factory"), "there is no file ../none.py"),
        (("../noise.png", "--model", "../net.py:make"), "../net.py has no function make"),
        (("../noise.png", "--model", "../net.py:apply"), "net.py:apply: expected a function without arguments"),
        (("../noise.png", "--model", "../wrong.py:nothing"), "nothing() returns NoneType, which has no apply, params"),
        (("../noise.png", "--model", "../wrong.py:sized"), "image_size is (32, 32); expected the pixels of a side"),
        (
            ("../noise.png", "--model", "../wrong.py:wide"),
            "of pictures of image_size; it raises TypeError",
        ),
        (("../noise.png", "--model", "../wrong.py:few"), "class_names has 2 names, and the network 4 classes"),
        (
            ("../noise.png", "--model", "../wrong.py:one"),
            "class_names has 1 names, and the network 2 classes of a single logit, without it and with it",
        ),
        (
            ("../noise.png", "--model", "../wrong.py:cropped"),
            "preprocess crops a picture of image_size=40 (left, lower, right border), and the map is drawn over",
        ),
        (("../noise.png", "--model", "../wrong.py:named"), "class_names is {'0': 'red'}; expected a list of names"),
        (
            ("../noise.png", "--model", "../wrong.py:failing"),
            "expected preprocess to take a uint8 picture [32, 32, 3]; it raises AttributeError",
        ),
        (("../noise.png", "--model", "../wrong.py:whole"), "preprocess returns uint8 [32, 32, 3]; expected a floating"),
        (
            ("../noise.png", "--model", "../wrong.py:first"),
            "preprocess returns an image [3, 32, 32]; expected [h, w, c]",
        ),
        (("../out", *NET), "error: ../out is a folder; give the paths of pictures"),
        (("../none.png", "../no.png", *NET), "error: there is no ../none.png; there is no ../no.png"),
        (("../noise.png", "--device", "tpu"), "--device tpu: JAX finds none here"),
        (NET, "name the pictures to explain"),
    ],
)
def test_errors_are_one_line(folder, groupcam, arguments, message):
    code, _, errors = groupcam("explain", *arguments)
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors
    assert not [*folder.joinpath("out").iterdir()]


def test_several_methods_stand_side_by_side(folder, groupcam):
    chosen = several("grad-cam", "gradient", "group-cam", "gradient")
    code, out, errors = groupcam("explain", "../noise.png", *NET, *chosen, "--class", "red", "--class", "3", "--raw")
    assert (code, errors) == (0, "")
    order = ["compiled grad-cam", "compiled gradient", "compiled group-cam", "noise.png", "  grad-cam ", "  gradient "]
    assert sorted(order, key=out.index) == order
    assert out.count("compiled") == out.count("red_ball (") == out.count("grey (") == 3
    methods, kinds = ("grad-cam", "gradient", "group-cam"), ("npy", "json")
    maps = {f"noise-{method}-{label}.{kind}" for method in methods for label in (0, 3) for kind in kinds}
    assert {path.name for path in pathlib.Path().iterdir()} == {"noise-methods.png", *maps}
    with Image.open("noise-methods.png") as drawn:
        assert drawn.width > drawn.height > 300  # four panels beside each other, two above
    options = {method: json.loads(pathlib.Path(f"noise-{method}-3.json").read_text())["options"] for method in methods}
    layer = {"layer": repr(Layer("stem", data_format="NCHW"))}
    assert options == {"grad-cam": layer, "gradient": {}, "group-cam": {**layer, "groups": 4}}


def test_a_method_draws_the_same_map_alone_and_among_others(folder, groupcam):
    into = ("--raw", "--output", "maps/of today")  # folders that are not there yet
    groupcam("explain", "../noise.png", *NET[:2], *several("gradient", "grad-cam"), *into)
    (path,) = pathlib.Path("maps/of today").glob(
        "noise-grad-cam-*.npy"
    )  # of the class that the gradient's program predicts
    among_others = np.load(path)
    path.unlink()
    groupcam("explain", "../noise.png", *NET[:2], *several("grad-cam"), *into)
    np.testing.assert_allclose(np.load(path), among_others, atol=1e-5)


def test_methods_that_do_not_fit_the_network_are_left_out(folder, groupcam):
    gelu = FACTORY.replace("jax.nn.relu", "jax.nn.gelu")
    (folder / "gelu.py").write_text(textwrap.dedent(gelu))
    names = ("guided-backprop", "grad-cam", "deconvolution", "score-cam-fast")
    command = ("explain", "../noise.png", "--model", "../gelu.py:factory", "--raw", "--class", "1")
    code, out, errors = groupcam(*command, *several(*names))
    assert code == 0
    assert "left out score-cam-fast: channels=64" in errors
    assert "left out guided-backprop" in errors
    assert "deconvolution" in errors
    assert "Traceback" not in errors
    assert out.count("compiled") == 1
    assert sorted(path.name for path in pathlib.Path().iterdir()) == [
        "noise-grad-cam-1.json",
        "noise-grad-cam-1.npy",
        "noise-methods.png",
    ]
    code, _, errors = groupcam(*command, *several("guided-backprop", "score-cam-fast"))
    assert code == 2
    assert errors.count("left out") == 2
    assert "none of the methods fits ../gelu.py:factory" in errors


def test_all_stands_for_every_method():
    assert find_methods(["all"]) == [*METHODS]
    assert find_methods(["rise", "grad_cam", "rise"]) == ["rise", "grad-cam"]
    assert find_methods(["rise", "all", "cam"]) == ["rise", *(method for method in METHODS if method != "rise")]


def test_methods_are_listed_with_their_papers(groupcam):
    code, out, _ = groupcam("methods")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    starts = [number for number, line in enumerate(lines) if line[1] != " "]
    entries = {lines[i].split()[0]: lines[i:j] for i, j in itertools.pairwise([*starts[1:], len(lines)])}
    assert [*entries] == [*METHODS]
    for first, *others in entries.values():
        assert len(first.split()) > 3
        assert "arXiv:" in others[-1] or ", 20" in others[-1] or "pytorch-grad-cam" in others[-1]
    assert "Selvaraju et al., arXiv:1610.02391" in entries["grad-cam"][1]
    assert "(channels=64)" in "".join(entries["score-cam-fast"])
    assert "(target=finer(of=logit))" in "".join(entries["finer-cam"])
    assert "_batch" not in out


def test_a_terminal_shows_how_many_masks_are_scored(folder, groupcam, monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr("groupcam_jax.cli.explain.errors", terminal)
    code, out, errors = groupcam("explain", "../noise.png", *NET[:2], *several("score-cam", "gradient"))
    assert code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.file.getvalue())
    assert "compiling score-cam" in shown
    assert "32 masks" in shown
    assert re.search(r"gradient ━+ +0:00:", shown)
    assert "masks" not in out + errors


def test_stopped_between_methods_it_keeps_whole_maps(folder, groupcam, monkeypatch):
    def stopped(*arguments):
        yield next(explain_picture(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr("groupcam_jax.cli.series.explain_picture", stopped)
    chosen = several("gradient", "grad-cam")
    code, _, errors = groupcam("explain", "../noise.png", *NET[:2], *chosen, "--raw", "--class", "1")
    assert code == 130
    assert "stopped after 0 of 1 pictures" in errors
    assert sorted(path.name for path in pathlib.Path().iterdir()) == ["noise-gradient-1.json", "noise-gradient-1.npy"]
    assert np.load("noise-gradient-1.npy").shape == (32, 32)


def test_stopped_by_control_c_it_keeps_what_is_finished(folder):
    pictures = [str(folder / "noise.png")] * 2000
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # jobs in the background ignore it
    code = f"{heed}; from groupcam_jax.cli.main import main; main()"
    page = folder / "report.html"
    command = [sys.executable, "-c", code, "explain", *pictures, *NET, "--report", str(page)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        explained = (line for line in process.stdout if "explained in" in line)
        next(explained)
        next(explained)  # so that the first picture is on the page
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    (done,) = re.findall(r"stopped after (\d+) of 2000 pictures; their results are complete", errors)
    assert "Traceback" not in errors
    written = [*folder.joinpath("out").iterdir()]
    assert written
    for path in written:
        with Image.open(path) as drawn:
            drawn.load()
    assert page.read_text().endswith("</html>")
    assert page.read_text().count("<article") == int(done) > 0
    assert [*folder.glob(".*.part")] == []


@pytest.mark.parametrize(
    ("wanted", "label"), [("3", 3), ("tabby", 0), ("Tiger Cat", 1), ("tiger_cat", 1), ("TIGER", 1), ("cat", 4)]
)
def test_classes_by_part_of_their_name(wanted, label):
    assert find_label(["tabby", "tiger_cat", "dog", "cow", "cat"], wanted) == label


def test_a_class_that_is_called_by_a_number_is_found_by_it():
    sorted_as_folders = ["0", "1", "10", "2"]
    assert [find_label(sorted_as_folders, wanted) for wanted in ("2", "10", "3")] == [3, 2, 3]


def test_a_layer_of_the_command_line_keeps_the_layout_of_the_model():
    usual = Layer("stem", data_format="NCHW")
    assert chosen_layer("block", usual) == Layer("block", data_format="NCHW")
    assert chosen_layer("-2", usual) == Layer(-2, data_format="NCHW")
    assert chosen_layer("3", "stem") == Layer(3)


def test_results_of_pictures_with_one_name_stay_apart():
    sources = [pathlib.Path(name) for name in ("a/1.jpg", "b/1.jpg", "1~2.png", "c/1.png", "2.png")]
    found = result_names(sources, ["x", "y"])
    assert [names["x"] for names in found] == ["1-x", "1~2-x", "1~2~2-x", "1~3-x", "2-x"]
    assert [names["y"] for names in found] == ["1-y", "1~2-y", "1~2~2-y", "1~3-y", "2-y"]
    assert result_names(sources[:2], ["x"], "2") == [{"x": "1@2-x"}, {"x": "1~2@2-x"}]
    _, names = result_names(
        [pathlib.Path("a-smooth.jpg"), pathlib.Path("a.jpg")], ["grad-cam-pp", "smooth-grad-cam-pp"]
    )
    assert names == {"grad-cam-pp": "a~2-grad-cam-pp", "smooth-grad-cam-pp": "a~2-smooth-grad-cam-pp"}


def test_a_layer_is_told_by_the_end_of_its_name_and_apart_from_others():
    assert [*map(name_of_layer, ("-2", "layer4_2", "a.b"))] == ["-2", "layer4_2", "a.b"]
    deep = "FlaxResNetForImageClassificationModule/resnet/encoder/stages_3/layers_"
    others = ("a/b", "a b", "a-b", f"{deep}1", f"{deep}2", f"{deep}1".replace("/", "-"))
    names = [*map(name_of_layer, others)]
    assert len({*names}) == len(names)
    assert max(map(len, names)) == LAYER
    assert re.fullmatch(r".*-stages_3-layers_1-[0-9a-f]{6}", name_of_layer(f"{deep}1"))


def test_names_of_results_leave_room_for_what_follows():
    for names in result_names([pathlib.Path("é" * 120)] * 2, ["excitation-backprop-contrastive"], "l" * 99):
        (name,) = names.values()
        assert len(os.fsencode(name)) <= 132
        assert name.startswith("é" * 20)


def test_the_layer_stands_in_the_name_of_a_result(folder, groupcam):
    (folder / "net.py").write_text((folder / "net.py").read_text().replace('"stem"', '"stem/first"'))
    code, *_ = groupcam("explain", "../noise.png", *NET, "--layer", "stem/first", "--raw", "--class", "1")
    assert code == 0
    written = {path.name for path in folder.joinpath("out").iterdir()}
    assert written == {f"noise@{name_of_layer('stem/first')}-group-cam{end}" for end in (".png", "-1.npy", "-1.json")}


def test_pictures_of_all_kinds(tmp_path):
    turned = Image.new("RGB", (20, 10), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg", 8).pixels.shape == (20, 10, 3)
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK"):
        path = tmp_path / f"picture.{'jpg' if mode == 'CMYK' else 'png'}"
        Image.new(mode, (1, 1)).save(path)
        picture = read_picture(path, 8)
        assert picture.pixels.shape == (1, 1, 3)
        assert picture.resized.shape == (8, 8, 3)


def test_the_line_counts_the_masks_of_all_classes():
    bar = progress_line(Console(file=io.StringIO(), force_terminal=True), "masks", digits=0)
    progress = counted(functools.partial(score_cam), bar).keywords["progress"]
    with running(bar, "score-cam", classes=2):
        progress(16, 32)
        assert bar.tasks[0].total == 64
        for _ in range(3):
            progress(16, 32)
        assert bar.finished
        assert str(Counted("masks", digits=0).render(bar.tasks[0])).startswith("64 of 64 masks")
