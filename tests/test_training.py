"""The parts of a fine-tuning: crops, batches, the step and its devices."""

import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import trained_here
from hypothesis import given
from hypothesis import strategies as st

import groupcam_jax as g
from groupcam_jax.evaluation.data import BrokenPicture, Dataset, open_data
from groupcam_jax.training.classes import fit_classes
from groupcam_jax.training.crops import RATIOS, random_box, random_crop
from groupcam_jax.training.data import open_pair
from groupcam_jax.training.feed import Source, evaluation_batches, training_batches
from groupcam_jax.training.programs import compile_programs
from groupcam_jax.training.step import Item, first_state, training_step
from groupcam_jax.training.trainable import trainable
from pretrained.networks import imagenet

RATE, MOMENTUM, DECAY = 0.1, 0.9, 1e-2
OPTIMIZER = optax.chain(optax.add_decayed_weights(DECAY), optax.sgd(RATE, MOMENTUM))


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_a_random_crop_lies_inside_and_has_its_share_and_ratio(height, width, smallest, seed):
    left, top, right, bottom = random_box(height, width, smallest, np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    wide, high = right - left, bottom - top
    if min(wide, high) >= 20:  # where rounding to pixels does not matter
        assert RATIOS[0] * 0.9 <= wide / high <= RATIOS[1] * 1.1
        assert wide * high >= 0.9 * min(smallest, min(height, width) ** 2 / height / width) * height * width


def test_the_mask_goes_with_its_picture():
    rows, columns = np.mgrid[:60, :80]
    mask = (rows > 20) & (columns > 30) & (columns < 60)
    image = np.where(mask[:, :, None], 255, 0).astype(np.uint8).repeat(3, 2)
    mirrored = set()
    for seed in range(20):
        shown, cropped = random_crop(image, mask, 32, 0.3, np.random.default_rng(seed))
        assert ((shown[:, :, 0] > 127) == cropped).mean() > 0.95
        mirrored.add(cropped.tobytes())
    assert len(mirrored) > 10


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return open_data(trained_here.write_squares(tmp_path_factory.mktemp("squares") / "train", 8))


def test_an_epoch_has_every_picture_once_and_a_run_can_begin_anywhere(squares):
    shades = [Numbered(squares, number) for number in range(len(squares))]
    dataset = Dataset(
        "squares", squares.categories, len(squares), lambda n: shades[n].example, lambda n: -1, lambda n: []
    )
    source = Source(dataset, range(3), trained_here.SIZE, batch=4)
    whole = list(training_batches(source, range(12), seed=3, smallest=1.0))
    first, second = ([int(n) for batch in part for n in batch.images.max((1, 2, 3))] for part in (whole[:6], whole[6:]))
    assert sorted(first) == sorted(second) == [*range(24)]
    assert first != second
    for one, other in zip(whole[5:], training_batches(source, range(5, 12), seed=3, smallest=1.0), strict=True):
        np.testing.assert_array_equal(one.images, other.images)
    parts = [source._replace(process=process, processes=2) for process in range(2)]
    halves = [list(training_batches(part, range(12), seed=3, smallest=1.0)) for part in parts]
    for one, left, right in zip(whole, *halves, strict=True):
        np.testing.assert_array_equal(one.images, np.concatenate([left.images, right.images]))
    halves = [list(evaluation_batches(part._replace(batch=16))) for part in parts]
    assert sum(int(batch.counts.sum()) for batches in halves for batch in batches) == 24
    assert [len(batches) for batches in halves] == [2, 2]


class Numbered:
    """An example whose picture is one shade of grey: its number."""

    def __init__(self, dataset, number):
        self.example = dataset[number]._replace(image=np.full((24, 20, 3), number, np.uint8))


def test_a_picture_is_cropped_anew_in_every_epoch(squares):
    one = Dataset("one", squares.categories, 1, lambda n: squares[0], lambda n: -1, lambda n: [])
    source = Source(one, range(3), trained_here.SIZE, batch=1)
    shown = {batch.images.tobytes() for batch in training_batches(source, range(6), seed=0, smallest=0.2)}
    assert len(shown) == 6


def test_labels_that_are_none_and_rows_of_broken_pictures_are_said(squares):
    unlabelled = Dataset(
        "coco", squares.categories, 8, lambda n: squares[n]._replace(label=-1), lambda n: -1, lambda n: []
    )
    with pytest.raises(ValueError, match=r"coco, blue/0.png: label -1 is none of its 3 categories"):
        next(evaluation_batches(Source(unlabelled, range(3), 16, 4)))

    def broken(number):
        raise BrokenPicture(f"{number}.png", "is cut short")

    nothing = Dataset("broken", squares.categories, 8, broken, lambda n: -1, lambda n: [])
    with pytest.raises(ValueError, match=r"broken: many pictures in a row cannot be read, such as \d.png: is cut"):
        next(training_batches(Source(nothing, range(3), 16, 4), range(2), 0, 0.5))


def batch_of(squares, count):
    source = Source(squares, range(3), trained_here.SIZE, count)
    return next(training_batches(source, range(1), seed=0, smallest=0.5))


def item_of(squares, count):
    examples = batch_of(squares, count)
    return Item(jax.vmap(trained_here.preprocess)(jnp.asarray(examples.images)), jnp.asarray(examples.labels))


def augment_by_group_cam(apply):
    def augment(params, item, key):
        one = g.saliency_augmentation(apply, params, groups=4, baseline=g.gaussian_blur(5, 3.0))
        return one(item.image, item.label)

    return augment


def test_a_step_is_sgd_on_what_the_network_finds_salient(squares):
    classifier, batch = trained_here.factory(), item_of(squares, 8)
    network = trainable(classifier)
    augment = augment_by_group_cam(classifier.apply)
    step = jax.jit(training_step(network, OPTIMIZER, augment, steps_per_epoch=10))
    state = first_state(network, OPTIMIZER, seed=0)
    params, velocity = classifier.params["params"], jax.tree.map(jnp.zeros_like, classifier.params["params"])
    statistics = {"batch_stats": classifier.params["batch_stats"]}
    losses = []
    for _ in range(3):
        state, outcome = step(state, batch)
        shown = jnp.stack(
            [augment({"params": params, **statistics}, Item(*one), None) for one in zip(*batch[:2], strict=True)]
        )

        def loss(params, shown=shown):
            logits = classifier.apply({"params": params, **statistics}, shown)
            return -jax.nn.log_softmax(logits)[jnp.arange(8), batch.label].mean()

        value, gradient = jax.value_and_grad(loss)(params)
        # PyTorch's SGD: the decay joins the gradient, before the momentum.
        gradient = jax.tree.map(lambda grad, weight: grad + DECAY * weight, gradient, params)
        velocity = jax.tree.map(lambda old, grad: MOMENTUM * old + grad, velocity, gradient)
        params = jax.tree.map(lambda weight, change: weight - RATE * change, params, velocity)
        assert float(outcome.loss) == pytest.approx(float(value), rel=1e-4)
        losses.append(float(outcome.loss))
    for name, array in network.trained.items():
        _, module, leaf = name.split("/")
        np.testing.assert_allclose(state.trained[name], params[module][leaf], atol=1e-5)
        assert (np.asarray(array) != np.asarray(state.trained[name])).any()
    for name, array in network.fixed.items():
        np.testing.assert_array_equal(state.fixed[name], array)
    assert float(state.sums.loss) == pytest.approx(8 * sum(losses), rel=1e-5)
    assert (int(state.step), int(state.sums.pictures)) == (3, 24)


def test_updated_statistics_are_those_of_whole_pictures(squares):
    classifier, batch = trained_here.factory(), item_of(squares, 8)
    network = trainable(classifier, update_statistics=True)
    step = jax.jit(training_step(network, OPTIMIZER, lambda params, item, key: 0 * item.image, steps_per_epoch=10))
    state, outcome = step(first_state(network, OPTIMIZER, seed=0), batch)
    module = trained_here.Net(use_running_average=False)
    _, expected = module.apply(classifier.params, batch.image, mutable=["batch_stats"])
    blank, _ = module.apply(classifier.params, 0 * batch.image, mutable=["batch_stats"])
    for leaf, array in expected["batch_stats"]["bn1"].items():
        np.testing.assert_allclose(state.fixed[f"batch_stats/bn1/{leaf}"], array, atol=1e-6)
        assert (np.asarray(array) != np.asarray(classifier.params["batch_stats"]["bn1"][leaf])).all()
    loss = optax.softmax_cross_entropy_with_integer_labels(blank, batch.label).mean()
    assert float(outcome.loss) == pytest.approx(float(loss), rel=1e-5)


def test_statistics_cannot_be_both_frozen_and_updated():
    for pattern in ("batch_stats", "bn1/mean"):
        with pytest.raises(
            ValueError, match=rf"--frozen {pattern}: finds only statistics, such as batch_stats/bn1/mean"
        ):
            trainable(trained_here.factory(), [pattern], update_statistics=True)
    assert "batch_stats/bn1/mean" in trainable(trained_here.factory(), ["batch_stats"]).fixed
    assert "params/bn1/scale" in trainable(trained_here.factory(), ["bn1"], update_statistics=True).fixed


@pytest.mark.parametrize("update_statistics", [False, True])
def test_eight_devices_have_the_losses_of_one(squares, update_statistics, monkeypatch):
    classifier = trained_here.factory()
    network = trainable(classifier, update_statistics=update_statistics)
    source = Source(squares, range(3), trained_here.SIZE, 16)

    def losses(devices):
        monkeypatch.setattr(jax, "devices", lambda backend=None: devices)
        augment = augment_by_group_cam(network.apply)
        programs = compile_programs(classifier, network, OPTIMIZER, augment, batch=16, steps_per_epoch=1)
        state, found = programs.start(5), []
        for examples in training_batches(source, range(8), seed=5, smallest=0.5):
            state, outcome = programs.train(state, examples)
            found.append(float(outcome.loss))
        assert len(jax.tree.leaves(state)[0].devices()) == len(devices)
        return found

    everywhere = jax.devices()
    assert len(everywhere) == 8
    np.testing.assert_allclose(losses(everywhere), losses(everywhere[:1]), atol=1e-5)


def test_a_single_logit_is_trained_as_two_classes(squares):
    classifier = trained_here.factory()
    one = classifier._replace(apply=lambda params, x: classifier.apply(params, x)[:, 0], class_names=["blue", "green"])
    network = trainable(one)
    batch = item_of(squares, 8)
    batch = batch._replace(label=batch.label % 2)
    _, outcome = training_step(network, OPTIMIZER, None, 1)(first_state(network, OPTIMIZER, 0), batch)
    expected = optax.sigmoid_binary_cross_entropy(one.apply(one.params, batch.image), batch.label.astype(jnp.float32))
    assert float(outcome.loss) == pytest.approx(float(expected.mean()), rel=1e-5)


def test_statistics_are_known_without_their_names():
    module, images = trained_here.Net(), jnp.zeros((1, trained_here.SIZE, trained_here.SIZE, 3))
    leaves, tree = jax.tree.flatten(module.init(jax.random.key(0), images))
    unnamed = trained_here.factory()._replace(
        apply=lambda params, x: module.apply(tree.unflatten(params), x), params=leaves
    )
    mean, variance = 0, 1  # batch_stats comes before params
    assert leaves[variance].shape == (8,)
    with pytest.raises(ValueError, match=r"^0, 1 look like stored statistics of a normalisation"):
        trainable(unnamed)
    assert [*trainable(unnamed, frozen=[f"^{mean}$", f"^{variance}$"]).fixed] == ["0", "1"]


def test_statistics_of_equinox_are_known():
    class Net(eqx.Module):
        conv: eqx.nn.Conv2d
        norm: eqx.nn.BatchNorm
        fc: eqx.nn.Linear

        def __init__(self, mode):
            self.conv = eqx.nn.Conv2d(3, 8, 3, key=jax.random.key(0))
            self.norm = eqx.nn.BatchNorm(8, "batch", mode=mode)
            self.fc = eqx.nn.Linear(8, 3, key=jax.random.key(1))

        def __call__(self, x, state):
            x, state = self.norm(self.conv(x), state)
            return self.fc(jax.nn.relu(x).mean((1, 2))), state

    for mode in ("batch", "ema"):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            model = eqx.nn.inference_mode(eqx.nn.make_with_state(Net)(mode))

            def apply(params, images):
                model, state = params
                return jax.vmap(lambda x: model(x.transpose(2, 0, 1), state)[0], axis_name="batch")(images)

            classifier = trained_here.factory()._replace(apply=apply, params=model)
            with pytest.raises(ValueError, match="look like stored statistics"):
                trainable(classifier)
            held = trainable(classifier, frozen=["^1/"])
        assert {name.split("/")[0] for name in held.trained} == {"0"}


def test_short_weights_are_trained_in_float32(squares):
    classifier = trained_here.factory()
    short = classifier._replace(params=jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), classifier.params))
    short = short._replace(apply=lambda params, x: classifier.apply(params, x.astype(jnp.bfloat16)))
    network = trainable(short)
    with jax.numpy_dtype_promotion("standard"):
        state, _ = training_step(network, optax.sgd(1e-4), None, 1)(
            first_state(network, optax.sgd(1e-4), 0), item_of(squares, 8)
        )
    assert (state.trained["params/fc/bias"] != network.trained["params/fc/bias"]).all()
    params = network.join({**state.trained, **state.fixed})
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("bfloat16")}


