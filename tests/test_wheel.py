"""What `pip install` brings works in the folders of other people's projects, whatever those are called."""

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest
from test_cli import FACTORY

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what the wheel holds, and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder / "wheels", ROOT], check=True)
    (wheel,) = (folder / "wheels").iterdir()
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def groupcam(installed, folder, *arguments):
    """Runs the installed command where the user's own folders are first on the path."""
    path = os.pathsep.join([str(folder), str(installed)])
    code = "from groupcam_jax.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def test_the_command_in_a_project_with_folders_of_the_same_names(installed, tmp_path):
    assert sorted(path.name for path in installed.iterdir() if path.is_dir() and "." not in path.name) == [
        "bin",
        "groupcam_jax",
        "pretrained",
    ]
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").write_text("")
    arguments = ["evaluate", "pointing-game", "--methods", "grad-cam", "--limit", "1", "--output", "results"]
    code, out, errors = groupcam(installed, tmp_path, *arguments)
    assert code == 0, errors
    assert "Pointing game" in out
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / "__init__.py").write_text("")
    (tmp_path / "net.py").write_text(textwrap.dedent(FACTORY))
    (tmp_path / "photo.ppm").write_bytes(b"P6 8 8 255 " + bytes(range(192)))
    own = ["explain", "photo.ppm", "--model", "net.py:factory", "--method", "grad-cam", "--report", "report.html"]
    code, out, errors = groupcam(installed, tmp_path, *own)
    assert code == 0, errors
    assert (tmp_path / "photo-grad-cam.png").exists()
    assert (tmp_path / "report.html").exists()
    code, out, errors = groupcam(installed, tmp_path, "explain", "photo.ppm", "--model", "resnet50")
    assert code == 2
    assert f"error: {tmp_path / 'pretrained' / '__init__.py'} hides the package pretrained that comes with" in errors
