"""Folders in every layout: the pictures, labels and boxes are those that were written."""

import json

import numpy as np
import pytest
from PIL import Image, ImageOps

from groupcam_jax.evaluation.data import BrokenPicture, open_data


def picture(path, size=(50, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 9, 9)).save(path, **options)
    return path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))


def boxes_line(id, label, *boxes, **more):
    return json.dumps({"id": id, "label": label, "boxes_xyxy": boxes} | more) + "\n"


def coco(*annotations, names=("cat", "dog"), pictures=("1.jpg",)):
    return {
        "images": [{"id": id, "file_name": name, "width": 50, "height": 40} for id, name in enumerate(pictures, 1)],
        "categories": [{"id": 10 * id, "name": name} for id, name in enumerate(names, 1)],
        "annotations": list(annotations),
    }


def voc(*objects, size=(50, 40)):
    sides = "xmin", "ymin", "xmax", "ymax"
    body = "".join(
        f"<object><name>{name}</name><bndbox>"
        + "".join(f"<{side}>{value}</{side}>" for side, value in zip(sides, box, strict=True))
        + "</bndbox></object>"
        for name, *box in objects
    )
    return f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{body}</annotation>"


def test_image_folder(tmp_path):
    for name in ("zebra/b.png", "zebra/a.JPG", "ant/deep/c.jpeg"):
        picture(tmp_path / name)
    (tmp_path / "ant" / "notes.txt").touch()
    (tmp_path / "ant" / "folder.jpg").mkdir()
    dataset = open_data(tmp_path)
    assert dataset.categories == ("ant", "zebra")
    found = [(example.id, example.label) for example in dataset]
    assert found == [("ant/deep/c.jpeg", 0), ("zebra/a.JPG", 1), ("zebra/b.png", 1)]
    assert dataset[0].image.shape == (40, 50, 3)
    assert dataset[0].boxes.shape == (0, 4)


@pytest.mark.parametrize("place", ["images", "."])
def test_boxes_jsonl(tmp_path, place):
    picture(tmp_path / place / "one.JPEG")
    picture(tmp_path / place / "two.png")
    lines = (
        boxes_line("two", 3, [0, 0, 49, 39], [5, 6, 5, 6], name="hat", width=50, height=40),
        "\n",
        boxes_line("one", 1),
    )
    write(tmp_path / "boxes.jsonl", "".join(lines))
    dataset = open_data(tmp_path)
    assert dataset.categories == ("class 0", "class 1", "class 2", "hat")
    assert [(example.id, example.label) for example in dataset] == [("two", 3), ("one", 1)]
    np.testing.assert_array_equal(dataset[0].boxes, [[0, 0, 50, 40], [5, 6, 6, 7]])
    np.testing.assert_array_equal(dataset[0].categories, [3, 3])
    assert dataset[1].boxes.shape == (0, 4)


@pytest.mark.parametrize(("annotations", "pictures", "split"), [
    ("instances_val.json", "images", None),
    ("annotations/instances_val2017.json", "val2017", "val2017"),
])  # fmt: skip
def test_coco(tmp_path, annotations, pictures, split):
    picture(tmp_path / pictures / "1.jpg")
    picture(tmp_path / pictures / "2.jpg")
    objects = [
        {"image_id": 1, "category_id": 20, "bbox": [1.5, 2, 10, 20.25], "iscrowd": 0},
        {"image_id": 1, "category_id": 10, "bbox": [0, 0, 50, 40], "iscrowd": 0},
        {"image_id": 1, "category_id": 10, "bbox": [3, 3, 9, 9], "iscrowd": 1},
    ]
    objects[0]["iscrowd"] = "0"
    write(tmp_path / annotations, coco(*objects, pictures=("1.jpg", "2.jpg")))
    with pytest.warns(UserWarning, match="1 of 3 objects are crowds, which are left out"):
        dataset = open_data(tmp_path, split)
    assert dataset.categories == ("cat", "dog")
    first, second = dataset
    assert (first.id, first.label) == ("1.jpg", -1)
    np.testing.assert_array_equal(first.boxes, [[1.5, 2, 11.5, 22.25], [0, 0, 50, 40]])
    np.testing.assert_array_equal(first.categories, [1, 0])
    assert second.boxes.shape == (0, 4)
    assert second.categories.shape == (0,)


def test_outlines_of_coco(tmp_path):
    for name in ("1.jpg", "2.jpg", "3.jpg", "4.jpg"):
        picture(tmp_path / "images" / name)
    square, corner = [2, 3, 6, 3, 6, 8, 2, 8], [40, 30, 50, 30, 50, 40]
    a_cat = {"category_id": 10, "bbox": [2, 3, 48, 37]}
    objects = [
        {"image_id": 1, **a_cat, "segmentation": [square, corner]},
        {"image_id": 2, **a_cat, "segmentation": [square]},
        {"image_id": 2, **a_cat},
        {"image_id": 4, **a_cat, "segmentation": {"counts": [3, 2, 36, 4, 1955], "size": [40, 50]}},
    ]
    names = "1.jpg", "2.jpg", "3.jpg", "4.jpg"
    write(tmp_path / "instances_val.json", coco(*objects, names=["cat"], pictures=names))
    with pytest.warns(UserWarning, match="1 of 3 pictures have objects without outlines"):
        first, second, third, fourth = open_data(tmp_path)
    (mask,) = first.masks
    y, x = np.mgrid[:40, :50] + 0.5
    inside = (x > 2) & (x < 6) & (y > 3) & (y < 8)
    along = (x > 40) & (y > 30) & (x - 40 == y - 30)  # pixels whose centres lie on the edge may go either way
    np.testing.assert_array_equal((mask | along), inside | along | ((x > 40) & (y > 30) & (x - 40 > y - 30)))
    assert second.masks is None
    assert third.masks.shape == (0, 40, 50)
    # Down the columns of 40 pixels: 3, 2 inside, 36 to the second of the next, 4 inside.
    assert np.argwhere(fourth.masks[0].T).tolist() == [[0, 3], [0, 4], [1, 1], [1, 2], [1, 3], [1, 4]]


