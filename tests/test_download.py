"""Downloads from a server on loopback that cuts, lies, refuses and dies: never a wrong file under the right name."""

import contextlib
import hashlib
import http.server
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from groupcam_jax.cache import cache_folder
from pretrained.fetching import download as module
from pretrained.fetching import fetch
from pretrained.fetching.download import FILES
from pretrained.fetching.fetch import DownloadError

BODY = bytes(range(256)) * 2048  # Eight times what is read at once.
HALF = len(BODY) // 2
NAME = f"toy-{hashlib.sha256(BODY).hexdigest()[:8]}.pth"


def whole(handler):
    """Answers a range with that range, as download.pytorch.org does."""
    cut(handler, len(BODY))


def cut(handler, size=HALF):
    """Promises the rest of the file, sends `size` bytes of it at most, and hangs up."""
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    handler.send_response(206 if start < len(BODY) else 416)
    rest = BODY[start:]
    handler.send_header("Content-Length", str(len(rest)))
    handler.end_headers()
    handler.wfile.write(rest[:size])


def whole_without_range(handler, body=BODY):
    """Always answers with the whole file."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(body)


def cut_without_range(handler):
    """Always starts over, and always hangs up at the same place."""
    whole_without_range(handler, BODY[:HALF])


def silently_short(handler):
    """Does not say how long the file is: that it is cut shows in the hash alone."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BODY[:HALF])


def wrong(handler):
    """Sends other bytes, as a hotel's login page does."""
    whole_without_range(handler, bytes(len(BODY)))


def login(handler):
    """Sends a page in place of the file, and says that all is well."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    handler.wfile.write(b"<html>log in</html>")


def another_range(handler):
    """Sends the file from its start, as a range that nobody asked for."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY)


def moved(handler):
    """Sends on to another host, which is this one by another name."""
    handler.send_response(302)
    handler.send_header("Location", f"http://localhost:{handler.server.server_port}{handler.path}")
    handler.end_headers()


def missing(handler):
    handler.send_error(404)


def broken(handler):
    handler.send_error(500)


def dead(handler):
    """Hangs up without an answer."""
    handler.close_connection = True


def stalled(handler):
    """Sends half, and then nothing until the test is over."""
    cut(handler)
    handler.server.gate.wait(10)


def gated(handler):
    """Answers once the test opens the gate."""
    handler.server.gate.wait(10)
    whole(handler)


@pytest.fixture
def serve(monkeypatch, tmp_path_factory):
    """`serve(*replies)` starts a server: each request gets the next reply, the last one for ever."""
    monkeypatch.setitem(FILES, "toy", NAME)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login alice password secret")
    monkeypatch.setenv("NETRC", str(netrc))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.ranges.append(self.headers["Range"])
            assert self.path == f"/models/{NAME}"
            assert self.headers["Accept-Encoding"] == "identity"  # Else a proxy may compress the part.
            assert "Authorization" not in self.headers
            with contextlib.suppress(ConnectionError):
                replies[min(len(server.ranges), len(replies)) - 1](self)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.ranges, server.gate = [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/models/"
    replies = []

    def start(*given):
        replies[:] = given
        return server

    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield start
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def download(server, cache, **options):
    return module.download("toy", cache=cache, base_url=server.url, timeout=0.5, progress=False, **options)


def files(cache: Path) -> set[str]:
    """The names in the cache, but for the lock."""
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("reply", [whole, whole_without_range])
def test_a_file_is_fetched_once(serve, reply, tmp_path):
    server, cache = serve(reply), tmp_path / "a" / "b"
    path = download(server, cache)
    assert path == cache / NAME
    assert path.read_bytes() == BODY
    assert download(server, cache) == path
    assert len(server.ranges) == 1
    assert files(cache) == {NAME}


def test_no_password_goes_where_a_download_is_sent_on(serve, tmp_path):
    server = serve(moved, whole)
    assert download(server, tmp_path).read_bytes() == BODY
    assert len(server.ranges) == 2


@pytest.mark.parametrize(
    ("replies", "ranges"),
    [
        ((cut, whole), ["bytes=0-", f"bytes={HALF}-"]),
        ((stalled, whole), ["bytes=0-", f"bytes={HALF}-"]),
        ((cut, cut), ["bytes=0-", f"bytes={HALF}-"]),
        ((cut, whole_without_range), ["bytes=0-", f"bytes={HALF}-"]),
        ((cut_without_range, whole), ["bytes=0-", f"bytes={HALF}-"]),
        ((cut, another_range), ["bytes=0-", f"bytes={HALF}-"]),
    ],
)
def test_a_cut_download_goes_on(serve, replies, ranges, tmp_path):
    server, start = serve(*replies), time.monotonic()
    assert download(server, tmp_path).read_bytes() == BODY
    assert time.monotonic() - start < 5  # The stalled server would hang on for ten.
    assert server.ranges == ranges
    assert files(tmp_path) == {NAME}


def test_the_next_run_goes_on_from_the_part(serve, tmp_path):
    server = serve(cut, missing, whole)
    with pytest.raises(DownloadError, match="404"):
        download(server, tmp_path)
    assert (tmp_path / f"{NAME}.part").read_bytes() == BODY[:HALF]
    assert download(server, tmp_path).read_bytes() == BODY
    assert server.ranges[-1] == f"bytes={HALF}-"


@pytest.mark.parametrize(
    ("reply", "message"), [(login, "Deleted; run again"), (cut_without_range, rf"broke after {HALF + 9:,} bytes")]
)
def test_what_begins_anew_takes_nothing_from_the_part(serve, reply, message, tmp_path):
    part = tmp_path / f"{NAME}.part"
    part.write_bytes(BODY[: HALF + 9])
    server = serve(reply)
    with pytest.raises(DownloadError, match=message):
        download(server, tmp_path)
    assert files(tmp_path) == {part.name}
    assert part.read_bytes() == BODY[: HALF + 9]
    assert download(serve(whole), tmp_path).read_bytes() == BODY
    assert server.ranges[-1] == f"bytes={HALF + 9}-"


def test_what_begins_anew_and_goes_further_is_kept(serve, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(bytes(9))  # of another file
    assert download(serve(cut_without_range, whole), tmp_path).read_bytes() == BODY
    assert files(tmp_path) == {NAME}


def test_a_part_that_is_whole_is_not_fetched_again(serve, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(BODY)
    assert download(serve(whole), tmp_path).read_bytes() == BODY
    assert files(tmp_path) == {NAME}


def test_a_server_that_always_dies_at_the_same_place_ends_in_an_error(serve, tmp_path):
    server = serve(cut_without_range)
    with pytest.raises(DownloadError, match=rf"{NAME}: the connection broke after 262,144 bytes.*run again to go on"):
        download(server, tmp_path)
    assert len(server.ranges) == 2
    assert files(tmp_path) == {f"{NAME}.part"}


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            missing,
            rf"/models/{NAME} answered 404 Not Found: .*put http://.*/models/{NAME} at .*{NAME}, or pass --weights",
        ),
        (broken, r"answered 500 Internal Server Error: try again later"),
        (dead, rf"no network: put http://.*/models/{NAME} at .*/{NAME}, or pass --weights FILE"),
    ],
)
def test_a_server_without_the_file_leaves_nothing(serve, reply, message, tmp_path):
    with pytest.raises(DownloadError, match=message):
        download(serve(reply), tmp_path)
    assert files(tmp_path) == set()


