"""Records of finished work: what is damaged, of other data or of other code counts for nothing, and nothing is lost."""

import errno
import functools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import groupcam_jax as g
from groupcam_jax.evaluation import records
from groupcam_jax.evaluation.code import parsed, version_of
from groupcam_jax.evaluation.compact import compact_rows
from groupcam_jax.evaluation.contenders import method_version
from groupcam_jax.evaluation.data import open_data
from groupcam_jax.evaluation.data.annotation import Annotation
from groupcam_jax.evaluation.data.annotations import annotated_dataset
from groupcam_jax.evaluation.data.by_category import by_category
from groupcam_jax.evaluation.ledger import BROKEN, Origin
from groupcam_jax.evaluation.manifest import check, hold, wait_for_others
from groupcam_jax.evaluation.records import append_rows, make_row, map_file, mend, read_rows, recording
from groupcam_jax.methods import METHODS
from groupcam_jax.spelled import spelled

STUDY = "groupcam_jax.evaluation.studies.pointing_game"


def row(number, name, method="m", picture="p", code="c"):
    return {"number": number, "id": name, "method": method, "picture": picture, "code": code, "value": [0.5, None]}


def test_a_cut_line_counts_for_nothing_and_goes(tmp_path):
    file = tmp_path / "rows-0.jsonl"
    append_rows(file, [row(0, "a"), row(1, "b")])
    content = file.read_bytes()
    file.write_bytes(content + content[: len(content) // 3])
    assert read_rows(file) == [row(0, "a"), row(1, "b")]
    assert mend(file) is None
    append_rows(file, [row(2, "c")])
    assert [one["id"] for one in read_rows(file)] == ["a", "b", "c"]
    assert file.read_bytes().startswith(content)
    file.write_bytes(content[:-1])  # an editor leaves no empty last line
    assert mend(file) is None
    assert file.read_bytes() == content
    assert os.listdir(tmp_path) == [file.name]


def test_rows_hold_numbers_and_files_hold_maps(tmp_path):
    place = {"number": 0, "id": "folder/a", "method": "m"}
    values = {"auc": np.float32(0.1), "curve": np.array([0.5, np.nan], np.float32), "map": np.eye(3, dtype=np.float32)}
    made = make_row(tmp_path, place, values)
    assert made == {**place, "auc": 0.1, "curve": [0.5, None]}
    with np.load(map_file(tmp_path, place)) as kept:
        np.testing.assert_array_equal(kept["map"], np.eye(3))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), min_size=1, max_size=6)
JUNK = st.binary(max_size=20) | VALUES.map(lambda value: json.dumps(value).encode())
DAMAGE = st.lists(st.tuples(st.sampled_from(["flip", "cut", "put", "line"]), st.integers(0, 2**20), JUNK), max_size=4)


def damaged(content, kind, place, junk):
    at = place % (len(content) + 1)
    if kind == "flip":
        return content[:at] + bytes([content[at] ^ (1 + place % 255)]) + content[at + 1 :] if at < len(content) else b""
    if kind == "cut":
        return content[:at] + content[at + 1 + len(junk) :]
    return content[:at] + (b"\n" + junk + b"\n" if kind == "line" else junk) + content[at:]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(rows=ROWS, damage=DAMAGE)
def test_whatever_happens_to_a_record_only_rows_that_were_written_are_read(tmp_path_factory, rows, damage):
    file = tmp_path_factory.mktemp("record") / "rows-0.jsonl"
    append_rows(file, rows)
    lines = file.read_bytes().splitlines()
    content = file.read_bytes()
    for one in damage:
        content = damaged(content, *one)
    file.write_bytes(content)
    pieces = content.split(b"\n")
    expected = [rows[lines.index(piece)] for piece in pieces if piece in lines]
    assert read_rows(file) == expected
    told = mend(file)
    assert read_rows(file) == expected
    aside = [piece for piece in pieces[:-1] if piece not in lines]
    kept = file.with_suffix(".damaged")
    assert (kept.read_bytes() if kept.exists() else b"") == b"".join(piece + b"\n" for piece in aside)
    assert (told is None) == (not aside)
    assert mend(file) is None
    append_rows(file, [{"more": 1}])
    assert read_rows(file) == [*expected, {"more": 1}]


