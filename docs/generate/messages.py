"""Every error and warning of the library by its text, found in the source: none can be missing."""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from generate.markdown import ROOT

WARNERS = {"warn", "warning"}
Texts = dict[str, ast.expr]  # what a name stands for, where that is a text


class Message(NamedTuple):
    """One message of the library.

    Attributes:
      text: as it is written, with names in braces for what is filled in.
      kind: the exception, or "warning".
      when: what the code was doing: the first sentence of the docstring nearest to it.
      path: the file, from the root of the repository.
    """

    text: str
    kind: str
    when: str
    path: str


def messages() -> list[Message]:
    """All messages of the packages, by file and line."""
    paths = sorted(path for package in ("groupcam_jax", "pretrained") for path in (ROOT / package).rglob("*.py"))
    trees = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}
    constants = {name: text for tree in trees.values() for name, text in _texts(tree.body).items() if name.isupper()}
    constants |= {name: text for tree in trees.values() for name, text in _returned(tree)}
    return [
        message._replace(path=path)
        for path, tree in trees.items()
        for message in _within(tree, ast.get_docstring(tree) or "", constants)
    ]


def _texts(statements: Iterable[ast.AST]) -> Texts:
    """The names that are assigned a text among the statements."""
    return {
        target.id: statement.value
        for statement in statements
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant | ast.JoinedStr | ast.IfExp)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def _returned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The functions that return a text, by name; of several texts the last."""
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr):
                yield function.name, node.value


def _within(node: ast.AST, told: str, texts: Texts) -> Iterator[Message]:
    """The messages under a node; `told` is the docstring nearest above it, `texts` what the names there stand for."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        told = ast.get_docstring(node) or told
        texts = {**texts, **_texts(ast.walk(node))}
    call, kind = None, ""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        call, kind = node.exc, ast.unparse(node.exc.func)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WARNERS:
        call, kind = node, "warning"
    written = [text for argument in call.args if (text := _text(argument, texts))] if call else []
    if written:
        yield Message(max(written, key=len), kind, " ".join(told.partition("\n\n")[0].split()), "")
    for child in ast.iter_child_nodes(node):
        yield from _within(child, told, texts)


def _text(node: ast.expr, texts: Texts) -> str:
    """A text as it is written, with what is filled in as code in braces."""
    if isinstance(node, ast.Name) and node.id in texts:
        return _text(texts[node.id], {})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in texts:
        return _text(texts[node.func.id], {})
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, texts) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        filled = _text(node.value, texts)
        return filled if filled.startswith("{") or isinstance(node.value, ast.Name) else f"{{{filled}}}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, texts) + _text(node.right, texts)
    return f"{{{ast.unparse(node)}}}"
