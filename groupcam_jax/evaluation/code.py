"""Identifies code by what it says: comments, docstrings and layout do not count."""

import ast
import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIGITS = 16
ENGINE = ("groupcam_jax.evaluation", "groupcam_jax.plots")  # for what it puts into a row, Experiment.version stands


def version_of(*modules: str) -> str:
    """The shortened SHA-256 of modules and all that they import of this library, but for the engine of experiments."""
    found, left = set(), [*modules]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += parsed(name)[1]
    texts = [f"{name}\n{parsed(name)[0]}" for name in sorted(found) if not name.startswith(ENGINE)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:DIGITS]


@functools.cache
def parsed(name: str) -> tuple[str, list[str]]:
    """The code of a module of this library, without its docstrings, and the modules that it imports from there."""
    tree = ast.parse(source(name).read_bytes())
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return ast.unparse(tree), [one for one in imported if source(one).exists()]


def source(name: str) -> Path:
    """The file that a module of this library has, if it is one."""
    file = ROOT.joinpath(*name.split("."))
    return file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
