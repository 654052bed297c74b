"""What the documents show runs against the libraries that they name."""

import pathlib
import re

import jax
import pytest

PAGES = sorted((pathlib.Path(__file__).parents[1] / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("default")  # of other people's libraries
def test_the_blocks_of_a_page_run_one_after_the_other(page):
    namespace = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks:
            namespace.pop("saliency", None)
            exec(compile(block, str(page), "exec"), namespace)
            saliency = namespace.get("saliency")
            assert saliency is None or (saliency.max() == 1 and saliency.std() > 0.05), block
    assert len(blocks) >= 8