TRAPS = st.sampled_from(["[0.5]", "a\\\\", '"', "{", "é", "a", "\udc80"])  # the last: a name that is no UTF-8
CURVES = st.lists(st.floats(-1, 1, width=32).map(lambda value: round(value, records.DIGITS)), min_size=1, max_size=4)
FLAT = st.dictionaries(TRAPS | st.text(max_size=5), CURVES | TRAPS | VALUES, max_size=5)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(rows=st.lists(FLAT, min_size=1, max_size=4))
def test_compact_rows_say_what_was_written(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("record") / "rows-0.jsonl"
    append_rows(file, rows)
    for found, written in zip(compact_rows(file), rows, strict=True):
        assert [*found] == [*written]
        for name, value in found.items():
            if isinstance(value, np.ndarray):
                assert value.tolist() == written[name]
            else:
                assert value == written[name]


def test_compact_rows_share_what_is_equal(tmp_path):
    file = tmp_path / "rows-0.jsonl"
    shown = {"id": "one picture", "places": [0.0, 1e-06], "curve": [0.25, None], "classes": [3, 4]}
    append_rows(file, [shown, {**shown, "places": [0.0, 1.0]}, shown, shown])
    *_, third, last = compact_rows(file)
    assert third["places"] is last["places"]
    assert third["id"] is last["id"]
    assert (last["curve"], last["classes"]) == ([0.25, None], [3, 4])


def test_rows_are_in_the_file_at_once_and_on_the_disk_every_second(tmp_path, monkeypatch):
    file, now, flushed = tmp_path / "rows-0.jsonl", [0.0], []
    monkeypatch.setattr(records, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(len(read_rows(file))))

    def write(record):
        for number, now[0] in enumerate([0.2, 0.9, 1.0, 1.9, 2.1, 9.0, 9.5]):
            record([row(number, "a")])
            assert len(read_rows(file)) == number + 1, "a kill would lose a row"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), recording(file) as record:
        write(record)
    assert flushed == [3, 5, 6, 7]


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*rows-0\.jsonl'"):
        append_rows(tmp_path / "rows-0.jsonl", [row(0, "a")])


def test_damaged_lines_are_named(tmp_path):
    file = tmp_path / "rows-0.jsonl"
    append_rows(file, [row(number, "a") for number in range(9)])
    content = file.read_bytes().replace(b'"number": 1', b'"number": 7').replace(b'"number": 5, "id"', b'"id"')
    file.write_bytes(content.replace(b'"number": 3', b"\0" * 11))
    told = f"{file}, line 2, 4, 6: not as written; 3 such lines are in rows-0.damaged now, to be measured again"
    assert mend(file) == told
    assert [one["number"] for one in read_rows(file)] == [0, 2, 4, 6, 7, 8]


def test_rows_of_all_processes_count_once_in_one_order_if_they_are_of_this_data_and_code(tmp_path):
    append_rows(tmp_path / "rows-1.jsonl", [row(2, "c"), row(0, "a"), row(1, "b", picture="old")])
    append_rows(tmp_path / "rows-0.jsonl", [row(1, "b"), row(0, "a", code="old"), row(0, "a", "k", code="old")])
    append_rows(tmp_path / "rows-2.jsonl", [row(2, "c", BROKEN, code=""), row(9, "gone"), row(2, "x", "k", "old", "d")])
    origin = Origin(["p"] * 3, {"m": "c", "k": "d", BROKEN: ""}.__getitem__, "r")
    own, strange = origin.sort_out(read_rows(*(tmp_path / f"rows-{process}.jsonl" for process in range(4))))
    assert [(one["number"], one["method"]) for one in own] == [(0, "m"), (1, "m"), (2, BROKEN), (2, "m")]
    assert all(one["picture"] == "p" for one in own)
    assert [(one["number"], one["method"]) for one in strange] == [(0, "k"), (2, "k"), (9, "m")]
    assert origin.differences(strange) == ["the picture or annotation of x, gone", "the code of k"]


def test_rows_of_another_run_do_not_count_and_those_that_name_none_do():
    """Rows of another model, copied into the folder, have the same pictures and the same code."""
    rows = [{**row(0, "a"), "run": "other"}, {**row(1, "b"), "run": "r"}, row(2, "c")]
    origin = Origin(["p"] * 3, {"m": "c"}.__getitem__, "r")
    own, strange = origin.sort_out(rows)
    assert ([one["id"] for one in own], [one["id"] for one in strange]) == (["b", "c"], ["a"])
    assert origin.differences(strange) == ["the model, its weights or the options of m"]


