"""The parts of an evaluation: rows that survive a kill, what is left to do, intervals, categories."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import ablation, localization, sanity_check
from experiments.evaluation.categories import read_categories, union_classifier
from experiments.evaluation.estimates import estimate
from experiments.evaluation.ledger import BROKEN, Ledger
from experiments.evaluation.manifest import claim, code_of, fingerprint
from experiments.evaluation.records import append_rows, make_row, map_file, mend, read_rows
from experiments.evaluation.report import write_report
from experiments.evaluation.study import Study
from experiments.pointing_game import mean_over_categories
from groupcam_jax import grad_cam
from pretrained.classifier import Classifier


def row(number, name, method, value=0.5):
    return {"number": number, "id": name, "method": method, "value": value}


def test_a_cut_line_counts_for_nothing_and_goes(tmp_path):
    file = tmp_path / "rows-0.jsonl"
    append_rows(file, [row(0, "a", "m"), row(1, "b", "m")])
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 3])
    assert [one["id"] for one in read_rows(tmp_path)] == ["a", "b"]
    mend(file)
    append_rows(file, [row(2, "c", "m")])
    assert [one["id"] for one in read_rows(tmp_path)] == ["a", "b", "c"]
    assert file.read_bytes().startswith(whole)
    file.write_bytes(whole[:10])  # cut within its first line
    mend(file)
    append_rows(file, [row(3, "d", "m")])
    assert [one["id"] for one in read_rows(tmp_path)] == ["d"]


def test_rows_of_all_processes_are_read_once_in_one_order(tmp_path):
    append_rows(tmp_path / "rows-1.jsonl", [row(2, "c", "m"), row(0, "a", "m")])
    append_rows(tmp_path / "rows-0.jsonl", [row(1, "b", "m"), row(0, "a", "m")])
    assert [one["id"] for one in read_rows(tmp_path)] == ["a", "b", "c"]


def test_rows_hold_numbers_and_files_hold_maps(tmp_path):
    place = {"number": 0, "id": "folder/a", "method": "m"}
    values = {"auc": np.float32(0.1), "curve": np.array([0.5, np.nan], np.float32), "map": np.eye(3, dtype=np.float32)}
    made = make_row(tmp_path, place, values)
    assert made == {**place, "auc": 0.1, "curve": [0.5, None]}
    with np.load(map_file(tmp_path, place)) as kept:
        np.testing.assert_array_equal(kept["map"], np.eye(3))


def test_what_is_left():
    rows = [row(0, "a", "m"), row(1, "b", "m"), row(2, "c", "m"), row(3, "d", BROKEN), row(0, "a", "k")]
    assert Ledger(rows, ["m"], 3, 2).left() == {}
    assert Ledger(rows, ["m"], 4, 2).left() == {1: 1}, "what could not be read is tried again"
    assert Ledger(rows, ["m"], 5, 2).left() == {1: 1, 2: 1}
    assert Ledger(rows, ["m", "k"], 3, 2).left() == {0: 1, 1: 1}
    assert Ledger(rows, ["m"], 1, 2).left() == {}, "fewer than there are"
    same_name = [row(0, "a", "m"), row(1, "a", "m")]
    assert Ledger(same_name, ["m"], 2, 2).left() == {}


def test_estimates():
    known = estimate([0.0, 1.0, None, 1.0, 1.0])
    assert (known.value, known.n) == (75.0, 4)
    assert 0 <= known.low < 75 < known.high <= 100
    rng = np.random.default_rng(0)
    wide, narrow = (estimate(list(rng.normal(size=n)), scale=1) for n in (400, 1600))
    assert wide.high - wide.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 / 40, rel=0.15)
    assert np.isnan(estimate([]).value)


def test_values_of_one_picture_are_drawn_together():
    values = np.random.default_rng(0).normal(size=100)
    alone = estimate(list(values), scale=1)
    four = estimate(list(np.repeat(values, 4)), scale=1, pictures=[f"p{i}" for i in np.repeat(np.arange(100), 4)])
    assert four.n == 400
    assert (four.value, four.low, four.high) == pytest.approx((alone.value, alone.low, alone.high), abs=0.02)
    independent = estimate(list(np.repeat(values, 4)), scale=1)
    assert independent.high - independent.low == pytest.approx((four.high - four.low) / 2, rel=0.15)
    assert np.isnan(estimate([1.0, 0.0], pictures=["a", "a"]).low)


def test_mean_over_categories():
    values = np.array([[1.0, 3.0], [0.0, 3.0], [1.0, 7.0]])
    assert mean_over_categories(values) == 0.75


def test_a_folder_holds_one_run(tmp_path):
    claim(tmp_path / "run", {"model": "a", "seed": 0})
    claim(tmp_path / "run", {"model": "a", "seed": 0})
    with pytest.raises(ValueError, match=r"another run \(seed is 0, not 1\); choose another --output"):
        claim(tmp_path / "run", {"model": "a", "seed": 1})


def test_other_weights_and_other_code_are_another_run(tmp_path):
    params = {"a": np.arange(6.0), "b": np.ones(2)}
    assert fingerprint(params) == fingerprint({"b": np.ones(2), "a": np.arange(6.0)})
    others = (
        {"a": np.arange(6.0), "c": np.ones(2)},
        {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2)},
        {"a": np.arange(6.0), "b": np.zeros(2)},
    )
    assert len({fingerprint(params), *map(fingerprint, others)}) == 4
    file = tmp_path / "model.py"
    file.write_text("mean = 0")
    before = code_of(f"{file}:factory")
    assert code_of(f"{file}:other") == before
    file.write_text("mean = 1")
    assert code_of(f"{file}:factory") != before
    assert code_of("resnet50") is None


def test_categories_are_unions_of_classes(tmp_path):
    file = tmp_path / "categories.json"
    file.write_text(json.dumps({"dog": [0, 2], "cat": [3]}))
    logits = jnp.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, -1.0, 9.0]])
    classifier = Classifier(lambda params, images: images * params, 1.0, None, list("abcd"), None, 8)
    union = union_classifier(classifier, read_categories(file))
    assert union.class_names == ["dog", "cat", "anything else"]
    shares, all_of_them = np.exp(union.apply(1.0, logits)), np.exp(logits)
    np.testing.assert_allclose(
        shares, np.stack([all_of_them[:, [0, 2]].sum(1), all_of_them[:, 3], all_of_them[:, 1]], 1), rtol=1e-6
    )
    with pytest.raises(ValueError, match="outside the 4"):
        union_classifier(classifier, {"dog": [4]})
    with pytest.raises(ValueError, match="class 2 belongs to two"):
        union_classifier(classifier, {"dog": [0, 2], "wolf": [2]})
    file.write_text('{"dog": ["1"]}')
    with pytest.raises(ValueError, match="category -> list of class indices"):
        read_categories(file)
    file.write_text("[1]")
    with pytest.raises(ValueError, match="category -> list of class indices"):
        read_categories(file)


def test_pictures_without_a_result_are_no_errors():
    good = {"rank": 0, "overlaps": [0.9] * 19, "cover": 0.3, "mask_overlap": 0.8, "box_areas": [0.2] * 19}
    none = {"rank": 0, "overlaps": [None] * 19, "cover": 0.3, "mask_overlap": None, "box_areas": [None] * 19}
    summary = localization.summarize([good, none])
    assert summary["top-1 error at 15 %"][:1] == (0.0,)
    objects = summary.pop("objects, share of the picture")
    assert objects.n == 2
    assert {column.n for column in summary.values()} == {1}
    assert localization.rank(jnp.zeros(5), 3) == 3
    assert jnp.isnan(localization.rank(jnp.full(5, jnp.nan), 3))


def test_blank_maps_are_told_of_and_count_for_nothing():
    row = {"spearman": [0.5, None], "ssim": [0.5, None], "hog": [0.5, None], "blank": [0.0, 1.0]}
    summary = sanity_check.summarize([row])
    assert summary["Spearman, mean"].value == 0.5
    assert summary["blank maps, %"].value == 50
    assert summary["Spearman, first module"].n == 0


def test_a_table_is_json_and_tells_correlations_in_three_digits(tmp_path):
    write_report(tmp_path, "T", {"m": {"a": estimate([0.25, 0.5], scale=1), "b": estimate([])}}, {"limit": 2})
    figures = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)["figures"]
    assert figures["m"]["b"]["value"] is None
    assert "0.375 (0.250 to 0.500)" in (tmp_path / "table.md").read_text()


def test_the_ablation_refuses_methods_without_groups():
    with pytest.raises(ValueError, match="which grad-cam has not; choose group-cam"):
        ablation.programs(Study(None, {"grad-cam": grad_cam}, 2, 0))
