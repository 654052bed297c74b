"""Identifies code by what it says: comments, docstrings and layout do not count."""

import ast
import functools
import hashlib
from pathlib import Path

from groupcam_jax.bundled import bundled

ROOT = Path(__file__).parents[2]
DIGITS = 16
ENGINE = ("groupcam_jax.evaluation", "groupcam_jax.plots")  # for what it puts into a row, Experiment.version stands


def code_of(model: str) -> str:
    """Identifies the code of a network: of FILE.py:factory with all that it imports from its folder, or of a name."""
    path, colon, _ = model.rpartition(":")
    if not colon or path == "keras":
        return version_of(bundled("catalogue").module_of(model))
    file = Path(path).resolve()
    return _version([file], file.parent)


def version_of(*modules: str) -> str:
    """Identifies modules and all that they import of this library, but for the engine of experiments."""
    return _version([source(ROOT, name) for name in modules], ROOT)


def imported_from(root: Path, files: list[Path]) -> dict[str, str]:
    """The code of files and all that they import from below a folder, by the names of the modules."""
    found, left = dict[str, str](), [*files]
    while left:
        file = left.pop()
        name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if name not in found:
            found[name], imported = parsed(file, root)
            left += imported
    return found


def _version(files: list[Path], root: Path) -> str:
    """The shortened SHA-256 of files and all that they import from below a folder."""
    found = imported_from(root, files)
    texts = [f"{name}\n{found[name]}" for name in sorted(found) if not name.startswith(ENGINE)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:DIGITS]


@functools.cache
def parsed(file: Path, root: Path) -> tuple[str, list[Path]]:
    """The code of a file without its docstrings, and the files below the folder that it imports."""
    tree = ast.parse(file.read_bytes())
    imported = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return ast.unparse(tree), [one for name in imported if (one := source(root, name)).exists()]


def source(root: Path, name: str) -> Path:
    """The file that a module below a folder has, if it is one."""
    file = root.joinpath(*name.split("."))
    return file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
