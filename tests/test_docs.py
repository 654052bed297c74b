"""What the documents show runs against the libraries that they name."""

import pathlib
import re

import jax
import pytest

import groupcam_jax
from groupcam_jax import metrics, report

DOCS = pathlib.Path(__file__).parents[1] / "docs"
# Pages and how many blocks they have at least; notebooks run when the pages are built.
PAGES = {"models": 8, "options": 4, "methods": 3, "measures": 3, "fine_tuning": 2}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("default")  # of other people's libraries
def test_the_blocks_of_a_page_run_one_after_the_other(page):
    namespace = {}
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / f"{page}.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks:
            namespace["saliency"] = None if page == "models" else namespace.get("saliency")
            exec(compile(block, page, "exec"), namespace)
            saliency = namespace["saliency"]
            assert page != "models" or saliency is None or (saliency.max() == 1 and saliency.std() > 0.05), block
    assert len(blocks) >= PAGES[page]


def test_the_reference_lists_every_public_name():
    listed = set(re.findall(r"^   (\w+)$", (DOCS / "reference.md").read_text(), flags=re.MULTILINE))
    public = {
        name for module in (groupcam_jax, metrics, report) for name, thing in vars(module).items() if callable(thing)
    }
    assert public | {"explanation_figure", "methods_figure"} <= listed
    assert "group_cam" in public


def test_every_error_is_among_the_messages(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from generate.messages import messages
    from generate.messages_page import part_of

    found = messages()
    assert {part_of(message.path) for message in found} >= {"groupcam_jax/checks.py", "pretrained/torch_files"}
    for file in (DOCS.parent / "groupcam_jax").rglob("*.py"):
        path = file.relative_to(DOCS.parent).as_posix()
        raised = len(re.findall(r"^ +raise \w+\(", file.read_text(), flags=re.MULTILINE))
        assert raised <= sum(message.path == path for message in found), path


def test_every_message_is_followed_by_what_to_do(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from generate.messages import messages
    from generate.remedies import REMEDIES, SAYING, remedy

    told = {message: remedy(message.path, message.text) for message in messages()}
    assert [message for message in told if told[message] is None and not SAYING.search(message.text)] == []
    assert set(REMEDIES) - set(told.values()) == set(), "remedies of messages that are gone"
