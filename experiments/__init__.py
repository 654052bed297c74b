"""The tables and figures of the papers, measured with this library: a file for each, whose docstring is the page."""
