"""Keeps how far the tests find ours from published outputs: `docs/agreement.md` is made of it.

GROUPCAM_AGREEMENT=experiments/results/agreement.jsonl python -m pytest tests/test_goldens.py tests/test_peer_goldens.py
"""

import json
import os
import pathlib


def keep(golden, method, **figures):
    """Appends a line for one output of a golden file, if GROUPCAM_AGREEMENT names a file."""
    if path := os.environ.get("GROUPCAM_AGREEMENT"):
        network = pathlib.Path(golden.zip.filename).stem
        line = {"network": network, "method": method, **{name: float(f"{one:.2g}") for name, one in figures.items()}}
        with open(path, "a") as file:
            file.write(json.dumps(line) + "\n")