def test_a_picture_is_known_by_its_annotation_and_its_content(tmp_path):
    content = np.random.default_rng(0).bytes(10**6)
    turned = [content[:place] + b"!!!" + content[place + 3 :] for place in (0, len(content) // 2, len(content) - 3)]

    def identities(content=content, **changed):
        (tmp_path / "b").write_bytes(content)
        os.utime(tmp_path / "b", (0, 0))
        shown = {"boxes": [[0, 0, 5, 5]], "categories": [1], "size": (9, 9), "outlines": [[[0, 0, 5, 5, 0, 5]]]}
        pictures = [Annotation("a", tmp_path / "a", 0), Annotation("b", tmp_path / "b", 1, **{**shown, **changed})]
        dataset = annotated_dataset(tmp_path, ("x", "y"), pictures)
        return dataset.identities(), by_category(dataset, ["y"]).identities()

    (first, known), (pair,) = identities()
    others = [
        identities(content + b"!"),
        *map(identities, turned),
        identities(boxes=[[0, 0, 5, 6]]),
        identities(categories=[0, 1]),
        identities(outlines=None),
    ]
    assert all(other[0][0] == first for other in others), "the other picture is the same"
    assert len({known, *(other[0][1] for other in others)}) == len(others) + 1
    assert len({pair, *(other[1][0] for other in others)}) == len(others) + 1
    assert identities() == ([first, known], [pair])
    scenes = open_data("scenes").identities()
    assert len(set(scenes)) == len(scenes)


def test_a_version_is_that_of_all_the_code_below_but_not_of_its_words(tmp_path, monkeypatch):
    library = tmp_path / "library"
    library.mkdir()
    files = {"__init__": "", "method": "from library import parts\n", "parts": '"""Parts."""\nSIZE = 1\n', "other": ""}
    monkeypatch.setattr("groupcam_jax.evaluation.code.ROOT", tmp_path)

    def version(**changed):
        for name, text in {**files, **changed}.items():
            (library / f"{name}.py").write_text(text)
        parsed.cache_clear()
        return version_of("library.method")

    before = version()
    assert version(parts='"""Other words."""\n\nSIZE = 1  # a remark\n', other="x = 1") == before
    assert version(parts="SIZE = 2") != before
    assert version(method='"""Nothing is imported."""') != before
    parsed.cache_clear()


def test_a_method_has_its_own_version():
    names = (
        "group-cam",
        "group-cam-released",
        "grad-cam",
        "finer-cam",
        "refined",
        "refined-fast",
        "smooth-grad",
        "var-grad",
    )
    versions = {method_version(STUDY, name) for name in names}
    assert len(versions) == len(names)
    assert method_version(STUDY, "group-cam, 8 groups, all kept") == method_version(STUDY, "group-cam")
    assert method_version(STUDY, "no-such-method") == method_version(STUDY, BROKEN) == ""
    study = STUDY.replace("pointing_game", "insertion_deletion")
    assert method_version(study, "grad-cam") != method_version(STUDY, "grad-cam"), "other metrics"


def test_a_method_has_the_same_version_in_every_process():
    """A target that was shown by its address in memory made all finished rows of finer-cam stale."""
    assert spelled(g.finer()) == "finer(of=logit)"
    assert spelled(functools.partial(g.refined, method=functools.partial(g.group_cam, groups=4), layer=None)) == (
        "refined(method=group_cam(groups=4), layer=None)"
    )
    for name, method in METHODS.items():
        assert " at 0x" not in spelled(method), name


def test_a_folder_holds_one_run(tmp_path):
    check(tmp_path, {"model": "a", "seed": 0})
    check(tmp_path, {"model": "a", "seed": 0})
    for seed in (1, False, None):
        with pytest.raises(ValueError, match=rf"another run \(seed is 0, not {seed}\); choose another --output"):
            check(tmp_path, {"model": "a", "seed": seed})


def test_what_an_earlier_version_did_not_write_is_not_compared(tmp_path):
    check(tmp_path, {"model": "a"})
    assert check(tmp_path, {"model": "a", "network": "b"}) == {"model": "a"}
    (tmp_path / "run.json").unlink()
    check(tmp_path, {"model": "a", "network": "b"})
    with pytest.raises(ValueError, match=r"another run \(network is 'b', not 'c'\)"):
        check(tmp_path, {"model": "a", "network": "c"})


def test_a_record_without_its_manifest_is_nobodys(tmp_path):
    (tmp_path / "rows-0.jsonl").touch()
    with pytest.raises(ValueError, match=r"has rows-0.jsonl, but no run.json that tells what it is of"):
        check(tmp_path, {"seed": 0})
    assert not (tmp_path / "run.json").exists()


@settings(max_examples=100, derandomize=True, deadline=None)
@given(content=st.binary(max_size=30) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_a_damaged_manifest_is_named(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("run") / "run.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"run.json is damaged|holds another run \(seed is .*, not 2026\)"):
        check(file.parent, {"seed": 2026})  # no value that is drawn
    assert file.read_bytes() == content


@pytest.fixture
def other(tmp_path):
    """Another process, which holds the folder as process 1 of a run until it is told to end."""
    code = "import sys\nfrom groupcam_jax.evaluation.manifest import hold\nfrom pathlib import Path\n"
    code += "with hold(Path(sys.argv[1]), 1):\n    print(flush=True)\n    sys.stdin.read()\n"
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_folder_is_held_by_one_process_until_it_ends(tmp_path, other):
    with pytest.raises(ValueError, match=f"is in use by process {other.pid} on .*, since 2.*; wait for it, or choose"):
        hold(tmp_path, 1)
    with hold(tmp_path, 0):  # its share of the same run
        pass
    other.kill()
    other.communicate()
    with hold(tmp_path, 1):
        pass


@pytest.mark.parametrize("end", [subprocess.Popen.communicate, subprocess.Popen.kill])
def test_the_first_process_waits_until_the_others_have_ended_or_died(tmp_path, other, end):
    told = []

    def tell(message):
        told.append(message)
        end(other)

    wait_for_others(tmp_path, 3, tell)
    assert other.wait() is not None
    (message,) = told
    assert f"waits for process 1 to end its share of {tmp_path}: process {other.pid} on" in message
