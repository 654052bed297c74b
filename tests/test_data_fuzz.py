"""Whatever lies on the disk: a reader gives right values, or an error that names the file; it raises nothing else."""

import io
import json

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from groupcam_jax.evaluation.data import BrokenPicture, open_data
from groupcam_jax.pictures.decode import decode

few = settings(
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
quiet = pytest.mark.filterwarnings("ignore")

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.integers(-(10**30), 10**30), st.text(max_size=3),
    st.floats(), st.floats(-1, 60).map(str), st.lists(st.integers(0, 3), max_size=2), st.just({}),
)  # fmt: skip
SIDE = st.one_of(st.integers(-10, 60), st.floats(-10, 60), ODD)
BOX = st.one_of(st.lists(SIDE, min_size=4, max_size=4), st.lists(SIDE, max_size=5), ODD)
COUNTS = st.one_of(st.text("0123456789PQ`o", max_size=8), st.lists(st.one_of(st.integers(0, 2000), ODD), max_size=4))
RUNS = st.fixed_dictionaries({"size": st.one_of(st.just([40, 50]), st.lists(ODD, max_size=3)), "counts": COUNTS})
OUTLINE = st.one_of(RUNS, st.lists(st.lists(SIDE, min_size=6, max_size=7), max_size=2), ODD)


def content(form):
    buffer, values = io.BytesIO(), np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    if form == "NPY":
        np.save(buffer, values)
    elif form == "FLOATS":
        tifffile.imwrite(buffer, (values / 255).astype(np.float32), photometric="rgb")
    elif form == "DEEP":
        tifffile.imwrite(buffer, values.astype(np.uint16), photometric="rgb")
    else:
        Image.fromarray(values).save(buffer, form)
    return buffer.getvalue()


CONTENTS = [
    content(form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "NPY", "FLOATS", "DEEP")
]


@quiet
@seed(0)
@few
@given(st.sampled_from(CONTENTS), st.data())
def test_pictures(whole, data):
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(damaged)[: data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))]
    try:
        pixels, orientation = decode(damaged, "folder/one.jpg")
    except BrokenPicture as error:
        assert str(error).startswith("folder/one.jpg: ")  # noqa: PT017
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert 1 <= orientation <= 8


def check(folder, name, text):
    """Opens a folder with an annotation file of one picture, and reads it."""
    (folder / "images").mkdir(exist_ok=True)
    Image.new("RGB", (50, 40)).save(folder / "images" / "1.jpg")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    try:
        dataset = open_data(folder)
    except (ValueError, FileNotFoundError) as error:
        assert str(folder) in str(error)  # noqa: PT017
        return
    for index in range(len(dataset)):
        try:
            example = dataset[index]
        except BrokenPicture as error:
            assert error.id  # noqa: PT017
            continue
        boxes = example.boxes
        assert np.isfinite(boxes).all()
        assert len(boxes) == len(example.categories)
        clipped = boxes.clip(0, [50, 40, 50, 40])
        assert (clipped[:, 2:] > clipped[:, :2]).all()
        assert set(example.categories) <= set(range(len(dataset.categories)))
        assert example.masks is None or example.masks.shape == (len(boxes), 40, 50)


@quiet
@seed(0)
@few
@given(st.lists(st.fixed_dictionaries({"bbox": BOX, "segmentation": OUTLINE}, optional={
    "image_id": ODD, "category_id": ODD, "iscrowd": ODD,
}), max_size=3), st.fixed_dictionaries({}, optional={"width": ODD, "height": ODD, "id": ODD, "file_name": ODD}),
    st.fixed_dictionaries({}, optional={"id": ODD, "name": ODD}))  # fmt: skip
def test_coco(tmp_path_factory, objects, image, category):
    text = json.dumps({
        "images": [{"id": 1, "file_name": "1.jpg", "width": 50, "height": 40} | image],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"} | category],
        "annotations": [{"image_id": 1, "category_id": 1} | one for one in objects],
    })  # fmt: skip
    check(tmp_path_factory.mktemp("coco"), "instances_val.json", text)


RECORD = st.fixed_dictionaries(
    {
        "id": st.one_of(st.just("1"), ODD),
        "label": st.one_of(st.integers(0, 9), ODD),
        "boxes_xyxy": st.lists(BOX, max_size=3),
    },
    optional={"width": ODD, "height": ODD, "name": ODD},
)


@quiet
@seed(0)
@few
@given(
    st.one_of(st.lists(RECORD.map(json.dumps), max_size=2).map("\n".join), st.binary(max_size=20), st.just("[" * 10**5))
)
def test_boxes_jsonl(tmp_path_factory, text):
    check(tmp_path_factory.mktemp("jsonl"), "boxes.jsonl", text)


@quiet
@seed(0)
@few
@given(st.lists(st.one_of(st.integers(-10, 60).map(str), st.text(st.characters(codec="utf-8"), max_size=4)), min_size=6,
                max_size=6), st.integers(0, 300))  # fmt: skip
def test_voc(tmp_path_factory, values, length):
    width, height, *sides = values
    tags = "".join(f"<{tag}>{side}</{tag}>" for tag, side in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True))
    text = f"<a><size><width>{width}</width><height>{height}</height></size><object><name>cat</name><bndbox>{tags}"
    text += "</bndbox></object></a>"
    folder = tmp_path_factory.mktemp("voc")
    (folder / "JPEGImages").mkdir()
    Image.new("RGB", (50, 40)).save(folder / "JPEGImages" / "1.jpg")
    check(folder, "Annotations/1.xml", text[: length or None])
