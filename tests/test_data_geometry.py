"""Boxes go where their part of the picture goes, to a pixel."""

import numpy as np
import pytest
from PIL import Image

from groupcam_jax.evaluation.data import BrokenPicture, Example, resize_shorter_and_crop, resize_straight


def drawn(size, *boxes):
    """A black picture with white boxes, and the boxes."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    return example(image, boxes)


def example(image, boxes=()):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Example("drawn", image, 0, boxes, np.arange(len(boxes), dtype=np.int32))


def extent(image):
    """The box around all that is more white than black."""
    (rows,), (columns,) = ((image[..., 0] >= 128).any(axis).nonzero() for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("size", [(448, 448), (500, 375), (333, 500), (100, 60), (224, 224), (1000, 300)])
@pytest.mark.parametrize("transform", [resize_straight, resize_shorter_and_crop])
def test_boxes_follow(transform, size):
    width, height = size
    x, y = int(width * 0.4), int(height * 0.3)
    before = drawn(size, (x, y, x + width // 8, y + height // 3))
    after = transform(before)
    assert after.image.shape == (224, 224, 3)
    assert after.image.dtype == np.uint8
    assert after.boxes.dtype == np.float32
    np.testing.assert_allclose(after.boxes[0], extent(after.image), atol=0.51)


@pytest.mark.parametrize(("size", "box", "expected"), [
    ((256, 256), (16, 20, 240, 100), (0, 4, 224, 84)),
    ((512, 256), (128, 0, 300, 256), (0, 0, 156, 224)),
    ((128, 128), (10, 8, 60, 120), (4, 0, 104, 224)),
])  # fmt: skip
def test_crop_by_hand(size, box, expected):
    after = resize_shorter_and_crop(drawn(size, box))
    np.testing.assert_allclose(after.boxes, [expected], atol=1e-4)


def test_straight_by_hand():
    after = resize_straight(drawn((448, 112), (0, 0, 448, 112), (100, 10, 200, 30)))
    np.testing.assert_allclose(after.boxes, [[0, 0, 224, 224], [50, 20, 100, 60]], atol=1e-4)


def test_boxes_outside_the_crop_are_dropped():
    after = resize_shorter_and_crop(drawn((512, 256), (0, 0, 144, 256), (0, 0, 145, 256), (400, 0, 512, 9)))
    np.testing.assert_allclose(after.boxes, [[0, 0, 1, 224]], atol=1e-4)
    np.testing.assert_array_equal(after.categories, [1])


def test_boxes_beyond_the_picture_are_clipped():
    after = resize_straight(example(np.zeros((10, 10, 3), np.uint8), [[-5, -1, 20, 5], [3, 3, 3, 9]]))
    np.testing.assert_allclose(after.boxes, [[0, 0, 224, 112]], atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (1, 200)])
@pytest.mark.parametrize("transform", [resize_straight, resize_shorter_and_crop])
def test_pictures_a_pixel_wide(transform, size):
    after = transform(example(np.full((size[1], size[0], 3), 7, np.uint8), [[0, 0, *size]]))
    assert after.image.shape == (224, 224, 3)
    assert (after.image == 7).all()
    np.testing.assert_array_equal(after.boxes, [[0, 0, 224, 224]])


@pytest.mark.parametrize("size", [(500, 375), (333, 500), (257, 256), (200, 301), (224, 900), (768, 1024)])
def test_as_torchvision_does(size):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)).resize(size)
    long = int(256 * max(size) / min(size))
    wide, high = (256, long) if size[0] <= size[1] else (long, 256)
    left, top = round((wide - 224) / 2), round((high - 224) / 2)
    expected = picture.resize((wide, high), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    np.testing.assert_array_equal(resize_shorter_and_crop(example(np.asarray(picture))).image, expected)


def test_a_picture_too_long_to_resize():
    thread = example(np.zeros((60000, 1, 3), np.uint8))
    assert resize_straight(thread).image.shape == (224, 224, 3)
    with pytest.raises(BrokenPicture, match="drawn: is too long and narrow to resize: 1 x 60000 pixels"):
        resize_shorter_and_crop(thread)


def test_masks_follow():
    before = drawn((600, 400), (200, 100, 320, 290))
    masks = before.image[None, ..., 0] > 0
    for transform in (resize_straight, resize_shorter_and_crop):
        after = transform(before._replace(masks=masks))
        assert after.masks.dtype == bool
        assert (after.masks[0] != (after.image[..., 0] >= 128)).sum() <= 4  # corners are grey


def test_of_a_box_that_is_cut_away_the_mask_goes_too():
    before = drawn((900, 300), (400, 100, 500, 200))
    beside, middle = np.zeros((2, 300, 900), bool)
    beside[:, :100], middle[100:200, 400:500] = True, True
    boxes = np.array([[0, 0, 100, 300], [400, 100, 500, 200]], np.float32)
    before = before._replace(boxes=boxes, categories=np.array([3, 5], np.int32), masks=np.stack([beside, middle]))
    after = resize_shorter_and_crop(before)
    assert after.categories.tolist() == [5]
    ((left, top, right, bottom),) = after.boxes.round().astype(int)
    assert after.masks.shape == (1, 224, 224)
    assert after.masks[0, top:bottom, left:right].mean() > 0.97
    assert after.masks[0].sum() == pytest.approx((right - left) * (bottom - top), rel=0.05)


def test_crop_larger_than_the_picture():
    with pytest.raises(ValueError, match=r"cannot crop 224 x 224 .* shorter side has 200"):
        resize_shorter_and_crop(drawn((300, 300)), 200)
