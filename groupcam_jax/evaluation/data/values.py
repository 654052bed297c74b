"""What annotation files hold, read strictly: text, numbers, sizes."""

import json
import math
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """The text of an annotation file, in UTF-8 with or without a byte order mark.

    Raises:
      ValueError: it is in another encoding, or a pointer of Git LFS; the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is no text in UTF-8: {error}") from error
    if text.startswith("version https://git-lfs"):
        raise ValueError(f"{path}: is a pointer of Git LFS, not the file itself; run git lfs pull")
    return text


def read_json(text: str) -> Any:
    """Parses JSON.

    Raises:
      ValueError: it is malformed, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def require_object(value: Any) -> dict[str, Any]:
    """A record of named values.

    Raises:
      ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError(f"expected an object of JSON, got {value!r:.40}")
    return value


def number(value: object) -> float:
    """A finite number, also if it is written as a string.

    Raises:
      ValueError: it is none; `true` is none either.
    """
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool) and math.isfinite(float(value)):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"expected a number, got {value!r:.40}")


def four_numbers(value: object) -> list[float]:
    """The four numbers that a box is written as.

    Raises:
      ValueError: it is no list of four numbers.
    """
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"expected four numbers, got {value!r:.60}")
    return [number(side) for side in value]


def identifier(value: object) -> int | str:
    """What stands for a picture or a category: a number or text.

    Raises:
      ValueError: it is neither, or empty.
    """
    if not isinstance(value, int | str) or isinstance(value, bool) or value == "":
        raise ValueError(f"expected a number or text, got {value!r:.40}")
    return value


def whole(value: object) -> int:
    """A whole number from 0 on, also if it is written as `160.0` or as a string.

    Raises:
      ValueError: it is none.
    """
    if (found := number(value)) != int(found) or found < 0:
        raise ValueError(f"expected a whole number from 0 on, got {value!r:.40}")
    return int(found)


def picture_size(width: object, height: object) -> tuple[int, int] | None:
    """Width and height of a picture; None if the annotation has none, or zeros.

    Raises:
      ValueError: they are no whole numbers.
    """
    if width is None or height is None:
        return None
    size = whole(width), whole(height)
    return size if all(size) else None
