"""A picture counts once for every category that it shows."""

import numpy as np
import pytest

from groupcam_jax.evaluation.data import (
    BrokenPicture,
    Dataset,
    Example,
    batches,
    by_category,
    open_data,
    resize_straight,
)

SHOWN = [[0, 2, 0], [], [1], [3, 2], [2]]


def read(index):
    if index == 4:
        raise BrokenPicture("p4", "cut short")
    boxes = np.arange(4 * len(SHOWN[index]), dtype=np.float32).reshape(-1, 4)
    return Example(f"p{index}", np.zeros((2, 2, 3), np.uint8), -1, boxes, np.array(SHOWN[index], np.int32))


DATASET = Dataset("drawn", ("ant", "bee", "cow", "dog"), 5, read, lambda index: -1, SHOWN.__getitem__)


def test_pairs():
    pairs = by_category(DATASET, ["cow", "ant"])
    assert pairs.categories == ("cow", "ant", "anything else")
    found = [(example.id, example.label, example.categories.tolist()) for example in map(pairs.__getitem__, range(3))]
    assert found == [("p0", 0, [1, 0, 1]), ("p0", 1, [1, 0, 1]), ("p3", 0, [2, 0])]
    np.testing.assert_array_equal(pairs[0].boxes, DATASET[0].boxes)
    assert [pairs.shown(index) for index in range(4)] == [[0], [1], [0], [0]]


def test_broken_pairs_are_named_by_their_picture():
    with pytest.raises(BrokenPicture, match="p4: cut short") as caught:
        by_category(DATASET, ["cow"])[2]
    assert caught.value.id == "p4"


def test_no_such_category():
    with pytest.raises(ValueError, match="drawn has no category 'elk'; it has ant, bee, cow, dog"):
        by_category(DATASET, ["ant", "elk"])
    with pytest.raises(ValueError, match="drawn has several categories called 'ant'"):
        by_category(Dataset("drawn", ("ant", "ant"), 1, read, lambda index: -1, lambda index: []), ["ant"])
    with pytest.raises(ValueError, match="no picture of drawn has an object of bee"):
        by_category(Dataset("drawn", ("ant", "bee"), 1, read, lambda index: -1, lambda index: []), ["bee"])


def test_scenes():
    scenes = open_data("scenes")
    first, again = scenes[3], open_data("scenes")[3]
    np.testing.assert_array_equal(first.image, again.image)
    assert (first.image != scenes[4].image).any()
    ((left, top, right, bottom),) = first.boxes.astype(int)
    (mask,) = first.masks
    assert mask[top:bottom, left:right].sum() == mask.sum()
    assert first.categories.tolist() == [first.label] == scenes.shown(3)
    (batch,) = batches(scenes, lambda example: resize_straight(example, 48), 2, limit=2)
    assert batch.masks.shape == (2, 48, 48)
    assert batch.masks.dtype == bool
    assert batch.outlined.all()
    assert batch.masks.mean() == pytest.approx(np.mean([scenes[index].masks.mean() for index in (0, 1)]), rel=0.1)
