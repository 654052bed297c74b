"""Fetches a published file once into a cache folder.

It is downloaded as NAME.part, checked against its known hash, and only then renamed: a file under its own name in the
cache is complete. An interrupted download keeps its part and resumes from there the next time. What a server sends from
the start all the same, be it the file or the page of a login, goes to NAME.part.new, and takes nothing from the part.
"""

import hashlib
import os
from pathlib import Path

import requests
from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class DownloadError(OSError):
    """The file could not be downloaded; the message says why, and what to do."""


def fetch(url: str, path: Path, digest: str, *, by_hand: str, timeout: float, progress: bool) -> Path:
    """Returns the path, after downloading the file there if it is missing.

    The hash is checked each time, before the file is trusted (half a second for the largest). A file with another hash
    is left as it is: it may have been put there by hand, where there is no network. Several processes may call this at
    once: one downloads, the others wait for it.

    Args:
      url: what to download.
      path: where it goes.
      digest: an algorithm of hashlib and the first digits of the file's hash, such as "sha256:0676ba61".
      by_hand: for errors, what a person can do instead.
      timeout: seconds without an answer, or without a byte, after which the server counts as dead.
      progress: show a progress bar on the standard error.

    Raises:
      DownloadError: no network, the server refuses or dies, or the file's hash is wrong.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.exists():  # Another process may have fetched it while this one waited for the lock.
                part, anew = Path(f"{path}.part"), Path(f"{path}.part.new")
                come = _fetch(url, part, anew, by_hand, timeout, progress)
                broken = difference(come, digest)
                if broken:
                    come.unlink()
                    raise DownloadError(
                        f"{path.name}: {broken}; the download is broken or not the file it says. Deleted; run again"
                    )
                os.replace(come, path)
                for other in (part, anew):
                    other.unlink(missing_ok=True)
                return path
    broken = difference(path, digest)
    if broken:
        raise DownloadError(
            f"{path}: {broken}; it is not, or not all of, {url}. It is left as it is: move it away, and run again; "
            f"or pass it as --weights FILE if that is what you want to load"
        )
    return path


def difference(path: Path, digest: str) -> str | None:
    """What the hash of a file is and should be; None if it starts with the digits of the digest."""
    algorithm, _, expected = digest.partition(":")
    with path.open("rb") as file:
        digits = hashlib.file_digest(file, algorithm).hexdigest()[: len(expected)]
    return None if digits == expected else f"{algorithm} starts with {digits}, expected {expected}"


class Anonymous(requests.Session):
    """Sends requests without the passwords that `~/.netrc` may hold for their hosts, also when sent on to others."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = lambda request: request

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        self.trust_env = False  # .netrc is of the environment, as proxies are, which count again then
        super().rebuild_auth(prepared_request, response)
        self.trust_env = True


def _fetch(url: str, part: Path, anew: Path, by_hand: str, timeout: float, progress: bool) -> Path:
    """Downloads `url` to the end of `part`; if the connection breaks, resumes as long as that helps.

    Returns:
      Where the answer is that came to its end: `part`, or `anew` where a part was there and the server started over.
    """
    name = part.name.removesuffix(".part")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(name, total=None)
        best, broken, session = -1, None, Anonymous()
        while (size := part.stat().st_size if part.exists() else 0) > best:
            best = size
            # "identity": positions in a compressed answer would not be positions in the file.
            headers = {"Accept-Encoding": "identity", "Range": f"bytes={size}-"}
            try:
                response = session.get(url, headers=headers, stream=True, timeout=timeout)
            except requests.RequestException as error:
                raise DownloadError(f"no network: {by_hand} ({error})") from error
            with response:
                if response.status_code == requests.codes.requested_range_not_satisfiable:
                    return part  # Nothing comes after `part`: it is whole, or the hash will differ.
                if not response.ok:
                    answer = f"{response.status_code} {response.reason}"
                    raise DownloadError(f"{url} answered {answer}: try again later, or {by_hand}")
                asked = f"bytes {size}-"  # A server may ignore it and start over.
                resumed = response.status_code == requests.codes.partial_content
                resumed = resumed and response.headers.get("Content-Range", asked).startswith(asked)
                kept = size if resumed else 0
                target = part if resumed or not size else anew
                length = response.headers.get("Content-Length")
                bar.update(task, completed=kept, total=None if length is None else kept + int(length))
                try:
                    with target.open("ab" if resumed else "wb") as file:
                        for chunk in response.iter_content(2**16):
                            file.write(chunk)
                            bar.advance(task, len(chunk))
                    return target
                except requests.RequestException as error:
                    broken = error
            if target == anew:  # The longer of the two is kept.
                os.replace(max(part, anew, key=lambda file: file.stat().st_size), part)
                anew.unlink(missing_ok=True)
    raise DownloadError(
        f"{name}: the connection broke after {size:,} bytes, which are kept in {part}; run again to go on from "
        f"there, or {by_hand} ({broken})"
    ) from broken