@pytest.mark.parametrize(
    "segmentation",
    [[[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [[0, 0, 5, 0, float("nan"), 5]], [[[0, 0], [5, 0], [5, 5]]], 7],
)
def test_outlines_that_are_none(tmp_path, segmentation):
    picture(tmp_path / "images" / "1.jpg")
    record = {"id": 3, "image_id": 1, "category_id": 10, "bbox": [0, 0, 5, 5], "segmentation": segmentation}
    write(tmp_path / "instances_val.json", coco(record, names=["cat"]))
    with pytest.raises(ValueError, match=r"annotation 3: segmentation: expected polygons \[\[x0, y0"):
        open_data(tmp_path)


@pytest.mark.parametrize("drawn_upright", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_outlines_turn_with_the_picture(tmp_path, orientation, drawn_upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(tmp_path / "images" / "1.png", exif=exif)
    corner = [[10, 5, 30, 5, 30, 10, 15, 10, 15, 25, 10, 25]]  # an L: no turn of it is another one
    record = {"image_id": 1, "category_id": 10, "bbox": [10, 5, 20, 20], "segmentation": corner}
    content = coco(record, names=["cat"], pictures=["1.png"])
    upright = drawn_upright and orientation > 4
    if upright:
        content["images"][0] |= {"width": 40, "height": 50}
    write(tmp_path / "instances_val.json", content)
    (example,) = open_data(tmp_path)
    shape = (40, 50) if orientation < 5 else (50, 40)
    stored = np.zeros(shape if upright else (40, 50), bool)
    stored[5:10, 10:30] = stored[10:25, 10:15] = True
    expected = stored if upright else np.asarray(ImageOps.exif_transpose(tagged(stored, orientation)))
    np.testing.assert_array_equal(example.masks, expected[None])
    ((left, top, right, bottom),) = example.boxes.astype(int)
    rows, columns = (np.flatnonzero(expected.any(axis)) for axis in (1, 0))
    assert (left, top, right, bottom) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def tagged(mask, orientation):
    """Pillow's own picture of a mask, with the tag by which it is turned."""
    turned = Image.fromarray(mask.astype(np.uint8))
    turned.getexif()[0x0112] = orientation
    return turned


def test_voc(tmp_path):
    for id in ("b", "a"):
        picture(tmp_path / "JPEGImages" / f"{id}.jpg")
    write(tmp_path / "Annotations" / "a.xml", voc(("dog", 1, 1, 50, 40), ("cat", 3, 4, 3, 5.5)))
    write(tmp_path / "Annotations" / "b.xml", voc(("cow", 1, 2, 3, 4), size=(0, 0)))
    write(tmp_path / "ImageSets" / "Main" / "cows.txt", "b  1\n\n")
    dataset = open_data(tmp_path)
    assert dataset.categories == ("cat", "cow", "dog")
    assert [example.id for example in dataset] == ["a", "b"]
    np.testing.assert_array_equal(dataset[0].boxes, [[0, 0, 50, 40], [2, 3, 3, 5.5]])
    np.testing.assert_array_equal(dataset[0].categories, [2, 0])
    with pytest.warns(UserWarning, match="2 of 3 categories have no pictures: cat, dog"):
        dataset = open_data(tmp_path, "cows")
    assert [example.id for example in dataset] == ["b"]
    np.testing.assert_array_equal(dataset[0].categories, [1])
    write(tmp_path / "ImageSets" / "Main" / "dog_val.txt", "a  1\nb -1\n")
    with pytest.warns(UserWarning, match="1 of 3 categories have no pictures: cow"):
        assert [example.id for example in open_data(tmp_path, "dog_val")] == ["a"]
    for name in ("deep/a.xml", "a.XML"):
        write(tmp_path / "Annotations" / name, voc(("cat", 1, 1, 2, 2)))
        with pytest.raises(ValueError, match=r"Annotations: has a\.xml more than once"):
            open_data(tmp_path)
        (tmp_path / "Annotations" / name).unlink()


@pytest.mark.parametrize(("size", "expected"), [
    ({"width": 50, "height": 40}, [30, 0, 40, 5]),  # drawn in the picture as stored, which is turned clockwise
    ({}, [30, 0, 40, 5]),
    ({"width": 40, "height": 50}, [0, 0, 5, 10]),  # drawn in the upright picture
])  # fmt: skip
def test_boxes_of_a_turned_picture(tmp_path, size, expected):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "images" / "one.jpg", exif=exif)
    write(tmp_path / "boxes.jsonl", boxes_line("one", 0, [0, 0, 4, 9], **size))
    (example,) = open_data(tmp_path)
    assert example.image.shape == (50, 40, 3)
    np.testing.assert_array_equal(example.boxes, [expected])


def test_boxes_of_another_size_are_not_trusted(tmp_path):
    picture(tmp_path / "images" / "one.jpg")
    write(tmp_path / "boxes.jsonl", boxes_line("one", 0, [0, 0, 4, 9], width=100, height=80))
    with pytest.raises(BrokenPicture, match="one: has 50 x 40 pixels, but its boxes are for 100 x 80"):
        open_data(tmp_path)[0]
