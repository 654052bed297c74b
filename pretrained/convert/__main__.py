"""The command line `python -m pretrained.convert in.pth out.safetensors`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from pretrained.torch_files.state_dict import read_state_dict, write_safetensors


def main(arguments: Sequence[str] | None = None) -> None:
    """Converts a `.pth` file to `.safetensors`: the command line."""
    parser = argparse.ArgumentParser(prog="python -m pretrained.convert", description=main.__doc__)
    parser.add_argument("source", metavar="in.pth", type=Path, help="a PyTorch state dict, zip or legacy")
    parser.add_argument("target", metavar="out.safetensors", type=Path)
    parser.add_argument("--state-dict", metavar="NAME", help="which, in a file that has several: state_dict_ema")
    parser.add_argument("--force", action="store_true", help="replace out.safetensors")
    options = parser.parse_args(arguments)
    if options.target.suffix != ".safetensors":
        parser.error(f"{options.target}: expected a name that ends in .safetensors")
    try:
        if options.target.exists() and os.path.samefile(options.source, options.target):
            parser.error(f"{options.target} is the input itself; give the output another name")
        if options.target.exists() and not options.force:
            parser.error(f"{options.target} exists; --force replaces it")
        state_dict = read_state_dict(options.source, options.state_dict)
        write_safetensors(options.target, state_dict)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{options.target}: {len(state_dict)} tensors, {options.target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
