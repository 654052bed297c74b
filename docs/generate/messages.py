"""Every error and warning of the library by its text, found in the source: none can be missing."""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from generate.markdown import ROOT

# The parts of the library that a message can come from, most specific first, and what to do about any of its messages.
PARTS = {
    "groupcam_jax/checks.py": (
        "Arguments of an explainer",
        "An image, a label, a key or a number is not what the method takes. The message says what it expected: change "
        "the call. A batch of images is `jax.vmap(explain)(images)`.",
    ),
    "groupcam_jax/types.py": (
        "A layer",
        "The `Layer` contradicts itself. Most models need none: leave `layer` out, or name a scope of `list_layers`.",
    ),
    "groupcam_jax/program": (
        "The model and its layers",
        "The traced program of the model cannot be explained as it was asked. Print "
        "`list_layers(model.apply, model.params, image.shape)` and choose a layer of it; see "
        "[Which layer?](layers.md). "
        "If the model returns something else than logits, [Your own model](models.md) shows what to write.",
    ),
    "groupcam_jax/metrics": (
        "Measures",
        "A measure was given a map, a mask or a box of another shape or range, or an option out of its range.",
    ),
    "groupcam_jax/stages": (
        "Groups, baselines and masks",
        "An option of a stage of Group-CAM is out of its range, or a baseline returned no image.",
    ),
    "groupcam_jax/families": (
        "Options that families of methods share",
        "An option is out of its range, or an extra is not installed: the message has the command.",
    ),
    "groupcam_jax/explainers": (
        "Options of a method",
        "The option is out of its range for this method or this model; the reference lists what each takes. Where a "
        "method does not fit the model, [Which method?](methods.md) has others.",
    ),
    "groupcam_jax/evaluation/data": (
        "Data sets",
        "The folder, the annotations or a picture are not as their layout has them. The file and the place in it are "
        "named. Pictures that cannot be used are left out and counted; they stop nothing.",
    ),
    "groupcam_jax/evaluation": (
        "Evaluations",
        "A run of `groupcam evaluate` cannot begin, or go on, in this folder. Nothing that was measured is deleted: "
        "choose another `--output`, or change the option that is named.",
    ),
    "groupcam_jax/training": (
        "Fine-tuning",
        "A run of `groupcam fine-tune` cannot begin or go on. Checkpoints stay as they are; the same command goes on.",
    ),
    "groupcam_jax/pictures": (
        "Pictures",
        "A picture cannot be read, or its range of values cannot be told. Other pictures of the command are explained.",
    ),
    "groupcam_jax": (
        "The command line, and the rest of the library",
        "An option of `groupcam` names something that is not there. The message lists what there is.",
    ),
    "pretrained/fetching": (
        "Downloads",
        "Weights could not be downloaded, or are not those that were asked for. `--weights FILE` takes a file of your "
        "own; [Offline](offline.md) says where each download is kept.",
    ),
    "pretrained/torch_files": (
        "Files of weights",
        "The file is damaged, or something else than a state dict. Nothing in it was run. Save the weights anew: "
        "`torch.save(model.state_dict(), file)`, or as safetensors.",
    ),
    "pretrained": (
        "Networks and their weights",
        "The weights do not fit the network, or a package with them is not installed. Missing and unexpected names "
        "are listed with their shapes.",
    ),
}
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


def part_of(path: str) -> str:
    """The part of the library that a file belongs to, a key of PARTS."""
    return next(part for part in PARTS if path == part or path.startswith(f"{part}/"))


def messages_page() -> str:
    """The messages in sections by part."""
    found = messages()
    sections = []
    for part, (title, remedy) in PARTS.items():
        entries = [_entry(message) for message in found if part_of(message.path) == part]
        if entries:
            sections += [f"### {title}", remedy, *entries]
    return "\n\n".join(sections)


def _entry(message: Message) -> str:
    text = message.text.replace("```", "'''")
    return (
        f":::{{admonition}} {message.kind}\n:class: message\n```text\n{text}\n```\n{message.when} `{message.path}`\n:::"
    )


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
