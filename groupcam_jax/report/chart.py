"""A figure of Matplotlib as part of a page: its texts stay text, and the points of its curves say their values.

A curve tells what to say in its `gid`, a list in JSON: its name, then a text for each of its points.
"""

import base64
import io
import json
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from groupcam_jax.report.encode import webp_url

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def chart(name: str, figure: Figure) -> str:
    """The figure as an SVG element; black becomes the page's own colour of text, for light pages and dark ones.

    Args:
      name: what readers who see nothing are told.
      figure: as it is written to a PNG.
    """
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(file.getvalue())
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for group in root.iter(f"{{{SVG}}}g"):
        told = group.attrib.pop("id", "")
        if told.startswith("["):
            tell(group, *json.loads(told))
    for image in root.iter(f"{{{SVG}}}image"):
        png = base64.b64decode(image.attrib[f"{{{XLINK}}}href"].removeprefix("data:image/png;base64,"))
        image.attrib[f"{{{XLINK}}}href"] = webp_url(Image.open(io.BytesIO(png)))
    width = root.attrib.pop("width").removesuffix("pt")
    del root.attrib["height"]
    root.attrib |= {"role": "img", "aria-label": name, "style": f"max-width: {1.4 * float(width):.0f}px"}
    return ElementTree.tostring(root, "unicode").replace("#000000", "currentColor")


def tell(curve: ElementTree.Element, name: str, *texts: str) -> None:
    """Lets the keyboard reach a curve, and gives a title to each of its points."""
    curve.attrib |= {"class": "curve", "tabindex": "0", "role": "img", "aria-label": name}
    for point, text in zip(curve.iter(f"{{{SVG}}}use"), texts, strict=True):
        ElementTree.SubElement(point, f"{{{SVG}}}title").text = text
