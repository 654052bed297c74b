"""Batches are the same whatever ran before, and lose nothing to broken pictures."""

import numpy as np
import pytest

from groupcam_jax.evaluation.data import BrokenPicture, Dataset, Example, batches

BROKEN = {3, 8, 9, 10, 11, 21}


def read(index):
    if index in BROKEN:
        raise BrokenPicture(f"p{index}", "cut short")
    boxes = np.full((index % 4, 4), index, np.float32)
    image = np.full((2, 2, 3), index, np.uint8)
    return Example(f"p{index}", image, index, boxes, np.full(index % 4, index, np.int32))


DATASET = Dataset("numbers", ("one", "two"), 22, read, lambda index: -1, lambda index: [index] * (index % 4))


def unchanged(example):
    return example


def run(size=4, **options):
    return {batch.index: batch for batch in batches(DATASET, unchanged, size, **options)}


def assert_same(got, expected):
    assert got.ids == expected.ids
    assert got.broken == expected.broken
    for name in ("images", "labels", "boxes", "categories"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


def test_order_and_content():
    found = run()
    assert list(found) == [0, 1, 2, 3, 4, 5]
    assert found[1].ids == ("p4", "p5", "p6", "p7")
    np.testing.assert_array_equal(found[1].labels, [4, 5, 6, 7])
    np.testing.assert_array_equal(found[1].images[:, 0, 0, 0], [4, 5, 6, 7])
    padded = [[-1] * 16, [5] + [-1] * 15, [6, 6] + [-1] * 14, [7, 7, 7] + [-1] * 13]  # one shape: compiled once
    np.testing.assert_array_equal(found[1].categories, padded)
    np.testing.assert_array_equal(found[1].boxes[2], [[6] * 4] * 2 + [[0] * 4] * 14)
    types = {name: getattr(found[1], name).dtype.name for name in ("images", "labels", "boxes", "categories")}
    assert types == {"images": "uint8", "labels": "int32", "boxes": "float32", "categories": "int32"}


def test_the_last_batch_is_shorter():
    assert run()[5].ids == ("p20",)
    assert run(size=22)[0].images.shape == (22 - len(BROKEN), 2, 2, 3)
    assert run(size=100).keys() == {0}


def test_broken_pictures_are_named_and_keep_their_place():
    found = run()
    assert found[0].ids == ("p0", "p1", "p2")
    np.testing.assert_array_equal(found[0].numbers, [0, 1, 2])
    assert found[0].broken == ((3, "p3", "p3: cut short"),)
    assert [one.id for batch in found.values() for one in batch.broken] == [f"p{index}" for index in sorted(BROKEN)]


def test_a_batch_of_broken_pictures():
    batch = run()[2]
    assert batch.ids == ()
    assert len(batch.broken) == 4
    assert batch.images.shape[0] == batch.labels.shape[0] == batch.boxes.shape[0] == 0


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_the_same_batches(processes):
    whole = run()
    shares = [run(process=process, processes=processes) for process in range(processes)]
    assert sum(map(len, shares)) == len(whole)
    for process, share in enumerate(shares):
        for index, batch in share.items():
            assert index % processes == process
            assert_same(batch, whole[index])


def test_a_run_that_goes_on_reads_what_is_left():
    whole, done = run(), {0, 2, 3}
    rest = run(skip=done)
    assert list(rest) == [1, 4, 5]
    for index, batch in rest.items():
        assert_same(batch, whole[index])
    assert run(skip=set(whole)) == {}


def test_another_number_of_processes_goes_on():
    done = set(run(process=1, processes=3))
    rest = [*run(skip=done, process=0, processes=2), *run(skip=done, process=1, processes=2)]
    assert sorted([*done, *rest]) == list(run())


def test_limit():
    assert [batch.ids for batch in run(limit=6).values()] == [("p0", "p1", "p2"), ("p4", "p5")]
    assert run(limit=1000).keys() == run().keys()


def test_other_errors_are_not_hidden():
    def fail(example):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(batches(DATASET, fail, 4))


@pytest.mark.parametrize("options", [
    {"size": 0}, {"limit": 0}, {"processes": 0}, {"process": 2, "processes": 2}, {"process": -1},
])  # fmt: skip
def test_numbers_that_make_no_sense(options):
    with pytest.raises(ValueError, match="expected size, limit"):
        batches(DATASET, unchanged, **{"size": 4} | options)


def test_a_data_set_is_a_sequence():
    assert len(DATASET) == 22
    assert DATASET[-2].id == "p20"
    with pytest.raises(IndexError):
        DATASET[22]


def test_the_mask_is_that_of_all_objects_of_the_label():
    corner, diagonal = np.array([[1, 0], [0, 0]], bool), np.eye(2, dtype=bool)
    other = ~diagonal

    def outline(example):
        categories = np.array([example.label, example.label + 1, example.label], np.int32)
        masks = np.stack([corner, other, diagonal]) if example.label else None
        return example._replace(boxes=np.ones((3, 4), np.float32), categories=categories, masks=masks)

    (batch,) = batches(DATASET, outline, 2, limit=2)
    assert batch.outlined.tolist() == [False, True]
    np.testing.assert_array_equal(batch.masks, [np.zeros((2, 2)), diagonal])
