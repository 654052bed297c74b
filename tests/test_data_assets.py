"""The photographs of ImageNet and COCO that the tests may use: counts, labels and boxes are the published ones."""

import json

import numpy as np
import pytest

from groupcam_jax.evaluation.data import (
    batches,
    by_category,
    by_class,
    open_data,
    resize_shorter_and_crop,
    resize_straight,
)
from pretrained.networks import imagenet


def test_imagenet(assets):
    dataset = open_data(assets / "data" / "ilsvrc_val")
    records = [json.loads(line) for line in (assets / "data" / "ilsvrc_val" / "boxes.jsonl").read_text().splitlines()]
    assert len(dataset) == len(records) == 280
    found = list(batches(dataset, resize_straight, 32))
    assert not any(batch.broken for batch in found)
    assert np.concatenate([batch.labels for batch in found]).tolist() == [record["label"] for record in records]
    assert dataset.categories[65] == "sea snake"
    assert sum((batch.categories >= 0).sum() for batch in found) == sum(len(r["boxes_xyxy"]) for r in records) == 424
    for batch in found:
        assert batch.boxes.min() >= 0
        assert batch.boxes.max() <= 224
    first = dataset[0]
    assert first.id == "ILSVRC2012_val_00000001"
    assert first.image.shape == (375, 500, 3)
    np.testing.assert_array_equal(first.boxes, [[111, 108, 442, 194]])
    assert by_class(dataset, imagenet.class_names()) == (dataset, False, "")  # whose names lack the synonyms


def test_coco(assets):
    with pytest.warns(UserWarning, match="objects are crowds, which are left out"):
        dataset = open_data(assets / "data" / "coco_val")
    assert len(dataset) == 206
    assert len(dataset.categories) == 80
    found = list(batches(dataset, resize_shorter_and_crop, 32))
    assert sum(len(batch.ids) for batch in found) == 206
    assert {tuple(batch.images.shape[1:]) for batch in found} == {(224, 224, 3)}
    record = json.loads((assets / "data" / "coco_val" / "instances_val2017.json").read_text())
    whole = [one for one in record["annotations"] if not one["iscrowd"]]
    assert sum(len(dataset.shown(index)) for index in range(206)) == len(whole)
    first = [dataset[index] for index in range(20)]
    boxes = np.concatenate([example.boxes for example in first])
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    of_picture = {one["id"]: [two for two in whole if two["image_id"] == one["id"]] for one in record["images"]}
    published = [one["area"] for image in record["images"][:20] for one in of_picture[image["id"]]]
    ours = np.concatenate([example.masks.sum((1, 2)) for example in first])
    assert len(ours) == len(published) > 100
    for example in first:
        for mask, box in zip(example.masks, example.boxes, strict=True):
            (left, top, right, bottom), (y, x) = box, np.nonzero(mask)
            assert ((x > left - 2) & (x < right + 1) & (y > top - 2) & (y < bottom + 1)).all()
    # COCO's own pixels have their centres elsewhere along the outline: by half a pixel, at most, all around.
    np.testing.assert_allclose(ours, published, rtol=0.05, atol=30)


def test_coco_by_category(assets):
    names = list(json.loads((assets / "data" / "coco_to_imagenet.json").read_text()))
    with pytest.warns(UserWarning, match="objects are crowds, which are left out"):
        dataset = open_data(assets / "data" / "coco_val")
    pairs = by_category(dataset, names)
    assert len(pairs) >= 206
    for index in range(0, len(pairs), 50):
        example = pairs[index]
        assert example.id.endswith(".jpg")
        assert example.label in example.categories
