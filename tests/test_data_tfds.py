"""Data sets of TensorFlow Datasets by name, without TensorFlow: prepared here, and read back."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from groupcam_jax.evaluation.data import BrokenPicture, batches, by_category, open_data, resize_straight


def jpeg(size, orientation=1):
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (200, 100, 50)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


PICTURES = {
    "plain.jpg": (jpeg((40, 20)), 2, [(0.25, 0.5, 0.75, 1.0)]),  # top, left, bottom, right
    "turned.jpg": (jpeg((40, 20), 6), 0, [(0.0, 0.0, 0.5, 0.25), (0.0, 0.0, 1.0, 1.0)]),
    "cut.jpg": (jpeg((40, 20))[:300], 1, []),
    "small.jpg": (jpeg((7, 9)), 1, []),
}
EXPECTED = {"plain.jpg": [[20, 5, 40, 15]], "turned.jpg": [[10, 0, 20, 10], [0, 0, 20, 40]], "small.jpg": []}
NAMES = "ant", "bee", "cow"


class Pictures(tfds.core.GeneratorBasedBuilder):
    """Pictures with a label and boxes, or with objects as COCO has them, the second of each picture a crowd."""

    VERSION = tfds.core.Version("1.2.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("labelled", "objects")]  # noqa: RUF012

    def _info(self):
        label, box = tfds.features.ClassLabel(names=NAMES), tfds.features.BBoxFeature()
        if self.builder_config.name == "labelled":
            rest = {"label": label, "bbox": tfds.features.Sequence(box), "file_name": tfds.features.Text()}
        else:
            objects = tfds.features.Sequence({"bbox": box, "label": label, "is_crowd": np.bool_})
            rest = {"objects": objects, "image/filename": tfds.features.Text()}
        features = {"image": tfds.features.Image(encoding_format="jpeg")} | rest
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"validation": self._generate_examples()}

    def _generate_examples(self):
        for name, (image, label, sides) in PICTURES.items():
            boxes = [tfds.features.BBox(*box) for box in sides]
            if self.builder_config.name == "labelled":
                yield name, {"file_name": name, "image": image, "label": label, "bbox": boxes}
            else:
                objects = [{"bbox": box, "label": label, "is_crowd": index == 1} for index, box in enumerate(boxes)]
                yield name, {"image/filename": name, "image": image, "objects": objects}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for config in ("labelled", "objects"):
        Pictures(data_dir=folder, config=config).download_and_prepare(file_format="array_record")
    return folder


def readable(dataset):
    examples = {}
    for index in range(len(dataset)):
        try:
            examples[dataset[index].id] = dataset[index]
        except BrokenPicture as error:
            assert error.id == "cut.jpg"  # noqa: PT017
    return examples


def test_image_label_and_boxes(data_dir):
    dataset = open_data("pictures/labelled", data_dir=data_dir)
    assert (dataset.name, dataset.categories, len(dataset)) == ("pictures/labelled", NAMES, 4)
    found = readable(dataset)
    assert {id: example.label for id, example in found.items()} == {"plain.jpg": 2, "turned.jpg": 0, "small.jpg": 1}
    assert sorted(map(dataset.label, range(4))) == [0, 1, 1, 2], "the broken one as well"
    for id, boxes in EXPECTED.items():
        np.testing.assert_allclose(found[id].boxes, np.reshape(boxes, (-1, 4)), atol=1e-5)
        assert found[id].categories.tolist() == [found[id].label] * len(boxes)
    assert found["plain.jpg"].image.shape == (20, 40, 3)
    assert found["turned.jpg"].image.shape == (40, 20, 3)
    assert np.abs(found["small.jpg"].image.astype(int) - [200, 100, 50]).max() < 5


@pytest.mark.parametrize("name", ["pictures/objects", "pictures/objects:1.2.0"])
def test_objects_without_crowds(data_dir, name):
    dataset = open_data(name, data_dir=data_dir)
    found = readable(dataset)
    assert {example.label for example in found.values()} == {*map(dataset.label, range(4))} == {-1}
    np.testing.assert_allclose(found["turned.jpg"].boxes, EXPECTED["turned.jpg"][:1], atol=1e-5)
    categories = {id: example.categories.tolist() for id, example in found.items()}
    assert categories == {"plain.jpg": [2], "turned.jpg": [0], "small.jpg": []}


def test_batches(data_dir):
    (batch,) = batches(open_data("pictures/labelled", data_dir=data_dir), resize_straight, 8)
    assert set(batch.ids) == set(EXPECTED)
    assert batch.images.shape == (3, 224, 224, 3)
    assert [one.id for one in batch.broken] == ["cut.jpg"]


def test_pairs_of_picture_and_category(data_dir):
    pairs = by_category(open_data("pictures/objects", data_dir=data_dir), ["cow", "ant"])
    assert {example.id: example.label for example in pairs} == {"plain.jpg": 0, "turned.jpg": 1}


def test_a_part_of_a_split(data_dir):
    assert len(open_data("pictures/labelled", "validation[:3]", data_dir)) == 3


@pytest.mark.parametrize("name", ["imagenet2012", "coco/2017", "pictures/others", "no such/folder/at all"])
def test_what_is_not_there(data_dir, name):
    expected = (
        f"^{name} is no folder, and no data set in {data_dir}; to prepare it, run tfds build {name} --file_format"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        open_data(name, data_dir=data_dir)


def test_what_cannot_be_used(data_dir, tmp_path):
    with pytest.raises(ValueError, match="labelled has the splits validation; 'train' cannot be opened"):
        open_data("pictures/labelled", "train", data_dir)
    copy = shutil.copytree(data_dir / "pictures", tmp_path / "pictures") / "labelled" / "1.2.0"
    for name, old, new, message in (
        ("dataset_info.json", "array_record", "tfrecord", "in another format than array_record; run tfds build pict"),
        ("features.json", '"label"', '"kind"', "expected the features image and label or objects, got .*kind"),
    ):
        (copy / name).write_text((copy / name).read_text().replace(old, new))
        with pytest.raises(ValueError, match=message):
            open_data("pictures/labelled", data_dir=tmp_path)


@pytest.fixture
def copy(data_dir, tmp_path):
    """A copy of the prepared folder, to be damaged."""
    return shutil.copytree(data_dir / "pictures", tmp_path / "pictures") / "labelled" / "1.2.0"


def unnamed(features):
    """The features with a label that is a number alone."""
    content = json.loads(features)
    scalar = {"shape": {}, "dtype": "int64", "encoding": "none"}
    of = "tensorflow_datasets.core.features.scalar.Scalar"
    content["featuresDict"]["features"]["label"] = {"pythonClassName": of, "tensor": scalar}
    return json.dumps(content).encode()


def without_splits(info):
    """What describes the data set, before any of it was prepared."""
    return json.dumps(json.loads(info) | {"splits": []}).encode()


SHARD = "pictures-validation.array_record-00000-of-00001"


@pytest.mark.parametrize(("file", "damage", "error", "message"), [
    (SHARD, lambda content: None, FileNotFoundError, f"{SHARD}: this part of .* is missing"),
    (SHARD, lambda content: content[:900], ValueError, f"{SHARD}: this part of .* is cut short, or a pointer"),
    ("dataset_info.json", lambda content: content[:50], ValueError, r"dataset_info\.json or features\.json is damaged"),
    ("features.json", lambda content: content[:50], ValueError, r"dataset_info\.json or features\.json is damaged"),
    ("features.json", unnamed, ValueError, "expected labels with names"),
    ("dataset_info.json", without_splits, ValueError, "has the splits none; 'validation' cannot be opened"),
])  # fmt: skip
@pytest.mark.parametrize("by_path", [False, True])
def test_damaged_data_is_named(copy, tmp_path, file, damage, error, message, by_path):
    content = damage((copy / file).read_bytes())
    (copy / file).unlink()
    if content is not None:
        (copy / file).write_bytes(content)
    with pytest.raises(error, match=message):
        open_data(copy) if by_path else open_data("pictures/labelled", data_dir=tmp_path)


def test_the_data_are_known_by_what_they_hold(copy):
    before = open_data(copy).identities()
    assert open_data(copy).identities() == before
    content = (copy / SHARD).read_bytes()
    (copy / SHARD).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert set(open_data(copy).identities()).isdisjoint(before)
    (copy / SHARD).write_bytes(content)
    names = copy / "label.labels.txt"
    names.write_text(names.read_text()[::-1])
    assert set(open_data(copy).identities()).isdisjoint(before)


def test_a_damaged_record_is_a_broken_picture(copy):
    content = (copy / SHARD).read_bytes()
    (copy / SHARD).write_bytes(bytes(100) + content[100:])
    with pytest.raises(BrokenPicture, match=f"validation 0: cannot be read from .*{SHARD}: "):
        open_data(copy)[0]


def test_a_prepared_folder_by_its_path(data_dir):
    for folder in (data_dir / "pictures" / "labelled" / "1.2.0", data_dir / "pictures" / "labelled"):
        assert len(open_data(folder)) == 4
        assert len(open_data(folder, "validation[:3]")) == 3


def test_without_tensorflow_and_without_the_code_that_prepared_it(data_dir):
    code = f"""
import sys
import groupcam_jax.evaluation.data
assert not {{"tensorflow_datasets", "grain"}} & set(sys.modules)
dataset = groupcam_jax.evaluation.data.open_data("pictures/labelled", data_dir={str(data_dir)!r})
assert "tensorflow" not in sys.modules
print(len(dataset), sorted(dataset.shown(index) for index in range(4)))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout == "4 [[], [], [0, 0], [2]]\n", done.stderr
