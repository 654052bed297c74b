"""The parts of an evaluation: rows that survive a kill, what is left to do, intervals, categories."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import models
import numpy as np
import pytest

from groupcam_jax import grad_cam, metrics, released_group_cam
from groupcam_jax.evaluation.categories import read_categories, union_classifier
from groupcam_jax.evaluation.code import code_of, parsed
from groupcam_jax.evaluation.controls import centre
from groupcam_jax.evaluation.data import Batch
from groupcam_jax.evaluation.estimates import RESAMPLES, draws, estimate
from groupcam_jax.evaluation.figures import Panel, curves_figure
from groupcam_jax.evaluation.ledger import BROKEN, Ledger
from groupcam_jax.evaluation.manifest import fingerprint
from groupcam_jax.evaluation.measuring import ask_own, make_study, measuring
from groupcam_jax.evaluation.network import network_of
from groupcam_jax.evaluation.outcome import without_value
from groupcam_jax.evaluation.ranks import ranks
from groupcam_jax.evaluation.records import make_row
from groupcam_jax.evaluation.report import write_report
from groupcam_jax.evaluation.studies import ablation, localization, measures, pointing_game, sanity_check, sweeps
from groupcam_jax.evaluation.studies.pointing_game import mean_over_categories
from groupcam_jax.evaluation.study import Item, Study
from groupcam_jax.metrics import mask_of_boxes
from groupcam_jax.program.params import partition
from groupcam_jax.types import Classifier


def row(number, name, method, value=0.5):
    return {"number": number, "id": name, "method": method, "value": value}


def test_what_is_left():
    rows = [row(0, "a", "m"), row(1, "b", "m"), row(2, "c", "m"), row(3, "d", BROKEN), row(0, "a", "k")]
    assert Ledger(rows, ["m"], 3, 2).left() == {}
    assert Ledger(rows, ["m"], 4, 2).left() == {1: 1}, "what could not be read is tried again"
    assert Ledger(rows, ["m"], 5, 2).left() == {1: 1, 2: 1}
    assert Ledger(rows, ["m", "k"], 3, 2).left() == {0: 1, 1: 1}
    assert Ledger(rows, ["m"], 1, 2).left() == {}, "fewer than there are"
    same_name = [row(0, "a", "m"), row(1, "a", "m")]
    assert Ledger(same_name, ["m"], 2, 2).left() == {}


def valued(values, pictures=None):
    names = range(len(values)) if pictures is None else pictures
    return [row(number, f"p{name}", "m", value) for number, (name, value) in enumerate(zip(names, values, strict=True))]


def test_estimates():
    known = estimate(valued([0.0, 1.0, None, 1.0, 1.0]), "value")
    assert (known.value, known.n) == (75.0, 4)
    assert 0 <= known.low < 75 < known.high <= 100
    rng = np.random.default_rng(0)
    wide, narrow = (estimate(valued(rng.normal(size=n)), "value", scale=1) for n in (400, 1600))
    assert wide.high - wide.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 / 40, rel=0.15)
    assert np.isnan(estimate([], "value").value)


def test_values_of_one_picture_are_drawn_together():
    values = np.random.default_rng(0).normal(size=100)
    alone = estimate(valued(values), "value", scale=1)
    pictures = np.random.default_rng(1).permutation(np.repeat(np.arange(100), 4))
    four = estimate(valued(values[pictures], pictures), lambda one: one["value"], scale=1)
    assert four.n == 400
    assert (four.value, four.low, four.high) == pytest.approx((alone.value, alone.low, alone.high), abs=0.03)
    independent = estimate(valued(values[pictures]), "value", scale=1)
    assert independent.high - independent.low == pytest.approx((four.high - four.low) / 2, rel=0.15)
    assert np.isnan(estimate(valued([1.0, 0.0], ["a", "a"]), "value").low)


def test_columns_share_their_resamples_and_each_is_drawn_as_by_itself():
    values = np.random.default_rng(0).normal(size=300).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), RESAMPLES)
    by_name = values[sorted(range(300), key=lambda number: f"p{number}")]
    means = [by_name[jax.random.randint(key, (300,), 0, 300, np.int32)].mean() for key in keys]
    known = estimate(valued(values.tolist()), "value", scale=1)
    np.testing.assert_allclose([known.low, known.high], np.percentile(means, (2.5, 97.5)), atol=1e-6)
    assert (draws(300).sum(1) == 300).all()


def test_mean_over_categories():
    values = jnp.array([[1.0, 3.0], [0.0, 3.0], [1.0, 7.0]])
    assert mean_over_categories(8)(values, jnp.ones(3)) == 0.75
    assert mean_over_categories(8)(values, jnp.array([2.0, 0.0, 0.0])) == 1


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
    parsed.cache_clear()
    file.write_text("mean = 1")
    assert code_of(f"{file}:factory") != before
    assert len({code_of(name) for name in ("shapes", "resnet50", "vgg16", "keras:MobileNet")}) == 4
    assert code_of("resnet50") == code_of("resnet18")


def test_a_network_that_reads_its_numbers_elsewhere_is_known_by_them():
    def network(scale=1.0, power=1.0, mean=0.0, names=("a", "b"), looped=2.0, shape=(8, 8, 3), act="tanh"):
        held = {name: np.full((1, 1, 1, 3), scale + 2 * (name == "a"), np.float32) for name in names}

        def apply(params, images):
            for array in held.values():
                images = images * array
            images = jax.lax.fori_loop(0, 2, lambda _, x: x * looped, jax.jit(lambda x: x * scale)(images))
            return getattr(jax.nn, params["act"])(images).mean((1, 2)) * params["power"]

        def preprocess(pixels):
            assert pixels.shape == shape
            return jnp.asarray(pixels, jnp.float32) / 255 - mean

        return Classifier(
            apply, {"power": power, "act": act, "function": apply}, preprocess, list("abc"), None, shape[0]
        )

    assert network_of(network()) == network_of(network()) == network_of(network(names=("b", "a")))
    others = (
        network(),
        network(scale=2.0),
        network(power=2.0),
        network(act="sigmoid"),
        network(mean=0.01),
        network(looped=3.0),
        network(shape=(9, 9, 3)),
        network()._replace(preprocess=lambda pixels: network().preprocess(pixels)[:, ::-1]),
    )
    assert len({*map(network_of, others)}) == len(others)


def test_what_a_file_imports_from_its_folder_is_its_code(tmp_path):
    def code(text):
        (tmp_path / "parts.py").write_text(text)
        parsed.cache_clear()
        return code_of(f"{tmp_path / 'my.model.py'}:factory")

    (tmp_path / "my.model.py").write_text("import numpy\nimport parts\n")
    assert code("SIZE = 1") == code("SIZE = 1  # a remark") != code("SIZE = 2")


def test_categories_are_unions_of_classes(tmp_path):
    file = tmp_path / "categories.json"
    file.write_text(json.dumps({"dog": [0, 2], "cat": [3]}))
    logits = jnp.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, -1.0, 9.0]])
    images = logits[:, None, None]  # of one pixel, whose channels are the logits
    classifier = Classifier(lambda params, images: images[:, 0, 0] * params, 1.0, None, list("abcd"), None, 8)
    union = union_classifier(classifier, read_categories(file))
    assert union.class_names == ["dog", "cat", "anything else"]
    shares, all_of_them = np.exp(union.apply(1.0, images)), np.exp(logits)
    np.testing.assert_allclose(
        shares, np.stack([all_of_them[:, [0, 2]].sum(1), all_of_them[:, 3], all_of_them[:, 1]], 1), rtol=1e-6
    )
    with pytest.raises(ValueError, match="category 'dog' has class 4, but the network has 0 to 3"):
        union_classifier(classifier, {"dog": [4]})
    with pytest.raises(ValueError, match="class 2 belongs to two"):
        union_classifier(classifier, {"dog": [0, 2], "wolf": [2]})
    for text in ('{"dog": ["1"]}', '{"dog": []}', "[1]", "{}", "{", "[" * 100_000):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"categories\.json: expected a JSON object, category -> list of class"):
            read_categories(file)


def test_pictures_without_a_result_are_no_errors():
    located = [f"located_top{top}_at_{threshold}" for top in (1, 5) for threshold in (15, 20)]
    values = {"overlaps": [0.9] * 19, "mask_overlap": 0.8, "box_area": 0.2, **dict.fromkeys(located, 1.0)}
    good = {"id": "a", "cover": 0.3, **values}
    none = {"id": "b", "cover": 0.3, **dict.fromkeys(values), "overlaps": [None] * 19}
    summary = localization.summarize([good, none])
    assert summary["top-1 error at 15 %"][:1] == (0.0,)
    objects = summary.pop("objects' boxes, share of the picture")
    assert objects.n == 2
    assert {column.n for column in summary.values()} == {1}


def test_pictures_without_a_value_are_counted_by_method():
    rows = {"a": [{"id": "x", "energy": None}, {"id": "y", "energy": 0.5}], "b": [{"id": "x", "energy": 0.5}]}
    [told] = without_value(pointing_game.EXPERIMENT, rows)
    assert told == "Pointing game, a: 1 of 2 pictures were left out (x): their energy inside is NaN"


def test_blank_maps_are_told_of_and_count_for_nothing():
    row = {"id": "a", "spearman": [0.5, None], "ssim": [0.5, None], "hog": [0.5, None], "blank": [0.0, 1.0]}
    summary = sanity_check.summarize([row])
    assert summary["Spearman, mean"].value == 0.5
    assert summary["blank maps, %"].value == 50
    assert summary["Spearman, first module"].n == 0


def test_a_blank_map_of_the_trained_network_passes_no_sanity_check():
    """One of a randomised network passes none either; the second picture has neither."""
    apply, params = models.plain()
    maps = np.random.default_rng(0).random((3, 28, 28), np.float32)

    def explain(arrays, asked):
        del asked
        trained = all(np.array_equal(one, own) for one, own in zip(arrays, partition(params)[0], strict=True))
        return np.where([[[trained]], [[False]], [[not trained]]], 0, maps)

    images, labels = np.zeros((3, 28, 28, 3), np.float32), np.zeros(3, np.int32)
    boxes, masks = np.zeros((3, 1, 4), np.float32), np.zeros((3, 28, 28), bool)
    batch = Batch(0, np.arange(3), ("a", "b", "c"), images, labels, boxes, labels[:, None], masks, labels == 1, ())
    classifier = Classifier(apply, params, lambda image: image, list("abcde"), None, 28)
    values = sanity_check.programs(Study(classifier, {}, {"it": explain}, 3, 0))["it, cascading"](batch)
    np.testing.assert_array_equal(values["blank"], [[1.0] * 4, [0.0] * 4, [1.0] * 4])
    for measure in ("spearman", "ssim", "hog"):
        np.testing.assert_array_equal(np.isfinite(values[measure]), values["blank"] == 0)


def test_a_table_is_json_and_tells_correlations_in_three_digits(tmp_path):
    known = estimate(valued([0.25, 0.5]), "value", scale=1)
    write_report(tmp_path, "T", {"m": {"a": known, "b": estimate([], "value")}}, {"limit": 2})
    figures = json.loads((tmp_path / "table.json").read_text(), parse_constant=pytest.fail)["figures"]
    assert figures["m"]["b"]["value"] is None
    assert "0.375 (0.250 to 0.500)" in (tmp_path / "table.md").read_text()


def test_the_ablation_refuses_methods_without_groups():
    for method in (grad_cam, released_group_cam):
        with pytest.raises(ValueError, match="which it has not; choose group-cam"):
            ablation.programs(Study(None, {"it": method}, {}, 2, 0))


def ablated(method, number, groups, percentile):
    areas = {"insertion": 0.1 * number + groups, "deletion": 0.2, "overall": 0.3}
    name = f"{method}, {groups} groups, {percentile}"
    return {"number": number, "id": f"p{number}", "method": name, "groups": groups, "percentile": percentile, **areas}


def test_the_ablation_draws_each_sweep_at_its_places():
    usual = {"paper": 70.0, "released": None}
    rows = []
    for name, cut in usual.items():
        settings = dict.fromkeys([(1, cut), (4, cut), (32, cut), (32, 0.0), (32, 12.5), (32, 70.0)])
        rows += [ablated(name, number, *setting) for setting in settings for number in range(3)]
    figures = sweeps.draw(None, rows)
    by_groups, by_percentile = figures["groups"].axes[0], figures["percentile"].axes[0]
    for axes, places in ((by_groups, ["1", "4", "32"]), (by_percentile, ["0", "12.5", "70"])):
        assert [text.get_text() for text in axes.get_xticklabels()] == places
        assert [line.get_label() for line in axes.get_lines()] == ["paper", "released"]
    np.testing.assert_allclose(by_groups.get_lines()[1].get_ydata(), [1.1, 4.1, 32.1])
    started = sweeps.draw(None, [one for one in rows if one["groups"] == 1])
    assert [*started] == ["groups"], "of a run that was stopped, what there is"
    assert [text.get_text() for text in started["groups"].axes[0].get_xticklabels()] == ["1"]


def test_curves_are_the_means_of_what_is_known():
    curves = np.array([[1.0, np.nan, 4.0], [3.0, 2.0, np.nan], [np.nan, 4.0, np.nan]])
    figure = curves_figure({"T": Panel([0, 1, 2], "x", "y", {"known": curves, "one": curves[:1]})})
    (line,) = figure.axes[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [2, 3, 4])
    (band,) = figure.axes[0].collections
    low, high = (band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max())
    reach = 2 * np.std([1, 3], ddof=1) / 2**0.5
    assert (low, high) == pytest.approx((2 - reach, 3 + reach))


def test_the_pointing_game_tells_outlines_from_boxes():
    saliency = jnp.zeros((40, 40)).at[1, 1].set(1)
    outline = jnp.zeros((40, 40), bool).at[8:12, 8:12].set(True)
    boxes = jnp.array([[0.0, 0.0, 12.0, 12.0], [0.0, 0.0, 0.0, 0.0]])
    item = Item(saliency[:, :, None], 2, boxes, outline, jnp.array(True), jnp.array(True), 0)
    outlined = pointing_game.measure(None, None, item, jnp.array([2]), saliency[None])
    assert [float(outlined[name]) for name in ("hit", "near", "difficult", "energy")] == [1, 1, 1, 1]
    assert [float(outlined[name]) for name in ("on_object", "energy_on_object", "blank")] == [0, 0, 0]
    boxed = item._replace(mask=mask_of_boxes(boxes, (40, 40)), outlined=jnp.array(False))
    boxed = pointing_game.measure(None, None, boxed, jnp.array([2]), 0 * saliency[None])
    assert jnp.isnan(boxed["on_object"])
    assert jnp.isnan(boxed["energy_on_object"])
    assert [float(boxed[name]) for name in ("hit", "near", "blank")] == [1, 1, 1], "a blank map points to the corner"


def three_black_pictures():
    """A batch with boxes, of which two have outlines, and a classifier of it."""
    masks = np.zeros((3, 8, 8), bool)
    masks[0, :2, :2] = True  # the second picture's is lost, the third's unknown
    boxes, categories = np.array([[[0, 0, 3, 3]]] * 3, np.float32), np.full((3, 1), 1, np.int32)
    images, outlined = np.zeros((3, 8, 8, 3), np.uint8), np.array([True, True, False])
    labels, numbers = np.ones(3, np.int32), np.arange(3, dtype=np.int32)
    batch = Batch(0, numbers, ("a", "b", "c"), images, labels, boxes, categories, masks, outlined, ())
    return batch, Classifier(lambda params, images: images.mean((1, 2)), {}, np.asarray, list("abc"), None, 8)


def test_boxes_stand_for_outlines_that_are_unknown_or_left_no_pixel():
    batch, classifier = three_black_pictures()

    def measure(model_apply, params, item, labels, maps):
        return {"pixels": item.mask.sum(), "outlined": item.outlined}

    values = measuring(make_study(classifier, {"centre": centre}, 3, 0), measure)["centre"](batch)
    assert values["pixels"].tolist() == [4, 9, 9]
    assert values["outlined"].tolist() == [True, False, False]


def test_a_method_is_traced_once_for_all_experiments_and_a_measure_once_for_all_methods():
    batch, classifier = three_black_pictures()
    traced = []

    def builder(name):
        def build(model_apply, params):
            traced.append(name)
            return centre(model_apply, params)

        return build

    def measure(name):
        def peak(model_apply, params, item, labels, maps):
            traced.append(name)
            return {"peak": maps.max()}

        return peak

    study = make_study(classifier, {"one": builder("one"), "other": builder("other")}, 3, 0)
    programs = [*measuring(study, measure("all")).values(), *measuring(study.of(["other"]), measure("again")).values()]
    for program in programs:
        program(batch)
    assert sorted(traced) == ["again", "all", "one", "other"]


def test_pictures_are_prepared_and_classified_once_for_all_methods():
    batch, classifier = three_black_pictures()
    done = []

    def ask(model_apply, params, item):
        jax.debug.callback(lambda number: done.append(("ask", int(number))), item.number)
        return ask_own(model_apply, params, item)

    prepare = classifier._replace(preprocess=lambda image: done.append("prepare") or np.asarray(image))
    study = make_study(prepare, {"one": centre, "other": centre}, 3, 0)
    first, second = measuring(study, lambda *given: {"peak": given[-1].max()}, ask).values()
    for _ in range(2):
        done.clear()
        again = dataclasses.replace(batch)
        first(again)
        jax.effects_barrier()
        assert {"prepare", ("ask", 0), ("ask", 1), ("ask", 2)} == set(done)
        by_first = list(done)
        second(again)
        jax.effects_barrier()
        assert done == by_first


def test_the_record_of_what_is_done_looks_numbers_up():
    """It did build the union of all numbers for each of them: 3 seconds for 8,000 pictures and 7 methods."""

    class Lookup(set):
        def __or__(self, other):
            pytest.fail("numbers are copied")

    ledger = Ledger([row(0, "a", "m"), row(1, "b", "m"), row(2, "c", BROKEN)], ["m", "n"], 5, 2)
    ledger.done.update({method: Lookup(numbers) for method, numbers in ledger.done.items()})
    assert ledger.left() == {0: 2, 1: 4, 2: 2}


def test_ranks_are_of_pictures_that_are_known_for_every_method_and_equal_means_share_theirs():
    values = {"best": [9, 8, 7, None], "one": [1, 5, 3, 0], "other": [5, 1, 3, 0], "worst": [0, 0, 0, 99]}
    rows = [row(place, f"p{place}", method, one) for method, ones in values.items() for place, one in enumerate(ones)]
    middle, low, high = ranks(rows, [*values], "value", 1)
    assert middle.tolist() == [1, 2.5, 2.5, 4]
    assert (low[0], high[0], low[3], high[3]) == (1, 1, 4, 4), "whatever pictures are drawn"
    assert (low[1], high[1]) == (2, 3)
    assert ranks(rows, [*values], "value", -1)[0].tolist() == [4, 2.5, 2.5, 1]
    assert ranks([row(0, "p", "a", None), row(0, "p", "b", 1.0)], ["a", "b"], "value", 1) is None


def test_ranks_count_every_category_of_a_picture_and_draw_them_together():
    """By the last category of each, the worse method would be first; drawn one by one, it would be at times."""
    values = {"better": [9, 0, 0, 1], "worse": [0, 1, 1, 0.5]}
    pictures = ["p", "p", "p", "q"]
    rows = [row(n, pictures[n], method, one) for method, ones in values.items() for n, one in enumerate(ones)]
    middle, low, high = ranks(rows, [*values], "value", 1)
    assert [*middle, *low, *high] == [1, 2] * 3


def test_means_of_the_same_values_in_another_order_share_their_rank():
    values = np.random.default_rng(0).random(100).round(6).tolist()
    rows = [row(n, f"p{n}", m, one) for m in range(5) for n, one in enumerate(np.roll(values, 17 * m).tolist())]
    assert len({sum(np.roll(values, 17 * m)) for m in range(5)}) > 1, "they differ by rounding"
    assert ranks(rows, range(5), "value", 1)[0].tolist() == [3] * 5


def test_methods_are_measured_as_by_the_metrics_alone_and_placed_where_the_network_is_right():
    image = np.asarray(models.image())
    apply, params = models.plain()
    predicted = int(apply(params, image[None])[0].argmax())
    mask = np.zeros((12, 12), bool)
    mask[4:9, 4:9] = True
    labels = np.array([predicted, (predicted + 1) % 5], np.int32)
    batch = Batch(
        0,
        np.arange(2, dtype=np.int32),
        ("a", "b"),
        np.stack([image] * 2),
        labels,
        np.zeros((2, 1, 4), np.float32),
        labels[:, None],
        np.stack([mask] * 2),
        np.ones(2, bool),
        (),
    )
    classifier = Classifier(apply, params, lambda image: image, list("abcde"), None, 12)
    values = measures.programs(make_study(classifier, {"it": grad_cam}, 2, 0))["it"](batch)
    assert set(values) == set(measures.COLUMNS)
    saliency = grad_cam(apply, params)(image, predicted)
    expected = metrics.insertion_deletion(apply, params, pixels_per_step=-(-144 // 14))(image, saliency, predicted)
    np.testing.assert_allclose(values["insertion and deletion"], [expected.overall] * 2, atol=1e-5)
    np.testing.assert_allclose(
        values["energy"], [metrics.energy_inside(saliency, jnp.asarray(mask)), np.nan], atol=1e-5
    )
    rows = [
        make_row(None, {"id": name}, {key: value[place] for key, value in values.items()})
        for place, name in enumerate("ab")
    ]
    summary = measures.summarize(rows)
    assert (summary["hit"].n, summary["ROAD"].n) == (1, 2)
