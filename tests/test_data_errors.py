"""Data that is not as expected: the error or the warning names what is wrong, where, and what was expected."""

import json

import pytest
from PIL import Image

from groupcam_jax.evaluation.data import BrokenPicture, batches, open_data, resize_straight

BOX = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "iscrowd": 0}
COCO = {
    "images": [{"id": 1, "file_name": "1.jpg", "width": 4, "height": 4}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [BOX],
}
VOC = (
    "<a><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></a>"
)
LINE = '{"id": "a", "label": 0, "boxes_xyxy": []}\n'


def make(folder, files):
    """Files by name: None is a picture, a string a text, anything else JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            Image.new("RGB", (4, 4)).save(path)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize(("files", "error", "message"), [
    ({}, FileNotFoundError, "has no pictures; expected one of"),
    ({"notes.txt": "x"}, FileNotFoundError, "has no pictures; expected one of"),
    ({"a.jpg": None}, FileNotFoundError, "has pictures, but no annotations; expected one of"),
    ({"images/a.jpg": None}, FileNotFoundError, "has pictures, but no annotations"),
    ({"cat/a.jpg": None, "dog/a.txt": "x"}, FileNotFoundError, "1 of 2 categories have no pictures: dog; put"),
    ({"boxes.jsonl": ""}, FileNotFoundError, "no picture is annotated"),
    ({"boxes.jsonl": LINE}, FileNotFoundError, r"none of the 1 annotated pictures is in it, such as .*a\.JPEG"),
    ({"boxes.jsonl": "[]\n{"}, ValueError, r"none of its 2 lines .*: line 1, \[\]: .*, line 2, {: .*; expected {"),
    ({"boxes.jsonl": '{"id": "a"}'}, ValueError, "line 1, .*: no 'label'; expected"),
    ({"boxes.jsonl": LINE.replace("[]", "[[1, 2]]")}, ValueError, r"line 1, box 1: expected four numbers"),
    ({"instances_val.json": COCO}, FileNotFoundError, r"none of the 1 annotated .*such as .*1\.jpg"),
    ({"instances_val.json": "[1, 2"}, ValueError, r"instances_val\.json: Expecting"),
    ({"instances_val.json": {"images": []}}, ValueError, "expected COCO's images, .*; annotations is None"),
    ({"instances_val.json": "[]"}, ValueError, r"expected an object of JSON, got \[\]"),
    ({"instances_val.json": COCO | {"categories": ["cat"]}}, ValueError, "category at 1: expected an object of JSON"),
    ({"instances_val.json": COCO | {"categories": [{"id": 1}]}}, ValueError, r"val\.json: category at 1: no 'name'"),
    ({"boxes.jsonl": '{"id": "", "label": 0, "boxes_xyxy": []}'}, ValueError, "expected a number or text, got ''"),
    ({"boxes.jsonl": '{"id": "a", "label": 0, "boxes_xyxy": 1}'}, ValueError, "expected a list of boxes, got 1"),
    ({"instances_val.json": COCO | {"images": []}}, ValueError, "annotation at 1: of image 1, which is not listed"),
    ({"instances_val.json": COCO, "annotations/instances_train.json": COCO}, ValueError, "splits train, val; name"),
    ({"JPEGImages/a.jpg": None}, FileNotFoundError, r"expected Annotations/\*\.xml beside JPEGImages, found none"),
    ({"Annotations/a.xml": VOC}, FileNotFoundError, r"none of the 1 annotated pictures is in it, such as .*a\.jpg"),
    ({"Annotations/a.xml": "<a>"}, ValueError, r"a\.xml: no element found.*; expected annotations as VOC"),
    ({"Annotations/a.xml": VOC.replace("xmax", "x")}, ValueError, r"a\.xml, object 1: an object without bndbox/xmax"),
    ({"Annotations/a.xml": VOC.replace(">1<", ">one<")}, ValueError, r"a\.xml, object 1: expected a number, got 'one'"),
])  # fmt: skip
def test_folders_that_are_not_as_expected(tmp_path, files, error, message):
    with pytest.raises(error, match=message) as caught:
        open_data(make(tmp_path, files))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(("files", "error", "message"), [
    ({"instances_val.json": COCO}, FileNotFoundError, r"expected instances_mini\.json there or .*; there is val"),
    ({"Annotations/a.xml": VOC}, FileNotFoundError, r"no split 'mini': expected .*Main/mini\.txt"),
    ({"Annotations/a.xml": VOC, "ImageSets/Main/mini.txt": "b"}, FileNotFoundError, r"Annotations/b\.xml, .* lists b"),
    ({"cat/a.jpg": None}, ValueError, "has no split 'mini'; expected a folder for each, or"),
])  # fmt: skip
def test_splits_that_are_not_there(tmp_path, files, error, message):
    with pytest.raises(error, match=message):
        open_data(make(tmp_path, files), "mini")


def test_no_folder(tmp_path):
    for missing in (tmp_path / "gone", str(tmp_path / "gone"), "./gone"):
        with pytest.raises(FileNotFoundError, match=r"no folder .*gone"):
            open_data(missing)


@pytest.mark.parametrize("files", [
    {"boxes.jsonl": LINE, "images/a.png": None, "images/b.png": None},
    {"instances_val.json": COCO, "images/1.jpg": None, "images/b.png": None},
    {"Annotations/a.xml": VOC, "JPEGImages/a.jpg": None, "JPEGImages/b.png": None},
])  # fmt: skip
def test_pictures_that_nothing_is_said_of(tmp_path, files):
    with pytest.warns(UserWarning, match=r"says nothing of 1 pictures, which are left out: .*b\.png") as caught:
        assert len(open_data(make(tmp_path, files))) == 1
    assert caught[0].filename == __file__


def test_categories_without_pictures(tmp_path):
    categories = [*COCO["categories"], *({"id": id, "name": f"kind {id}"} for id in range(2, 7))]
    files = {"instances_val.json": COCO | {"categories": categories}, "images/1.jpg": None}
    with pytest.warns(UserWarning, match=r"5 of 6 categories have no pictures: kind 2, kind 3, kind 4 and 2 more$"):
        open_data(make(tmp_path, files))


def test_broken_and_missing_pictures_are_named_and_skipped(tmp_path):
    make(tmp_path, {f"cat/{name}.jpg": None for name in "abcd"})
    whole = (tmp_path / "cat" / "b.jpg").read_bytes()
    (tmp_path / "cat" / "b.jpg").write_bytes(whole[: len(whole) // 2])
    dataset = open_data(tmp_path)
    (tmp_path / "cat" / "c.jpg").unlink()
    (batch,) = batches(dataset, resize_straight, 4)
    assert batch.ids == ("cat/a.jpg", "cat/d.jpg")
    assert [one.id for one in batch.broken] == ["cat/b.jpg", "cat/c.jpg"]
    assert "cat/c.jpg: cannot be read: " in batch.broken[1].why
    with pytest.raises(BrokenPicture, match=r"cat/b\.jpg"):
        dataset[1]
