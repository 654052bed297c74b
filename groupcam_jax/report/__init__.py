"""Explanations that one clicks through: a page for a browser, in one file, and the same in a notebook."""

from groupcam_jax.report.explained import Explained as Explained
from groupcam_jax.report.page import check_replaceable as check_replaceable
from groupcam_jax.report.page import write_page as write_page
