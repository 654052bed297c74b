"""Folders named by WordNet ids: their labels are ImageNet's classes."""

import hashlib
import json

import pytest
from PIL import Image

from groupcam_jax.evaluation.data import open_data

IDS = [f"n{label:07}0" for label in range(1000)]  # sorted, as ImageNet's are


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPCAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pretrained.networks.imagenet.CLASS_INDEX_URL", "http://127.0.0.1:9/class_index.json")
    return tmp_path / "cache"


@pytest.fixture
def class_index(cache, monkeypatch):
    index = json.dumps({label: [id, "name"] for label, id in enumerate(IDS)})
    cache.mkdir()
    (cache / "imagenet_class_index.json").write_text(index)
    digest = f"md5:{hashlib.md5(index.encode()).hexdigest()}"
    monkeypatch.setattr("pretrained.networks.imagenet.CLASS_INDEX_DIGEST", digest)


def make(folder, ids):
    for id in ids:
        (folder / id).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(folder / id / "a.png")
    return folder


@pytest.mark.usefixtures("cache")
def test_all_of_them_need_no_class_index(tmp_path):
    dataset = open_data(make(tmp_path / "val", IDS))
    assert dataset.categories == tuple(IDS)
    assert [dataset[index].label for index in (0, 65, 999)] == [0, 65, 999]


@pytest.mark.usefixtures("class_index")
def test_some_of_them(tmp_path):
    dataset = open_data(make(tmp_path / "val", [IDS[970], IDS[65]]))
    assert [example.label for example in dataset] == [65, 970]
    assert dataset.categories == tuple(IDS)
    with pytest.raises(ValueError, match="n99999999 are WordNet ids, but no classes of ImageNet"):
        open_data(make(tmp_path / "val", ["n99999999"]))


@pytest.mark.usefixtures("cache")
def test_some_of_them_and_no_network(tmp_path):
    with pytest.raises(OSError, match=r"val holds some of ImageNet's classes; .*no network: put .*class_index\.json"):
        open_data(make(tmp_path / "val", IDS[:1]))
