"""How Sphinx builds these pages: `pip install ".[docs]" && sphinx-build -W docs docs/_build`."""

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import GENERATED  # noqa: E402
from generate.definitions import add_definition  # noqa: E402

project = "groupcam_jax"
author = copyright = "the authors of groupcam_jax"
release = metadata.version("groupcam-jax")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "sphinx_book_theme"
html_title = "groupcam_jax"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_extra_path = ["llms.txt"]
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
}

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # a notebook that has not changed is not run again
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_typehints = "none"  # the docstrings give shapes and ranges
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
default_role = "literal"  # `x` in a docstring is code, as in Markdown
copybutton_exclude = ".linenos, .gp"


def insert_generated(app, name, source):
    """Puts what is generated in the place of each `<!-- generated: NAME -->` of a page."""
    del app, name
    for kind, make in GENERATED.items():
        mark = f"<!-- generated: {kind} -->"
        if mark in source[0]:
            source[0] = source[0].replace(mark, make())


def setup(app):
    """Connects what these pages add to Sphinx."""
    app.connect("source-read", insert_generated)
    app.connect("autodoc-process-docstring", add_definition)
