"""Objects as people write them: read where the meaning is plain, else left out, named and counted."""

import json

import numpy as np
import pytest
from PIL import Image

from groupcam_jax.evaluation.data import BrokenPicture, by_category, open_data
from groupcam_jax.evaluation.data.outlines import fill, read_outline


def make(folder, files):
    """Files by name: None is a picture of 50 x 40 pixels, bytes and texts are themselves, anything else is JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            Image.new("RGB", (50, 40)).save(path, "PNG")
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def coco(*objects, images=("1.jpg",)):
    return {
        "images": [{"id": id, "file_name": name, "width": 50, "height": 40} for id, name in enumerate(images, 1)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": id, "image_id": 1, "category_id": 1} | one for id, one in enumerate(objects, 7)],
    }


def lines(*records):
    return "\n".join(
        json.dumps({"id": f"{index}", "label": 0, "boxes_xyxy": []} | r) for index, r in enumerate(records)
    )


GOOD = {"bbox": [10, 5, 20, 30]}
BOXES = [
    ([10, 5, float("nan"), 30], "expected a number, got nan"),
    ([10, 5, float("inf"), 30], "expected a number, got inf"),
    ([10, 5, True, 30], "expected a number, got True"),
    ([10, 5, None, 30], "expected a number, got None"),
    ([10, 5, "wide", 30], "expected a number, got 'wide'"),
    ([10, 5, -3, 30], r"the box \[10, 5, -3, 30\] has no area, or its edges are swapped"),
    ([10, 5, 0, 30], "has no area"),
    ([0.1, 0.2, 0.5, 0.6], "lies in 0 to 1: shares of the picture"),
    ([60, 5, 20, 30], "lies outside the picture of 50 x 40"),
    ([-900, -900, 5000, 5000], "lies outside the picture of 50 x 40"),
    ([10, 5, 20], r"expected four numbers, got \[10, 5, 20\]"),
    (7, "expected four numbers, got 7"),
    (None, "expected four numbers, got None"),
]


@pytest.mark.parametrize(("box", "message"), BOXES, ids=[str(box) for box, _ in BOXES])
def test_one_bad_box_is_left_out_and_named(tmp_path, box, message):
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": coco(GOOD, {"bbox": box})})
    with pytest.warns(UserWarning, match=f"1 of 2 objects are left out: annotation 8: .*{message}"):
        (example,) = open_data(tmp_path)
    np.testing.assert_array_equal(example.boxes, [[10, 5, 30, 35]])
    make(tmp_path, {"instances_val.json": coco({"bbox": box})})
    with pytest.raises(ValueError, match=f"val.json: none of its 1 objects can be used: annotation 7: .*{message}"):
        open_data(tmp_path)


def test_numbers_in_strings_are_numbers(tmp_path):
    image = {"id": 1, "file_name": "1.jpg", "width": "50", "height": "40.0"}
    content = coco({"bbox": ["10", 5, "20", "30"]}) | {"images": [image]}
    (example,) = open_data(make(tmp_path, {"images/1.jpg": None, "instances_val.json": content}))
    np.testing.assert_array_equal(example.boxes, [[10, 5, 30, 35]])


def test_boxes_half_outside_are_kept(tmp_path):
    (example,) = open_data(
        make(tmp_path, {"images/1.jpg": None, "instances_val.json": coco({"bbox": [-10, 0, 20.5, 40.2]})})
    )
    np.testing.assert_allclose(example.boxes, [[-10, 0, 10.5, 40.2]])


@pytest.mark.parametrize(("one", "message"), [
    ({"image_id": [1]}, r"annotation 8: expected a number or text, got \[1\]"),
    ({"category_id": 5}, "annotation 8: of category 5, which is not listed"),
    ({"image_id": 5}, "annotation 8: of image 5, which is not listed"),
    ({"segmentation": [[1, 2, 3]]}, "annotation 8: segmentation: expected polygons"),
    ({"segmentation": {"size": [40, 50], "counts": [3, 4]}}, "run lengths of 40 x 50 pixels in all, got 7"),
    ({"segmentation": {"size": [40, 50], "counts": [-3, 2003]}}, "expected a whole number from 0 on, got -3"),
    ({"segmentation": {"size": [50, 40], "counts": [2000]}}, "run lengths for 40 x 50 pixels, in a picture of 50 x 40"),
    ({"segmentation": {"size": [40, 50], "counts": "o"}}, "'o' are no run lengths, or they are cut short"),
    ({"segmentation": {"size": [40, 50], "counts": "oooooooo0"}}, "beyond 32 bits"),
    ({"segmentation": {"counts": [2000]}}, "expected run lengths {.size.: "),
    ({"segmentation": {"size": 40, "counts": [2000]}}, "expected run lengths {.size.: "),
    ({"segmentation": {"size": [40, 50], "counts": None}}, "expected run lengths {.size.: "),
    ({"segmentation": [[1e30] * 6]}, "expected polygons"),
    ({"category_id": [1]}, r"annotation 8: expected a number or text, got \[1\]"),
    ({"image_id": "1"}, "annotation 8: of image '1', which is not listed"),
])  # fmt: skip
def test_other_faults_of_an_object(tmp_path, one, message):
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": coco(GOOD, GOOD | one)})
    with pytest.warns(UserWarning, match=f"1 of 2 objects are left out: .*{message}"):
        (example,) = open_data(tmp_path)
    assert len(example.boxes) == 1


@pytest.mark.parametrize(("image", "message"), [
    ({"file_name": "2.jpg"}, "no 'id'"),
    ({"id": 2}, "no 'file_name'"),
    ({"id": 2, "file_name": 2}, "file_name: expected text, got 2"),
    ({"id": 2, "file_name": ""}, "file_name: expected text, got ''"),
    ({"id": True, "file_name": "2.jpg"}, "expected a number or text, got True"),
    ({"id": [2], "file_name": "2.jpg"}, r"expected a number or text, got \[2\]"),
    ({"id": 2, "file_name": "2.jpg", "width": -1, "height": 1}, "expected a whole number from 0 on, got -1"),
    ("2.jpg", "expected an object of JSON, got '2.jpg'"),
])  # fmt: skip
def test_a_malformed_image_of_coco_is_left_out_and_named(tmp_path, image, message):
    content = coco(GOOD)
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": content | {"images": [*content["images"], image]}})
    with pytest.warns(UserWarning, match=f"val.json: 1 of 2 images are left out: image at 2: {message}"):
        (example,) = open_data(tmp_path)
    assert example.id == "1.jpg"
    make(tmp_path, {"instances_val.json": content | {"images": [image]}})
    with pytest.raises(ValueError, match=f"none of its 1 images can be used: image at 1: {message}"):
        open_data(tmp_path)


def test_an_annotation_that_is_no_object_is_left_out(tmp_path):
    content = coco(GOOD)
    content["annotations"].append(7)
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": content})
    with pytest.warns(UserWarning, match="1 of 2 objects are left out: annotation at 2: expected an object of JSON"):
        assert len(open_data(tmp_path)) == 1


def test_compressed_run_lengths():
    # By pycocotools 2.0.11, of this mask.
    mask = np.add.outer(np.arange(12) ** 2, np.arange(17) ** 2 * 2) % 7 < 3
    counts = "021001005NN1011NM01010N010O121ON30N1M001005NN1011NM01010N010O121ON30N1M001005NN101O"
    np.testing.assert_array_equal(fill(read_outline({"size": [12, 17], "counts": counts}), (17, 12)), mask)
    diagonal = fill(read_outline({"size": [4, 4], "counts": "01400000"}), (4, 4))
    np.testing.assert_array_equal(diagonal, np.eye(4, dtype=bool))


def test_crowds_alone_are_no_objects(tmp_path):
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": coco(GOOD | {"iscrowd": 1})})
    with pytest.raises(ValueError, match=r"all 1 objects are crowds.*set iscrowd to 0"):
        open_data(tmp_path)


def test_twice_the_same(tmp_path):
    images = [{"id": 1, "file_name": "1.jpg"}, {"id": 1, "file_name": "2.jpg"}]
    make(tmp_path, {"images/1.jpg": None, "instances_val.json": coco(GOOD) | {"images": images}})
    with pytest.raises(ValueError, match=r"the id 1 is that of 1\.jpg and of 2\.jpg"):
        open_data(tmp_path)
    make(tmp_path, {"instances_val.json": coco(GOOD, images=("1.jpg", "1.jpg"))})
    with pytest.raises(ValueError, match=r"1\.jpg more than once"):
        open_data(tmp_path)
    two = [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}]
    make(tmp_path, {"instances_val.json": coco(GOOD, GOOD | {"category_id": 2}) | {"categories": two}})
    with pytest.warns(UserWarning, match="several categories called cat count as one"):
        dataset = open_data(tmp_path)
    assert dataset.categories == ("cat",)
    assert by_category(dataset, ["cat"])[0].categories.tolist() == [0, 0]


def test_places_of_pictures(tmp_path):
    names = "val2017/1.jpg", "images\\2.jpg", "/home/me/3.jpg", "deep/4.jpg"
    files = {f"val2017/{n}": None for n in ("1.jpg", "2.jpg", "3.jpg", "deep/4.jpg")}
    make(tmp_path, files | {"annotations/instances_val2017.json": coco(GOOD, images=names)})
    assert [example.id for example in open_data(tmp_path, "val2017")] == [*names]


@pytest.mark.parametrize(("label", "message"), [
    (3.7, "expected a whole number from 0 on, got 3.7"), (True, "expected a number, got True"),
    (-1, "whole number from 0 on, got -1"), (10**9, "label 1000000000 is beyond 99999"), (None, "number, got None"),
])  # fmt: skip
def test_labels_that_are_none(tmp_path, label, message):
    make(tmp_path, {"0.png": None, "boxes.jsonl": lines({"label": label})})
    with pytest.raises(ValueError, match=f"boxes.jsonl: .*line 1, .*: .*{message}"):
        open_data(tmp_path)


def test_files_of_other_editors(tmp_path):
    text = "\ufeff" + lines({"name": "a\u2028b", "label": 2.0, "width": "50", "height": "40"}).replace(
        "\\u2028", "\u2028"
    )
    dataset = open_data(make(tmp_path, {"images/0.png": None, "boxes.jsonl": text}))
    assert dataset.categories[2] == "a\u2028b"
    make(tmp_path, {"boxes.jsonl": lines({}).encode("utf-16")})
    with pytest.raises(ValueError, match=r"boxes\.jsonl: is no text in UTF-8"):
        open_data(tmp_path)
    make(tmp_path, {"boxes.jsonl": "version https://git-lfs.github.com/spec/v1"})
    with pytest.raises(ValueError, match=r"boxes\.jsonl: is a pointer of Git LFS"):
        open_data(tmp_path)


def test_a_label_has_one_name_at_most(tmp_path):
    text = lines({"name": "cat"}, {"label": 2, "name": "cow"}, {"label": 2})
    dataset = open_data(make(tmp_path, {**{f"{n}.png": None for n in range(3)}, "boxes.jsonl": text}))
    assert dataset.categories == ("cat", "class 1", "cow")
    make(tmp_path, {"boxes.jsonl": lines({"name": "cat"}, {"name": "dog"}, {"label": 2, "name": "cow"})})
    with pytest.raises(ValueError, match=r"boxes\.jsonl: expected one name for each label, but 0 is 'cat' and 'dog'$"):
        open_data(tmp_path)


def test_boxes_whose_picture_must_be_read_first(tmp_path):
    make(tmp_path, {"0.png": None, "1.png": None, "boxes.jsonl": lines({"boxes_xyxy": [[60, 5, 70, 9]]}, {})})
    with pytest.raises(BrokenPicture, match=r"^0: the box \[60, 5, 71, 10\] lies outside the picture of 50 x 40"):
        open_data(tmp_path)[0]


def test_pictures_of_one_name(tmp_path):
    make(tmp_path, {"a/0.png": None, "b/0.jpg": None, "boxes.jsonl": lines({})})
    with pytest.raises(ValueError, match=r"boxes\.jsonl: 0 may be .*0\.png or .*0\.jpg"):
        open_data(tmp_path)
    make(tmp_path, {"boxes.jsonl": lines({"id": "0.png"})})
    with pytest.warns(UserWarning, match="says nothing of 1 pictures"):
        assert len(open_data(tmp_path)) == 1
    make(tmp_path, {"boxes.jsonl": lines({"id": "0.png"}, {"id": "0.png"})})
    with pytest.raises(ValueError, match=r"has 0\.png more than once"):
        open_data(tmp_path)


VOC = "<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
KAGGLE = "LOC_val_solution.csv", "ILSVRC/Data/CLS-LOC/val"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"images/0.png": None, "boxes.jsonl": lines({}) + '\n{"id": "1", "lab'},
            r"boxes\.jsonl: 1 of 2 lines are left out: line 2, ",
        ),
        (
            {"Annotations/0.xml": f"{VOC}</object></annotation>", "Annotations/1.xml": VOC, "JPEGImages/0.jpg": None},
            r"Annotations: 1 of 2 files are left out: 1\.xml: no element found",
        ),
        (
            {KAGGLE[0]: "ImageId,PredictionString\n0,n01440764 1 1 9 9\n1,n0144", f"{KAGGLE[1]}/0.JPEG": None},
            r"LOC_val_solution\.csv: 1 of 2 rows are left out: .*'ImageId': '1'",
        ),
    ],
)
def test_one_bad_record_is_left_out_and_named(tmp_path, files, message):
    with pytest.warns(UserWarning, match=message):
        dataset = open_data(make(tmp_path, files))
    (one,) = dataset
    assert one.id == "0"


@pytest.mark.parametrize("layout", ["coco", "boxes.jsonl", "kaggle"])
def test_pictures_outside_of_the_folder_are_left_out(tmp_path, layout):
    (other,) = make(tmp_path, {"private/0.JPEG": None}).rglob("*.JPEG")
    if layout == "coco":
        names = ["1.jpg", str(other), "../../private/0.JPEG", f"/elsewhere/{layout}/2.jpg"]
        files = {"instances_a.json": coco(GOOD, images=names), "images/1.jpg": None, "images/2.jpg": None}
    elif layout == "boxes.jsonl":
        ids = ["1", "../../private/0", str(other.with_suffix(""))]
        files = {layout: lines(*({"id": id} for id in ids)), "images/1.JPEG": None}
    else:
        ids = ["1", *["../" * 6 + "private/0"], str(other.with_suffix(""))]
        rows = "\n".join(f"{id},n01440764 1 1 9 9" for id in ids)
        files = {KAGGLE[0]: f"ImageId,PredictionString\n{rows}", f"{KAGGLE[1]}/1.JPEG": None}
    with pytest.warns(
        UserWarning, match=r"name 2 pictures outside of the folder, which are left out: .*private/0\.JPEG"
    ):
        dataset = open_data(make(tmp_path / "data", files))
    if layout == "coco":  # a link may lead anywhere, but not up from there
        (tmp_path / "data" / "images").rename(tmp_path / "far")
        (tmp_path / "data" / "images").symlink_to(tmp_path / "far")
        images = ["1.jpg", "2.jpg", "../private/0.JPEG"]
        with pytest.warns(UserWarning, match="name 1 pictures outside of the folder"):
            assert len(open_data(make(tmp_path / "data", {"instances_a.json": coco(GOOD, images=images)}))) == 2
    # The last of COCO's is found by its name among the pictures: datasets move from one machine to another.
    assert [example.image.shape for example in dataset] == [(40, 50, 3)] * (2 if layout == "coco" else 1)


def test_masks_without_classes_beside_pictures(tmp_path):
    outline = {"size": [40, 50], "counts": "0P_1"}
    sam = {"image": {"image_id": 1, "file_name": "sa_1.jpg"}, "annotations": [{"segmentation": outline}]}
    with pytest.raises(FileNotFoundError, match=r"has pictures, but JSON files beside them, .*; expected one of"):
        open_data(make(tmp_path / "sa_000000", {"sa_1.jpg": None, "sa_1.json": sam}))
    with pytest.raises(FileNotFoundError, match=r"sa_000000 has pictures, but JSON files beside them"):
        open_data(tmp_path)  # not a category, sa_000000
