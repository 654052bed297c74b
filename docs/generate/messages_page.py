"""The page of all messages, in sections by the part of the library that they come from."""

from generate.messages import Message, messages
from generate.remedies import remedy

PARTS = {  # folders and files, most specific first
    "groupcam_jax/checks.py": "Arguments of an explainer",
    "groupcam_jax/types.py": "A layer",
    "groupcam_jax/program": "The model and its layers",
    "groupcam_jax/metrics": "Measures",
    "groupcam_jax/stages": "Groups, baselines and masks",
    "groupcam_jax/families": "Options that families of methods share",
    "groupcam_jax/explainers": "Options of a method",
    "groupcam_jax/evaluation/data": "Data sets",
    "groupcam_jax/evaluation": "Evaluations",
    "groupcam_jax/training": "Fine-tuning",
    "groupcam_jax/pictures": "Pictures",
    "groupcam_jax": "The command line, and the rest of the library",
    "pretrained/fetching": "Downloads",
    "pretrained/torch_files": "Files of weights",
    "pretrained": "Networks and their weights",
}


def part_of(path: str) -> str:
    """The part of the library that a file belongs to, a key of PARTS."""
    return next(part for part in PARTS if path == part or path.startswith(f"{part}/"))


def messages_page() -> str:
    """The messages in sections by part, each with what to do where its text does not tell."""
    found = messages()
    sections = []
    for part, title in PARTS.items():
        entries = [_entry(message) for message in found if part_of(message.path) == part]
        if entries:
            sections += [f"### {title}", *entries]
    return "\n\n".join(sections)


def _entry(message: Message) -> str:
    text, told = message.text.replace("```", "'''"), remedy(message.path, message.text)
    return (
        f":::{{admonition}} {message.kind}\n:class: message\n```text\n{text}\n```\n"
        + (f"**{told}**\n\n" if told else "")
        + f"{message.when} `{message.path}`\n:::"
    )
