"""The page of explanations, as a browser shows it: what is clicked, moved and read."""

import json
import pathlib
import re
import shutil

import jax
import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright
from test_cli import NET, folder, groupcam  # noqa: F401

from groupcam_jax.report import Explained, check_replaceable, write_page
from groupcam_jax.report.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = """</script><script>document.title = "run"</script>'"><img src=x onerror="document.title = 'run'">"""
MAPS = np.random.default_rng(0).random((2, 12, 16), np.float32)


@pytest.fixture(scope="module")
def browser():
    """A headless browser of the system."""
    if CHROMIUM is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=60_000)
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """A page with hostile names; the test fails if it complains, or asks for anything else."""
    pixels = np.full((120, 160, 3), 200, np.uint8)
    told = {"grad-cam": [*MAPS], "blank": [np.zeros((3, 3)), np.full((3, 3), np.nan)]}
    explained = Explained(pixels, told, ["cat", HOSTILE], [0.7, 0.2], HOSTILE + "é" * 300, [("dog", 0.1)])
    file, complaints, requests = tmp_path / "report.html", [], []
    write_page(file, page("Explanations", [explained.card()], {"network": HOSTILE}))
    tab = browser.new_page(viewport={"width": 900, "height": 800})
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(file.as_uri())
    expect(tab.locator("canvas").first).to_have_js_property("width", 160)
    yield tab
    assert tab.title() == "Explanations"
    assert complaints == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    tab.close()


def pixels_of(tab):
    tab.wait_for_timeout(300)
    return tab.evaluate("document.querySelector('canvas').toDataURL()")


def test_slider_class_and_zoom_by_mouse_and_keyboard(opened):
    first = pixels_of(opened)
    opened.focus("#blend")
    opened.keyboard.press("ArrowRight")
    moved = pixels_of(opened)
    assert moved != first
    opened.click("[data-class='1']")
    other = pixels_of(opened)
    assert other != moved
    assert opened.get_attribute("[data-class='1']", "aria-pressed") == "true"
    opened.keyboard.press("1")
    assert pixels_of(opened) == moved
    opened.focus("article canvas")
    opened.keyboard.press("Enter")
    assert opened.is_visible("dialog canvas")
    opened.keyboard.press("Escape")
    assert not opened.is_visible("dialog canvas")


@pytest.mark.parametrize("which", [0, 1])
def test_the_value_under_the_pointer_is_that_of_the_map(opened, which):
    opened.click(f"[data-class='{which}']")
    box = opened.locator("article canvas").first.bounding_box()
    for row, column in ((0, 0), (5, 9), (11, 15)):
        x, y = (column + 0.5) / 16 * box["width"], (row + 0.5) / 12 * box["height"]
        opened.mouse.move(box["x"] + x, box["y"] + y)
        place = rf"x {column}?[456], y {row}?[456] "  # of 10 pixels a cell; the pointer moves by whole ones
        expect(opened.locator("#readout")).to_contain_text(re.compile(place.replace("0?", "")))
        value = float(opened.inner_text("#readout").split()[0])
        assert abs(value - MAPS[which, row, column]) <= 0.5 / 255 + 0.0005


def test_maps_that_say_nothing_are_not_drawn_as_if_they_did(opened):
    opened.wait_for_timeout(300)
    assert "the same everywhere" in opened.inner_text("figure:last-of-type")
    opened.click("[data-class='1']")
    opened.wait_for_timeout(300)
    assert "not finite" in opened.inner_text("figure:last-of-type")


def test_the_command_writes_one_file_and_replaces_only_its_own(folder, groupcam):  # noqa: F811
    command = ("explain", "../noise.png", "../grey.jpg", *NET, "--class", "0", "--class", "2", "--report", "page.html")
    for _ in range(2):
        code, out, _ = groupcam(*command)
        assert code == 0
        assert "report of 2 pictures: page.html" in out
    written = pathlib.Path("page.html").read_text()
    (data,) = re.findall(r'id="data">(.*?)</script>', written)
    assert [[one["name"] for one in card["classes"]] for card in json.loads(data)] == [["red_ball", "Blue"]] * 2
    pathlib.Path("page.html").write_text("my notes")
    code, _, errors = groupcam(*command)
    assert code == 2
    assert "is no report of groupcam" in errors
    assert pathlib.Path("page.html").read_text() == "my notes"
    with pytest.raises(ValueError, match="this is a folder"):
        check_replaceable(folder)


def test_a_notebook_shows_an_explanation_and_its_maps_stay_arrays():
    saliency = jax.numpy.asarray(MAPS[0])
    explained = Explained(np.zeros((8, 8, 3), np.uint8), {"grad-cam": [saliency]}, [HOSTILE])
    assert explained.maps["grad-cam"][0] is saliency
    assert explained._repr_html_().count("<") == 2  # the frame alone: all of the page is escaped in it
    assert len(explained.plot().axes) >= 3
    with pytest.raises(ValueError, match=r"expected a list of 1 maps"):
        Explained(np.zeros((8, 8, 3), np.uint8), {"grad-cam": MAPS}, ["cat"])
    with pytest.raises(ValueError, match=r"before it is preprocessed"):
        Explained(np.zeros((8, 8, 3), np.float32), {"grad-cam": [MAPS[0]]}, ["cat"])