def test_no_network_says_where_to_put_the_file(serve, tmp_path):
    server = serve(whole)
    with socket.socket() as closed:  # Bound but not listening: connections are refused.
        closed.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{closed.getsockname()[1]}/models/"
        with pytest.raises(DownloadError) as info:
            download(server, tmp_path)
    expected = f"no network: put {server.url}{NAME} at {tmp_path / NAME}, or pass --weights FILE"
    assert str(info.value).startswith(expected)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("reply", [wrong, silently_short])
def test_wrong_bytes_are_deleted(serve, reply, tmp_path):
    server = serve(reply, whole)
    with pytest.raises(
        DownloadError, match=rf"{NAME}: sha256 starts with \w{{8}}, expected {NAME[4:12]}; .*Deleted; run"
    ):
        download(server, tmp_path)
    assert files(tmp_path) == set()
    assert download(server, tmp_path).read_bytes() == BODY


def test_a_wrong_part_does_not_poison_the_file(serve, tmp_path):
    server = serve(whole)
    (tmp_path / f"{NAME}.part").write_bytes(bytes(HALF))
    with pytest.raises(DownloadError, match="Deleted; run again"):
        download(server, tmp_path)
    assert download(server, tmp_path).read_bytes() == BODY


def test_another_file_in_the_cache_is_neither_trusted_nor_deleted(serve, tmp_path):
    server, path = serve(whole), tmp_path / NAME
    path.write_bytes(BODY[:-1])
    with pytest.raises(
        DownloadError, match=rf"{path}: sha256 starts with \w{{8}}, expected {NAME[4:12]}; .*left as it"
    ):
        download(server, tmp_path)
    assert path.read_bytes() == BODY[:-1]  # where there is no network, it may be the only copy
    path.unlink()
    assert download(server, tmp_path).read_bytes() == BODY


# Not imported as part of its package, which takes seconds.
CHILD = """
import pathlib, runpy, sys
source, name, url, cache = sys.argv[1:]
module = runpy.run_path(source)
print("ready", flush=True)
options = {"by_hand": "", "timeout": 30, "progress": False}
print(module["fetch"](url + name, pathlib.Path(cache, name), "sha256:" + name[4:12], **options))
"""


def start_child(server, cache):
    command = [sys.executable, "-c", CHILD, fetch.__file__, NAME, server.url, cache]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_processes_at_once_download_once(serve, tmp_path):
    server = serve(gated)
    with start_child(server, tmp_path) as first, start_child(server, tmp_path) as second:
        time.sleep(0.2)
        server.gate.set()
        assert [first.communicate()[0], second.communicate()[0]] == [f"{tmp_path / NAME}\n"] * 2
    assert (tmp_path / NAME).read_bytes() == BODY
    assert server.ranges == ["bytes=0-"]
    assert files(tmp_path) == {NAME}


def test_a_killed_process_leaves_a_part_to_go_on_from(serve, tmp_path):
    server, part = serve(stalled, whole), tmp_path / f"{NAME}.part"
    with start_child(server, tmp_path) as child:
        while child.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.01)
        child.kill()
    kept = part.stat().st_size
    assert files(tmp_path) == {part.name}
    assert download(server, tmp_path).read_bytes() == BODY
    assert server.ranges == ["bytes=0-", f"bytes={kept}-"]


def test_the_progress_bar_goes_to_the_standard_error(serve, tmp_path, capsys):
    server = serve(whole)
    module.download("toy", cache=tmp_path, base_url=server.url)
    output, errors = capsys.readouterr()
    assert output == ""
    assert NAME in errors
    assert "524.3/524.3 kB" in errors


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no weights named 'resnet5'; there are resnet18, .*, vgg19"):
        module.download("resnet5")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("GROUPCAM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("GROUPCAM_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "groupcam_jax"


def test_every_published_file_carries_its_hash():
    assert {name.rpartition("-")[0]: name for name in FILES.values()} == FILES
    assert all(len(name.rpartition("-")[2]) == len("f37072fd.pth") for name in FILES.values())
