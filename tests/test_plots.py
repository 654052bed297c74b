"""Figures: what is drawn where, and that nothing is cut off or drawn over something else."""

import dataclasses
import io
import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib import rc_context
from PIL import Image

from groupcam_jax.plots import MOST_METHODS, explanation_figure, methods_figure
from groupcam_jax.report import Explained

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


@pytest.mark.parametrize(
    "drawn", [explanation_figure, lambda picture, maps, titles: methods_figure(picture, {"a$x$": maps}, titles)]
)
def test_names_are_drawn_as_they_are_and_over_nothing_else(drawn):
    titles = ["cost $5 to $9  1.0%", r"$\frac$", f"{'a name as long as those of ImageNet, ' * 3}\u2026"]
    figure = drawn(np.zeros((20, 30, 3), np.uint8), [np.eye(4)] * 3, titles)
    figure.draw_without_rendering()
    texts = [text for axes in figure.axes for text in (axes.title, *axes.texts) if text.get_text()]
    assert {*titles} <= {text.get_text().replace("\n", " ") for text in texts}
    assert not any(text.get_parse_math() for text in texts)
    for one, other in itertools.combinations([text.get_window_extent() for text in texts], 2):
        assert not one.overlaps(other)


@pytest.mark.parametrize("kind", [np.float16, np.bool_, np.int32, jnp.bfloat16])
def test_maps_of_any_type_are_drawn(kind):
    explained = Explained(np.zeros((20, 30, 3), np.uint8), {"a": [jnp.eye(4, dtype=kind)]}, TITLES[:1])
    for one in (explained, dataclasses.replace(explained, maps={**explained.maps, "b": [np.eye(4).astype(kind)]})):
        one.plot().draw_without_rendering()


def test_what_matplotlib_is_configured_to_do_turns_nothing_over():
    with rc_context({"image.origin": "lower"}):
        picture = np.zeros((20, 30, 3), np.uint8)
        for figure in (explanation_figure(picture, [np.eye(4)], TITLES[:1]), draw(1, TITLES[:1], (20, 30))):
            images = [image for axes in figure.axes for image in axes.images]
            assert len(images) >= 3
            assert {image.origin for image in images} == {"upper"}
            assert all(axes.yaxis_inverted() for axes in figure.axes if axes.images)


def test_a_notebook_shows_a_figure_without_pyplot():
    picture = np.zeros((20, 30, 3), np.uint8)
    for figure in (explanation_figure(picture, [np.eye(4)], TITLES[:1]), draw(1, TITLES[:1], (20, 30))):
        shown = Image.open(io.BytesIO(figure._repr_png_()))
        assert np.allclose(shown.size, figure.get_size_inches() * figure.dpi, atol=1)
