"""Figures: what is drawn where, and that nothing is cut off or drawn over something else."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from groupcam_jax.plots import MOST_METHODS, explanation_figure, methods_figure

RANDOM = np.random.default_rng(0)
NAMES = ["group-cam", "excitation-backprop-contrastive", *(f"grad-cam-elementwise{i}" for i in range(14))]
TITLES = ["Italian greyhound  99.9%", "Brabancon griffon of a long name, in two or three lines  0.1%"]


def draw(methods, titles, shape):
    maps = {name: RANDOM.random((len(titles), 4, 4)) for name in NAMES[:methods]}
    figure = methods_figure(RANDOM.integers(0, 256, (*shape, 3), np.uint8), maps, titles)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("titles", [TITLES[:1], TITLES])
@pytest.mark.parametrize(
    ("methods", "lines"), [(1, 1), (2, 1), (MOST_METHODS, 1), (MOST_METHODS + 1, 2), (2 * MOST_METHODS + 1, 3)]
)
def test_every_line_begins_with_the_picture(methods, lines, titles):
    figure = draw(methods, titles, (20, 30))
    *panels, bar = figure.axes
    assert len(panels) == (methods + lines) * len(titles)
    above = [axes.get_title().replace("\n", "") for axes in panels if axes.get_title()]
    assert sorted(above) == sorted(["picture"] * lines + NAMES[:methods])
    beside = [text.get_text().split() for axes in panels for text in axes.texts]
    assert beside == [title.split() for title in titles] * lines
    assert bar.get_ylabel() == "saliency"


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (10, 100), (100, 10)])
def test_nothing_is_cut_off_or_covered(shape):
    figure = draw(9, TITLES, shape)
    whole = figure.bbox
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_the_saliency_lies_on_the_picture():
    picture, overlay, _ = draw(1, TITLES[:1], (20, 30)).axes
    assert picture.images[0].get_array().shape == (20, 30, 3)
    grey, heat = overlay.images
    assert grey.get_array().shape == (20, 30)
    assert heat.get_array().shape == (4, 4)
    assert [*grey.get_extent()] == [*heat.get_extent()] == [0, 30, 20, 0]


def test_one_bright_pixel_does_not_leave_the_map_dark():
    saliency = np.full((40, 40), 0.1)
    saliency[0, 0] = 1
    maps = {"fine": [saliency], "blank": [np.zeros((40, 40))]}
    _, fine, blank, _ = methods_figure(np.zeros((20, 30, 3), np.uint8), maps, TITLES[:1]).axes
    assert fine.images[1].get_array().min() == 1
    assert blank.images[1].get_array().max() == 0


def test_a_notebook_shows_a_figure_without_pyplot():
    picture = np.zeros((20, 30, 3), np.uint8)
    for figure in (explanation_figure(picture, [np.eye(4)], TITLES[:1]), draw(1, TITLES[:1], (20, 30))):
        shown = Image.open(io.BytesIO(figure._repr_png_()))
        assert np.allclose(shown.size, figure.get_size_inches() * figure.dpi, atol=1)
