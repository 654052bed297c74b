"""Folders as they are unpacked: known, or told what is expected; never opened as one category of pictures."""

import numpy as np
import pytest
from test_data_objects import GOOD, coco, make

from groupcam_jax.evaluation.data import open_data
from groupcam_jax.training.data import open_pair
from pretrained.networks.imagenet import class_index

IDS = [id for id, _ in class_index()]
XML = (
    "<a><size><width>50.0</width><height>40</height></size><object><name>cat</name><bndbox><xmin>1</xmin>"
    "<ymin>1</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object></a>"
)
CSV = "ImageId,PredictionString\nILSVRC2012_val_2,{} 0 1 9 10 \nILSVRC2012_val_1,{} 5 6 20 30 {} 1 2 8 9\n"
KAGGLE = {
    "LOC_val_solution.csv": CSV.format(IDS[65], IDS[970], IDS[970]),
    "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_1.JPEG": None,
    "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_2.JPEG": None,
    "ILSVRC/Annotations/CLS-LOC/val/ILSVRC2012_val_1.xml": XML,
    "ILSVRC/ImageSets/CLS-LOC/val.txt": "ILSVRC2012_val_1 1\n",
}


@pytest.mark.parametrize("inside", ["", "ILSVRC"])
def test_imagenet_of_kaggle(tmp_path, inside):
    dataset = open_data(make(tmp_path, KAGGLE) / inside)
    assert dataset.categories == tuple(IDS)
    first, second = dataset
    assert (first.id, first.label, second.label) == ("ILSVRC2012_val_1", 970, 65)
    np.testing.assert_array_equal(first.boxes, [[5, 6, 21, 31], [1, 2, 9, 10]])
    np.testing.assert_array_equal(second.boxes, [[0, 1, 10, 11]])
    (tmp_path / "LOC_val_solution.csv").write_text(CSV.format(IDS[65], IDS[970], IDS[3]))
    assert [example.categories.tolist() for example in open_data(tmp_path / inside)] == [[970, 3], [65]]
    with pytest.raises(FileNotFoundError, match=r"expected LOC_train_solution\.csv there or in"):
        open_data(tmp_path, "train")


def test_training_pictures_of_kaggle(tmp_path):
    files = {"LOC_train_solution.csv": f"ImageId,PredictionString\n{IDS[3]}_7,{IDS[3]} 0 1 9 10\n"}
    make(tmp_path, files | {f"ILSVRC/Data/CLS-LOC/train/{IDS[3]}/{IDS[3]}_7.JPEG": None})
    assert open_data(tmp_path, "train")[0].label == 3


@pytest.mark.parametrize("row", ["a,n99999999 1 2 3 4", "a,", "a", ",,,"])
def test_rows_of_kaggle_that_are_not_as_expected(tmp_path, row):
    make(tmp_path, KAGGLE | {"LOC_val_solution.csv": f"ImageId,PredictionString\n{row}\n"})
    with pytest.raises(
        ValueError, match=r"LOC_val_solution\.csv: none of its 1 rows can be used: \{.*; expected a picture's name"
    ):
        open_data(tmp_path)


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012", "VOC2012", "data/../VOCdevkit/VOC2012"])
def test_voc_as_unpacked(tmp_path, place):
    (tmp_path / "data").mkdir()
    files = {"Annotations/a.xml": XML, "Annotations/._a.xml": "\0", "JPEGImages/a.jpg": None}
    make(tmp_path, {f"{place}/{name}": content for name, content in files.items()})
    with pytest.warns(UserWarning, match=r"1 files in hidden or helper folders, or hidden, are left out: .*\._a\.xml"):
        (example,) = open_data(tmp_path)
    np.testing.assert_array_equal(example.boxes, [[0, 0, 20, 30]])
    make(tmp_path, {f"{place}/../VOC2007/{name}": content for name, content in files.items()})
    with pytest.raises(ValueError, match=r"holds several data sets; open one of them: .*VOC2007, .*VOC2012"):
        open_data(tmp_path)


def test_splits_above_the_categories(tmp_path):
    make(tmp_path, {"train/cat/a.jpg": None, "val/cat/b.jpg": None, "val/dog/c.jpg": None})
    with pytest.raises(ValueError, match=r"has the splits train, val; name one \(--split\)"):
        open_data(tmp_path)
    assert open_data(tmp_path, "val").categories == ("cat", "dog")
    with pytest.raises(ValueError, match="has the splits train, val, not 'test'"):
        open_data(tmp_path, "test")


def test_coco_as_unpacked(tmp_path):
    files = {f"{split}2017/1.jpg": None for split in ("train", "val")}
    files |= {f"annotations/instances_{split}2017.json": coco(GOOD) for split in ("train", "val")}
    make(tmp_path, files)
    with pytest.raises(ValueError, match=r"splits train2017, val2017; name one \(--split\)"):
        open_data(tmp_path)
    assert len(open_data(tmp_path, "val2017")) == 1


def test_coco_of_roboflow(tmp_path):
    make(tmp_path, {"train/1.jpg": None, "train/_annotations.coco.json": coco(GOOD), "valid/2.jpg": None})
    np.testing.assert_array_equal(open_data(tmp_path, "train")[0].boxes, [[10, 5, 30, 35]])


def test_categories_one_folder_deeper(tmp_path):
    make(tmp_path, {"photos/cat/a.jpg": None, "photos/dog/b.jpg": None})
    with pytest.raises(ValueError, match=r"has one category, photos, which holds folders; open .*photos, if"):
        open_data(tmp_path)


def test_helpers_are_left_out_and_counted_once(tmp_path):
    hidden = ".ipynb_checkpoints/a.jpg", "@eaDir/a.jpg", "__MACOSX/cat/a.jpg", "cat/._a.jpg", "cat/@eaDir/a.jpg"
    make(tmp_path, {name: None for name in ("cat/a.jfif", "cat/b.avif", "dog/c.jpg", *hidden)})
    with pytest.warns(UserWarning, match="5 files in hidden or helper folders, or hidden, are left out") as caught:
        dataset = open_data(tmp_path)
    assert len(caught) == 1
    assert dataset.categories == ("cat", "dog")
    assert [example.id for example in dataset] == ["cat/a.jfif", "cat/b.avif", "dog/c.jpg"]


def test_links_to_folders_are_followed_once(tmp_path):
    make(tmp_path, {"elsewhere/a.jpg": None, "data/dog/b.jpg": None})
    (tmp_path / "data" / "cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "dog" / "loop").symlink_to(tmp_path / "data")
    assert [example.id for example in open_data(tmp_path / "data")] == ["cat/a.jpg", "dog/b.jpg"]


def test_drawn_scenes_are_not_taken_for_a_folder_of_their_name(tmp_path, monkeypatch):
    make(tmp_path, {f"scenes/{part}/{name}/a.jpg": None for part in ("train", "val") for name in ("cat", "dog")})
    monkeypatch.chdir(tmp_path)
    for open_scenes in (lambda: open_data("scenes"), lambda: open_pair("scenes", None)):
        with pytest.raises(ValueError, match=r"the folder of this name; choose \./scenes, or another place"):
            open_scenes()
    assert open_data("./scenes", "val").categories == open_pair("./scenes", None)[0].categories == ("cat", "dog")


def test_names_that_are_no_folders(tmp_path):
    with pytest.raises(ValueError, match="the drawn scenes have no split 'val'"):
        open_data("scenes", "val")
    with pytest.raises(ValueError, match=r"notes\.txt is a file; expected a folder"):
        open_data(make(tmp_path, {"notes.txt": "x"}) / "notes.txt")
