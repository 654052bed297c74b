"""The table and figures of a comparison.

    table.md         after the last epoch: the mean of each arm over its seeds, and what it gains over "plain"
    accuracy.png     accuracy by epoch, the paper's figure 7
    maps.png         Group-CAM of the same pictures as the training goes on, the paper's figure 8

A gain is of networks of the same seed, with a 95 % interval (Student's t): n is small.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from experiments.fine_tuning.arms import ARMS
from experiments.fine_tuning.tasks import Task
from experiments.fine_tuning.train import DRAWN, DRAWN_AFTER, spaced
from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.records import read_rows
from groupcam_jax.files import whole_file
from groupcam_jax.plots import draw_overlay, write_figure

NOT_COLUMNS = ("arm", "seed", "epoch", "loss")


def write_figures(folder: Path, task: Task) -> None:
    """Writes all three into the folder of a run."""
    rows = read_rows(folder / "epochs.jsonl")
    write_figure(folder / "accuracy.png", accuracy_figure(rows))
    maps = [folder / f"maps-{'group-cam-' if epoch else ''}{epoch}.npz" for epoch in DRAWN_AFTER]
    if all(file.exists() for file in maps):
        name = [*task.tests][-1]
        pictures = spaced(task.tests[name].images, DRAWN)
        shown = [np.load(file)[name].astype(np.float32) for file in maps]
        write_figure(folder / "maps.png", maps_figure(pictures, shown))
    with whole_file(folder / "table.md") as file:
        file.write(table(rows, json.loads((folder / "before.json").read_text())).encode())


def table(rows: list[dict[str, Any]], before: dict[str, float]) -> str:
    """The last epoch as a table in Markdown, in per cent."""
    last = max(row["epoch"] for row in rows)
    ends = {(row["arm"], row["seed"]): row for row in rows if row["epoch"] == last}
    arms = [arm for arm in ARMS if any(arm == trained for trained, _ in ends)]
    columns = [name for name in next(iter(ends.values())) if name not in NOT_COLUMNS]
    lines = [["", *(f"{arm} (n = {sum(arm == trained for trained, _ in ends)})" for arm in arms), "before"]]
    lines.append(["---"] * len(lines[0]))
    for column in columns:
        found = f"{100 * before[column]:.1f}" if column in before else ""
        lines.append([column, *(cell(ends, arm, column) for arm in arms), found])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(ends: dict[tuple[str, int], dict[str, Any]], arm: str, column: str) -> str:
    """The mean of an arm, and its gain over the plain networks of the same seeds with its interval."""
    seeds = sorted(seed for trained, seed in ends if trained == arm)
    mean = f"{100 * np.mean([ends[arm, seed][column] for seed in seeds]):.1f}"
    paired = [
        100 * (ends[arm, seed][column] - ends["plain", seed][column]) for seed in seeds if ("plain", seed) in ends
    ]
    if arm == "plain" or not paired:
        return mean
    if len(paired) == 1:
        return f"{mean} ({paired[0]:+.1f})"
    gain, reach = np.mean(paired), stats.t.ppf(0.975, len(paired) - 1) * stats.sem(paired)
    return f"{mean} ({gain:+.1f}, {gain - reach:+.1f} to {gain + reach:+.1f})"


def accuracy_figure(rows: list[dict[str, Any]]) -> Figure:
    """Accuracy by epoch, a panel for each test."""
    epochs = sorted({row["epoch"] for row in rows})
    by_run = {(row["arm"], row["seed"], row["epoch"]): row for row in rows}
    arms = [arm for arm in ARMS if any(row["arm"] == arm for row in rows)]
    panels = {}
    for test in (name for name in rows[0] if name.startswith("right ") and "val" not in name):
        curves = {}
        for arm in arms:
            seeds = sorted({row["seed"] for row in rows if row["arm"] == arm})
            curves[arm] = np.array([[100 * by_run[arm, seed, epoch][test] for epoch in epochs] for seed in seeds])
        panels[test.removeprefix("right ").replace("_", ", ")] = Panel(epochs, "epoch", "right, per cent", curves)
    return curves_figure(panels)


def maps_figure(pictures: np.ndarray, maps: list[np.ndarray]) -> Figure:
    """Pictures, and their maps over them after some epochs, a row for each."""
    figure = Figure(figsize=(1.9 * (1 + len(maps)), 1.9 * len(pictures) + 0.3), dpi=120, layout="constrained")
    grid = figure.subplots(len(pictures), 1 + len(maps), squeeze=False)
    titles = ["picture", "before", *(f"epoch {epoch}" for epoch in DRAWN_AFTER[1:])]
    for row, (axes, picture) in enumerate(zip(grid, pictures, strict=True)):
        axes[0].imshow(picture)
        for one, found in zip(axes[1:], maps, strict=True):
            draw_overlay(one, picture, found[row])
        for one, title in zip(axes, titles, strict=True):
            one.set_axis_off()
            if row == 0:
                one.set_title(title, fontsize=11)
    return figure
