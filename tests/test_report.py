"""The page of explanations, as a browser shows it: what is clicked, moved and read."""

import base64
import contextlib
import io
import json
import pathlib
import re
import shutil
import zlib

import jax
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from test_cli import NET, folder, groupcam  # noqa: F401
from typer.testing import CliRunner

from groupcam_jax.cli.evaluate import app
from groupcam_jax.evaluation.section import extremes
from groupcam_jax.evaluation.study import Ranking
from groupcam_jax.report import Explained, check_replaceable, write_page
from groupcam_jax.report.encode import picture_url
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


@contextlib.contextmanager
def watched(browser, file, title):
    """A page in a tab of its own, which must not complain, nor ask for anything else."""
    complaints, requests = [], []
    tab = browser.new_page(viewport={"width": 900, "height": 800})
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(file.as_uri())
    yield tab
    assert tab.title() == title
    assert complaints == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} <= {file.as_uri()}
    tab.close()


@pytest.fixture
def opened(browser, tmp_path):
    """A page of explanations with hostile names."""
    pixels = np.full((120, 160, 3), 200, np.uint8)
    told = {"grad-cam": [*MAPS], "blank": [np.zeros((3, 3)), np.full((3, 3), np.nan)]}
    explained = Explained(pixels, told, ["cat", HOSTILE], [0.7, 0.2], HOSTILE + "é" * 300, [("dog", 0.1)])
    file = tmp_path / "report.html"
    write_page(file, page("Explanations", [explained.card()], {"network": HOSTILE}))
    with watched(browser, file, "Explanations") as tab:
        expect(tab.locator("canvas").first).to_have_js_property("width", 160)
        yield tab


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A page of two experiments, as the command writes it."""
    results = tmp_path_factory.mktemp("measured")
    options = ["--methods", "grad-cam,centre", "--limit", "6", "--output", str(results)]
    for name in ("localization", "class-discrimination"):
        file = results / f"{name}.html"
        assert CliRunner().invoke(app, [name, *options, "--report", str(file)]).exit_code == 0
    return results


def pixels_of(tab):
    tab.wait_for_timeout(300)
    return tab.evaluate("document.querySelector('canvas').toDataURL()")


# Of every text that is shown: the contrast of its colour with the ground behind it, by WCAG 2.
CONTRASTS = """() => {
  const channels = (color) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return channels(getComputedStyle(document.documentElement).colorScheme === "dark" ? "#000" : "#fff");
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return [...document.body.querySelectorAll("*")].filter((e) => own(e) && e.checkVisibility()).map((element) => {
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [channels(color), ground(element)].map(luminance);
    return [element.textContent.trim().slice(0, 40), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""


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


def test_the_wheel_enlarges_what_is_under_it(opened):
    opened.click("article canvas")
    canvas = opened.locator("dialog canvas")
    before = canvas.bounding_box()
    x, y = before["x"] + (5 + 0.5) / 16 * before["width"], before["y"] + (3 + 0.5) / 12 * before["height"]
    opened.mouse.move(x, y)
    expect(opened.locator("dialog output")).to_contain_text(re.compile(r"x 5\d, y 3\d "))
    opened.mouse.wheel(0, -500)
    opened.mouse.move(x + 1, y)
    expect(opened.locator("dialog output")).to_contain_text(re.compile(r"x 5\d, y 3\d "))
    assert canvas.bounding_box()["width"] > 2 * before["width"]
    opened.mouse.wheel(0, 5000)
    assert canvas.bounding_box() == before


def test_arrow_keys_read_the_map(opened):
    opened.focus("article canvas")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Shift+ArrowUp")
    expect(opened.locator("#readout")).to_contain_text("x 83, y 59 (grad-cam)")
    assert abs(float(opened.inner_text("#readout").split()[0]) - MAPS[0, 5, 8]) <= 0.5 / 255 + 0.0005


def test_classes_that_are_not_explained_are_no_buttons(opened):
    assert opened.inner_text(".others") == "not explained: dog 10.0 %"


def test_an_evaluation_is_sorted_read_and_clicked(browser, measured):
    with watched(browser, measured / "localization.html", "Evaluation") as tab:
        names = tab.locator("tbody").first.locator("th")
        column = 1 + tab.locator("thead").first.locator("th").all_inner_texts().index(
            "box at 15 %, share of the picture"
        )
        shares = [float(text.split()[0]) for text in tab.locator(f"tbody tr td:nth-child({column})").all_inner_texts()]
        assert shares[0] < shares[1]  # Grad-CAM's boxes are smaller than that of the whole frame
        tab.click(f"thead th:nth-child({column}) button")
        assert names.all_inner_texts() == ["centre", "grad-cam"]
        tab.click(f"thead th:nth-child({column}) button")
        assert names.all_inner_texts() == ["grad-cam", "centre"]
        assert tab.locator("th[aria-sort]").all_inner_texts() == ["box at 15 %, share of the picture"]
        expect(tab.locator("#tip")).to_be_hidden()
        tab.locator(".curve use").nth(2).hover(force=True)
        expect(tab.locator("#tip")).to_contain_text(re.compile(r"grad-cam: \d\.\d+ .* at 0.15\ncentre: .* at 0.15"))
        tab.focus("[aria-label='centre']")
        tab.keyboard.press("ArrowRight")
        expect(tab.locator("#tip")).to_contain_text("at 0.05")
        tab.locator(".extremes a").first.click()
        expect(tab.locator("article:target")).to_be_in_viewport()
        score = tab.locator(".extremes img").first.get_attribute("alt").split()[-1]
        assert score in tab.inner_text("article:target figure:nth-of-type(2)")


def test_a_picture_is_explained_again_as_it_was_measured(measured):
    (data,) = re.findall(r'id="data">(.*?)</script>', (measured / "class-discrimination.html").read_text())
    card = json.loads(data)["cards"][0]
    number = card["anchor"].rpartition("-")[2]
    for place in range(2):
        shown = card["maps"]["grad-cam"][place]
        steps = np.frombuffer(zlib.decompress(base64.b64decode(shown["data"])), np.uint8).reshape(96, 96)
        levels = steps.cumsum(1, dtype=np.uint8).cumsum(0, dtype=np.uint8)
        kept = np.load(measured / "class-discrimination" / "maps" / "grad-cam" / f"{number}.npz")["maps"][place]
        assert abs(levels / 255 - kept).max() < 0.5 / 255 + 0.001


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_contrast_with_what_is_behind_them(browser, measured, opened, scheme):
    for tab in (opened, browser.new_page()):
        if tab is not opened:
            tab.goto((measured / "localization.html").as_uri())
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_timeout(100)
        found = tab.evaluate(CONTRASTS)
        assert len(found) > 10
        assert [one for one in found if one[1] < 4.5] == []


def test_extremes_are_no_picture_twice():
    rows = [{"v": value} for value in (0.3, None, 0.9, 0.1, 0.5, 0.7)]
    worst, best = extremes(rows, Ranking("v", lambda row: row["v"]))
    assert [[row["v"] for row in end] for end in (worst, best)] == [[0.1, 0.3], [0.9, 0.7]]
    worst, best = extremes(rows[:3], Ranking("v", lambda row: row["v"], -1))
    assert [[row["v"] for row in end] for end in (worst, best)] == [[0.9], [0.3]]
    assert extremes(rows[:1], Ranking("v", lambda row: row["v"])) == ([], [])


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


def test_colours_are_those_of_figures_unless_others_are_chosen(opened):
    for name, high in (("inferno", "252, 255, 164"), ("viridis", "253, 231, 37"), ("inferno", "252, 255, 164")):
        assert opened.input_value("#colors") == name
        assert f"rgb({high})" in opened.locator(".scale i").evaluate("bar => getComputedStyle(bar).backgroundImage")
        opened.select_option("#colors", "viridis" if name == "inferno" else "inferno")


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
    assert [[one["name"] for one in card["classes"]] for card in json.loads(data)["cards"]] == [
        ["red_ball", "Blue"]
    ] * 2
    pathlib.Path("page.html").write_text("my notes")
    code, _, errors = groupcam(*command)
    assert code == 2
    assert "is no report of groupcam" in errors
    assert pathlib.Path("page.html").read_text() == "my notes"
    with pytest.raises(ValueError, match="this is a folder"):
        check_replaceable(folder)


def test_a_page_that_is_stopped_while_it_is_written_leaves_the_last_one_whole(tmp_path):
    class Stopped(str):
        def encode(self, *_):
            raise KeyboardInterrupt

    write_page(tmp_path / "report.html", "whole")
    with pytest.raises(KeyboardInterrupt):
        write_page(tmp_path / "report.html", Stopped("half"))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "whole")]


def test_a_picture_takes_a_bounded_part_of_a_page():
    """However large the picture is, and whatever is on it: noise is what compresses worst."""
    noise = np.random.default_rng(0)
    maps = [noise.random((224, 224), np.float32)]
    sizes = [
        len(json.dumps(Explained(noise.integers(0, 256, (side, side, 3), np.uint8), {"rise": maps}, ["cat"]).card()))
        for side in (640, 1280)
    ]
    assert sizes[1] < 1.05 * sizes[0]


def test_a_notebook_shows_an_explanation_and_its_maps_stay_arrays():
    saliency = jax.numpy.asarray(MAPS[0])
    explained = Explained(np.zeros((8, 8, 3), np.uint8), {"grad-cam": [saliency]}, [HOSTILE])
    assert explained.maps["grad-cam"][0] is saliency
    assert explained._repr_html_().count("<") == 2  # the frame alone: all of the page is escaped in it
    assert len(explained.plot().axes) >= 3
    named = Explained(np.zeros((8, 8, 3), np.uint8), {"grad-cam": [saliency]}, ["red_ball"], [0.5]).plot()
    assert "red ball  50.0%" in [axes.get_title() for axes in named.axes]
    with pytest.raises(ValueError, match=r"expected a list of 1 maps"):
        Explained(np.zeros((8, 8, 3), np.uint8), {"grad-cam": MAPS}, ["cat"])
    with pytest.raises(ValueError, match=r"before it is preprocessed"):
        Explained(np.zeros((8, 8, 3), np.float32), {"grad-cam": [MAPS[0]]}, ["cat"])


def test_a_page_can_be_read_though_a_probability_is_nan():
    pixels, maps = np.zeros((8, 8, 3), np.uint8), {"grad-cam": [np.full((3, 3), np.nan)]}
    explained = Explained(pixels, maps, ["cat"], [np.nan], others=[("dog", np.nan), ("cow", 0.5)])
    written = page("Explanations", [explained.card()])
    (data,) = re.findall(r'id="data">(.*?)</script>', written)
    card = json.loads(data, parse_constant=pytest.fail)["cards"][0]
    assert [one["probability"] for one in (*card["classes"], *card["others"])] == [None, None, 0.5]
    assert "not explained: dog, cow 50.0 %" in written


def test_a_small_picture_is_kept_to_the_pixel():
    for side, exact in ((32, True), (400, False)):
        picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        shown = Image.open(io.BytesIO(base64.b64decode(picture_url(picture).partition(",")[2])))
        assert np.array_equal(np.asarray(shown), picture) == exact
