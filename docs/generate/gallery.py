"""The gallery: a card for each method with its picture, drawn by `experiments.gallery`."""

from generate.markdown import ROOT
from groupcam_jax.cli.catalogue import describe
from groupcam_jax.methods import METHODS


def gallery() -> str:
    """Cards in the order of the command line; methods without a picture are named below."""
    drawn = [name for name in METHODS if (ROOT / "docs" / "gallery" / f"{name}.jpg").exists()]
    rest = ", ".join(f"`{name}`" for name in METHODS if name not in drawn)
    cards = "\n".join(_card(name) for name in drawn)
    return f"::::{{grid}} 1 2 3 4\n:gutter: 2\n\n{cards}\n::::\n\nNot drawn, for they do not fit this network: {rest}."


def _card(name: str) -> str:
    told, paper = describe(METHODS[name])
    return (
        f":::{{grid-item-card}} {name}\n:img-top: gallery/{name}.jpg\n"
        f":img-alt: {name}, above for Egyptian cat, below for espresso\n{told} ({paper}).\n:::"
    )
