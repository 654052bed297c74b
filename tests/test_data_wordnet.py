"""Folders named by WordNet ids: their labels are ImageNet's classes."""

import pytest
from PIL import Image

from groupcam_jax.evaluation.data import open_data
from pretrained.networks.imagenet import class_index

IDS = [id for id, _ in class_index()]


def make(folder, ids):
    for id in ids:
        (folder / id).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(folder / id / "a.png")
    return folder


@pytest.mark.parametrize("labels", [range(1000), [65, 970]], ids=["all", "some"])
def test_labels_are_classes(tmp_path, labels):
    dataset = open_data(make(tmp_path / "val", [IDS[label] for label in labels]))
    assert [example.label for example in dataset] == [*labels]
    assert dataset.categories == tuple(IDS)


def test_an_id_that_is_no_class(tmp_path):
    with pytest.raises(ValueError, match="n99999999 are WordNet ids, but no classes of ImageNet"):
        open_data(make(tmp_path / "val", ["n99999999", IDS[65]]))