def test_folders_of_wordnet_are_the_categories_that_there_are(tmp_path):
    ids = ["n01440764", "n01443537", "n02123045"]
    trained_here.write_squares(tmp_path / "train", 1, ids)
    trained_here.write_squares(tmp_path / "val", 1, ids)
    training, _ = open_pair(str(tmp_path), None)
    assert training.categories == tuple(ids)
    assert [training[index].label for index in range(3)] == [0, 1, 2]
    shutil.rmtree(tmp_path / "val" / ids[1])
    with pytest.raises(ValueError, match="val has no pictures of n01443537"):
        open_pair(str(tmp_path), None)


def test_classes_are_matched_by_their_names():
    fitted = fit_classes(trained_here.factory(), ["blue", "green", "red"])
    assert [*fitted.class_of] == [2, 1, 0]  # the network has red, green, blue
    assert fitted.classifier.class_names == ("red", "green", "blue")
    fitted = fit_classes(trained_here.factory(), ["cat", "dog", "owl"])
    assert (fitted.classifier.class_names, [*fitted.class_of]) == (["cat", "dog", "owl"], [0, 1, 2])
    assert "the last layer is kept: 'red' becomes 'cat'" in fitted.told
    assert fitted.classifier.params["params"]["fc"]["kernel"].all()
    fitted = fit_classes(trained_here.factory(), ["blue", "owl", "red"])  # a shared name stays with its weights
    assert (fitted.classifier.class_names, [*fitted.class_of]) == (["red", "owl", "blue"], [2, 1, 0])
    assert fitted.told == "the last layer is kept: 'green' becomes 'owl'; 2 classes have the same names"
    fitted = fit_classes(trained_here.factory(4, ["cat", "crane", "crane", "dog"]), ["crane", "crane", "dog", "owl"])
    assert (fitted.classifier.class_names, [*fitted.class_of]) == (["crane", "crane", "owl", "dog"], [0, 1, 3, 2])
    fitted = fit_classes(trained_here.factory(), ["cat", "dog", "owl"], new=True)
    assert not fitted.classifier.params["params"]["fc"]["kernel"].any()
    fitted = fit_classes(trained_here.factory(), ["Red", "red", "green", "blue"])
    assert fitted.classifier.class_names == ["Red", "red", "green", "blue"]
    index = imagenet.class_index()
    ids, readable = [id for id, _ in index], [name for _, name in index]
    for names in (ids, readable):
        fitted = fit_classes(trained_here.factory(1000, names), ids)
        assert fitted.told == "the last layer is kept: same classes"
    bare = trained_here.plain()
    with pytest.raises(ValueError, match="the network has 3 classes and the data 2 categories"):
        fit_classes(bare, ["cat", "dog"])
