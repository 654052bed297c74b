"""What the README shows, and the commands of the pages that it names, run when they are pasted."""

import json
import pathlib
import re
import shlex
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image
from test_cli import FACTORY

from groupcam_jax.cli.main import main

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = "README.md", "docs/command_line.md", "docs/fine_tuning.md"


def blocks(language, page="README.md"):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def test_python_blocks_run_one_after_the_other():
    namespace = {}
    assert len(blocks("python")) == 3
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    assert namespace["saliency"].shape == (224, 224)


def test_commands_run(tmp_path, monkeypatch):
    names = '["tabby", "tiger cat", "dog", "house"]'
    factory = textwrap.dedent(FACTORY).replace('["red_ball", "green ball", "Blue", "grey"]', names)
    (tmp_path / "my_model.py").write_text(factory)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)).save(tmp_path / "photo.jpg")
    (tmp_path / "FOLDER" / "images").mkdir(parents=True)
    with (tmp_path / "FOLDER" / "boxes.jsonl").open("w") as file:
        for label, category in {3: "house", 0: "tabby"}.items():
            Image.new("RGB", (50, 50), (60 * label, 0, 0)).save(tmp_path / "FOLDER" / "images" / f"{category}.jpg")
            box = {"id": category, "label": label, "name": category, "boxes_xyxy": [[10, 10, 39, 39]]}
            file.write(f"{json.dumps(box)}\n")
    shown = [block for page in COMMANDS for block in blocks("bash", page)]
    lines = [line for block in shown for line in block.splitlines() if line.startswith("groupcam")]
    # ImageNet is not for tests; all experiments are a step of their own in .ci/run.
    lines = [line for line in dict.fromkeys(lines) if "imagenet2012" not in line and "evaluate all" not in line]
    assert len(lines) == 11
    monkeypatch.chdir(tmp_path)
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        with pytest.raises(SystemExit) as exit_:
            main()
        assert not exit_.value.code, line
    assert (tmp_path / "chelsea-group-cam.png").exists()
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "evaluation.html").exists()
    assert len([*tmp_path.glob("maps/*.npy")]) == 2
    assert (tmp_path / "mine" / "pointing-game" / "table.md").exists()


def test_the_two_lines_of_set_up_are_there():
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("pip")]
    assert lines == ['pip install ".[cli]" && groupcam explain', 'pip install -e ".[test]" && pytest']
