"""Where files are kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Returns the folder for downloads and compiled programs: `$GROUPCAM_CACHE`, else `~/.cache/groupcam_jax`.

    Raises:
      RuntimeError: the user has no home.
    """
    return Path(os.environ.get("GROUPCAM_CACHE") or "~/.cache/groupcam_jax").expanduser()
