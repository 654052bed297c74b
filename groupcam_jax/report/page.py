"""Makes a page of explanations: one HTML file that asks nothing of the network and runs no script but its own."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import colormaps
from matplotlib.colors import to_hex

from groupcam_jax.files import whole_file
from groupcam_jax.plots import COLORS

COLORMAPS = (COLORS, "viridis", "cividis", "gray")  # the first as in figures; all are read by the colour-blind
STOPS = 16
OURS = b'<!DOCTYPE html>\n<meta name="generator" content="groupcam-jax">'


def page(
    title: str,
    cards: Sequence[Mapping[str, Any]],
    told: Mapping[str, str] | None = None,
    sections: Sequence[Any] = (),
) -> str:
    """The page of some explanations.

    Args:
      title: of the page.
      cards: from `Explained.card`.
      told: what else to say of the run, such as the name of the network.
      sections: what was measured, from `groupcam_jax.evaluation.section`; shown above the explanations.

    Returns:
      HTML. Names that come from outside are escaped, and a browser runs no script but the one whose hash it is told.
    """
    files = Environment(
        loader=PackageLoader("groupcam_jax.report", "template"), autoescape=True, undefined=StrictUndefined
    )
    scripts = ("page.js", "zoom.js", "measured.js") if sections else ("page.js", "zoom.js")
    script = "".join(files.get_template(name).render() for name in scripts)
    style = files.get_template("page.css").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    maps = [{name: value for name, value in card.items() if name != "picture"} for card in cards]  # it is in the HTML
    template = files.get_template("page.html")
    return template.render(
        title=title,
        cards=cards,
        data={"cards": maps, "colors": {name: stops(name) for name in COLORMAPS}},
        told=told or {},
        sections=sections,
        script=script,
        style=style,
        digest=digest,
    )


def stops(name: str) -> list[str]:
    """A colour map of Matplotlib at even steps, from low to high, as the page's script reads them."""
    return [to_hex(color)[1:] for color in colormaps[name](np.linspace(0, 1, STOPS))]


def check_replaceable(path: Path) -> None:
    """Makes the folder of a page, and refuses to replace what is not a page of ours.

    Raises:
      ValueError: there is a folder, or another file, of this name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise ValueError(f"--report {path}: this is a folder; name a file in it, such as {path / 'report.html'}")
    if path.exists():
        with path.open("rb") as file:
            if file.read(len(OURS)) != OURS:
                raise ValueError(f"--report {path}: this file is no report of groupcam; choose another name")


def write_page(path: Path, html: str) -> None:
    """Writes a page whole, or not at all."""
    with whole_file(path) as file:
        file.write(html.encode("utf-8", "backslashreplace"))  # names of files may be no text
