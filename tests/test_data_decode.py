"""Pictures of every form become RGB and upright; what cannot be read is named."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from groupcam_jax.pictures.decode import BrokenPicture, decode
from groupcam_jax.pictures.orientation import turn_boxes, turn_pixels

ORIENTATION = 0x0112


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def pixels(content):
    return decode(content, "picture")[0]


def test_colour_and_grey():
    colours, greys = noise(4, 5, 3), noise(4, 5)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(colours))), colours)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(greys))), greys[..., None].repeat(3, 2))
    black_and_white = Image.fromarray(greys).convert("1")
    assert set(np.unique(pixels(encoded(black_and_white)))) == {0, 255}


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form):
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert np.abs(pixels(encoded(red, form)).astype(int) - [255, 0, 0]).max() <= 2


def test_palette():
    image = Image.fromarray(noise(8, 8, 3)).quantize(16)
    np.testing.assert_array_equal(pixels(encoded(image)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_shows_white(form):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    np.testing.assert_array_equal(pixels(encoded(image, form, transparency=0)), [[[255] * 3, [200, 100, 50]]])


def test_palette_with_alpha_for_each_colour():
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((1, 0), 1)
    got = pixels(encoded(image, transparency=bytes([102, 255])))
    np.testing.assert_array_equal(got, [[[153] * 3, [200, 100, 50]]])


def test_alpha():
    image = Image.new("RGBA", (1, 1), (10, 20, 30, 0))
    np.testing.assert_array_equal(pixels(encoded(image)), [[[255] * 3]])
    np.testing.assert_array_equal(pixels(encoded(Image.new("LA", (1, 1), (7, 255)))), [[[7] * 3]])


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bits_keep_the_upper_8(form):
    values = noise(4, 5, dtype=np.uint16)
    got = pixels(encoded(Image.fromarray(values), form))
    np.testing.assert_array_equal(got, (values >> 8).astype(np.uint8)[..., None].repeat(3, 2))


@pytest.mark.parametrize("values", [np.full((2, 2), 2.5, np.float32), np.full((2, 2), -1, np.int32)])
def test_no_range(values):
    with pytest.raises(BrokenPicture, match=r"picture: .*no fixed range"):
        pixels(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_pictures_a_pixel_wide(form, size):
    assert pixels(encoded(Image.new("RGB", size), form)).shape == (*size[::-1], 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation):
    image, exif = Image.fromarray(noise(6, 9, 3)), Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(image, exif=exif)
    stored, found = decode(content, "picture")
    assert found == orientation
    upright = turn_pixels(stored, orientation)
    np.testing.assert_array_equal(upright, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_with_the_picture(orientation):
    stored, box = np.zeros((6, 9, 1), np.uint8), np.array([[1, 2, 4, 3]], np.float32)
    stored[2:3, 1:4] = 1
    upright = turn_pixels(stored, orientation)
    ((left, top, right, bottom),) = turn_boxes(box, orientation, (9, 6)).astype(int)
    assert upright[top:bottom, left:right].all()
    assert upright.sum() == (bottom - top) * (right - left) == 3


@pytest.mark.parametrize("orientation", [0, 9, 1000])
def test_nonsense_orientation_is_none(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert decode(encoded(Image.new("RGB", (2, 2)), exif=exif), "picture")[1] == 1


def test_garbled_exif_is_none():
    content = encoded(Image.new("RGB", (2, 2)), "WEBP", exif=b"MM nonsense")
    assert decode(content, "picture")[1] == 1


@pytest.mark.filterwarnings("ignore:(Corrupt EXIF|Truncated File):UserWarning")
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_cut_short(form):
    content = encoded(Image.fromarray(noise(20, 30, 3)), form)
    for length in range(0, len(content) * 3 // 4, 7):
        with pytest.raises(BrokenPicture, match=r"^folder/one\.jpg: ") as caught:
            decode(content[:length], "folder/one.jpg")
        assert caught.value.id == "folder/one.jpg"


def test_no_file_no_picture(tmp_path):
    with pytest.raises(BrokenPicture, match=r"one: .*No such file.*gone\.jpg"):
        decode(tmp_path / "gone.jpg", "one")
    with pytest.raises(BrokenPicture, match="one: is not a picture"):
        decode(b"<html>404</html>", "one")
