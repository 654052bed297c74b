"""Values of 8, 10 or 12 bits in wider containers, and floats: scaled as they were meant, or refused; never black."""

import contextlib
import io
import os
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from groupcam_jax.pictures.decode import BrokenPicture, decode
from groupcam_jax.pictures.depth import eight_bits
from groupcam_jax.pictures.orientation import turn_pixels

PICTURE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8, endpoint=False)
PICTURE[0, 0] = 255


def png(values):
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def lzw(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", compression="tiff_lzw")
    return buffer.getvalue()


def colour(write, **options):
    return lambda values: write(values, **options)


def grey(write, **options):
    return lambda values: write(values[..., 0], **options)


COLOUR = {
    "png": png,
    "tiff": colour(tiff, photometric="rgb"),
    "tiff, big-endian": colour(tiff, photometric="rgb", byteorder=">"),
    "tiff, compressed": colour(tiff, photometric="rgb", compression="zlib"),
    "tiff, planar": lambda values: tiff(values.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
    "npy": npy,
}
GREY = {"png": lambda values: png(values[..., :1]), "tiff": grey(tiff, photometric="minisblack"), "lzw": grey(lzw)}
FORMS = [*((name, write, 3) for name, write in COLOUR.items()), *((f"{n}, grey", w, 1) for n, w in GREY.items())]


@pytest.mark.parametrize(("write", "channels"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_bits_in_sixteen(write, channels, bits):
    values = PICTURE.astype(np.uint16) * (1 << bits - 8)
    with pytest.warns(UserWarning, match=f"are taken for {bits} bits") if bits < 16 else contextlib.nullcontext():
        pixels, _ = decode(write(values), "picture")
    expected = PICTURE if channels == 3 else PICTURE[..., :1].repeat(3, 2)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int16])
def test_bits_in_other_containers(dtype):
    with pytest.warns(UserWarning, match="are taken for 8 bits"):
        pixels, _ = decode(tiff(PICTURE[..., 0].astype(dtype)), "picture")
    np.testing.assert_array_equal(pixels, PICTURE[..., :1].repeat(3, 2))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("most", [1, 255])
@pytest.mark.parametrize("write", [colour(tiff, photometric="rgb"), npy, grey(tiff)], ids=["tiff", "npy", "grey"])
def test_floats(write, most, dtype):
    with pytest.warns(UserWarning, match=f"are taken for a range from 0 to {most}"):
        pixels, _ = decode(write((PICTURE * (most / 255)).astype(dtype)), "picture")
    expected = PICTURE
    if (pixels[..., 0] == pixels[..., 1]).all():
        expected = PICTURE[..., :1].repeat(3, 2)
    np.testing.assert_array_equal(pixels, expected)


def test_alpha_has_its_own_range():
    values = np.concatenate([PICTURE.astype(np.uint16), np.full((6, 9, 1), 0xFFFF, np.uint16)], axis=2)
    with pytest.warns(UserWarning, match="are taken for 8 bits"):
        pixels, _ = decode(png(values), "picture")
    np.testing.assert_array_equal(pixels, PICTURE)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_inks_of_sixteen_bits(bits):
    inks = np.concatenate([PICTURE, PICTURE[..., :1]], axis=2)
    values = inks.astype(np.uint16) * (1 << bits - 8)
    with pytest.warns(UserWarning, match=f"taken for {bits} bits") if bits < 16 else contextlib.nullcontext():
        pixels, _ = decode(tiff(values, photometric="separated"), "picture")
    expected = Image.frombytes("CMYK", (9, 6), inks.tobytes()).convert("RGB")
    np.testing.assert_array_equal(pixels, np.asarray(expected))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
def test_transparency_in_tiff(photometric, kind, dtype, planar):
    shown = PICTURE if photometric == "rgb" else PICTURE[..., :1]
    share = np.array([0, 51, 255], np.uint8)[np.arange(54) % 3].reshape(6, 9, 1)
    stored = 255 - shown if photometric == "miniswhite" else shown
    if kind == "assocalpha":
        stored = (stored * (share / 255)).round().astype(np.uint8)
    values = np.concatenate([stored, share], axis=2).astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    values = values if planar == "contig" else values.transpose(2, 0, 1)
    pixels, _ = decode(tiff(values, photometric=photometric, planarconfig=planar, extrasamples=[kind]), "picture")
    expected = shown * (share / 255) + 255 - share.astype(float)
    assert np.abs(pixels - expected).max() <= 1  # of rounding


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_one_after_the_other(dtype):
    inks = np.concatenate([PICTURE, PICTURE[..., :1]], axis=2)
    values = inks.transpose(2, 0, 1).astype(dtype) * dtype(257 if dtype == np.uint16 else 1)
    pixels, _ = decode(tiff(values, photometric="separated", planarconfig="separate"), "picture")
    np.testing.assert_array_equal(pixels, np.asarray(Image.frombytes("CMYK", (9, 6), inks.tobytes()).convert("RGB")))


@pytest.mark.parametrize(("channels", "photometric"), [(6, "minisblack"), (5, "rgb"), (5, "separated")])
def test_other_channels_are_told(channels, photometric):
    values = np.zeros((channels, 6, 9), np.uint16)
    with pytest.raises(BrokenPicture, match=rf"it is a TIFF of {channels} channels, .* expected grey or RGB, maybe"):
        decode(tiff(values, photometric=photometric, planarconfig="separate"), "picture")


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_grey_and_transparent_of_sixteen_bits(bits):
    values = np.full((6, 9, 2), 0xFFFF, np.uint16)
    values[..., 0] = PICTURE[..., 0].astype(np.uint16) << bits - 8
    with pytest.warns(UserWarning, match=f"taken for {bits} bits") if bits < 16 else contextlib.nullcontext():
        pixels, _ = decode(tiff(values, photometric="minisblack", extrasamples=["unassalpha"]), "picture")
    np.testing.assert_array_equal(pixels, PICTURE[..., :1].repeat(3, 2))
    if bits == 16:
        np.testing.assert_array_equal(decode(png(values), "picture")[0], pixels)
    else:
        with pytest.raises(BrokenPicture, match=r"grey and transparent, reach only .* of 255: dark, or of fewer bits"):
            decode(png(values), "picture")


@pytest.mark.parametrize("write", ["tiff", "tiff, planar", "tiff, grey"])
@pytest.mark.parametrize("bits", [10, 14])
def test_a_largest_value_that_is_declared_is_the_range(write, bits):
    def declared(values, **options):
        return tiff(values, extratags=[(281, 3, 1, (1 << bits) - 1, True)], **options)

    values = PICTURE.astype(np.uint16) << bits - 8
    made = {
        "tiff": lambda: declared(values, photometric="rgb"),
        "tiff, planar": lambda: declared(values.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
        "tiff, grey": lambda: declared(values[..., 0], photometric="minisblack"),
    }[write]()
    pixels, _ = decode(made, "picture")
    np.testing.assert_array_equal(pixels, PICTURE if write != "tiff, grey" else PICTURE[..., :1].repeat(3, 2))


def test_white_is_zero():
    values = PICTURE[..., 0].astype(np.uint16) * 257
    pixels, _ = decode(tiff(65535 - values, photometric="miniswhite"), "picture")
    np.testing.assert_array_equal(pixels[..., 0], PICTURE[..., 0])


def test_dark_pictures_of_16_bits_stay_dark():
    for factor in (256, 257):
        dark = np.arange(16, dtype=np.uint16).reshape(4, 4) * factor
        np.testing.assert_array_equal(eight_bits(dark), np.arange(16).reshape(4, 4))


@pytest.mark.parametrize(("values", "message"), [
    (np.array([[0, 9001]], np.uint16), "reach only 9001: a dark picture, or one of 14 bits"),
    (np.array([[0, 7]], np.uint16), "reach only 7: a picture, or numbers of classes"),
    (np.array([[0, 70000]], np.int32), "from 0 to 70000 have no fixed range"),
    (np.array([[0, np.nan]], np.float32), "from nan to nan have no fixed range"),
    (np.array([[0, 1.5]], np.float32), "from 0 to 1.5 have no fixed range"),
    (np.array([[-1, 1]], np.float32), "from -1 to 1 have no fixed range"),
    (np.array([[0, 65535]], np.float32), "no fixed range; save it with 8 bits"),
])  # fmt: skip
def test_ranges_that_cannot_be_told(values, message):
    with pytest.raises(BrokenPicture, match=f"^picture: .*{message}"):
        decode(tiff(values), "picture")


@pytest.mark.parametrize(("values", "message"), [
    (np.zeros((3, 8, 8), np.uint8), r"expected an array \[h, w, 3\], got \[3, 8, 8\]"),
    (np.zeros((8, 8)), r"got \[8, 8\]"),
    (np.zeros((0, 8, 3)), r"got \[0, 8, 3\]"),
    (np.zeros((2, 2, 3), complex), "complex128"),
    (np.zeros((2, 2, 3), bool), "type bool"),
])  # fmt: skip
def test_arrays_that_are_no_pictures(values, message):
    with pytest.raises(BrokenPicture, match=message):
        decode(npy(values), "picture")


def test_an_array_that_runs_code():
    buffer = io.BytesIO()
    np.save(buffer, np.array([[[print]]], object), allow_pickle=True)
    with pytest.raises(BrokenPicture, match="allow_pickle=False"):
        decode(buffer.getvalue(), "picture")


@pytest.mark.parametrize("form", ["TIFF", "AVIF", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_as_stored(form, orientation):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": "4:4:4"} if form == "AVIF" else {}
    Image.fromarray(PICTURE).save(buffer, form, exif=exif, **options)
    pixels, found = decode(buffer.getvalue(), "picture")
    assert found == orientation
    assert np.abs(pixels.astype(int) - PICTURE).max() <= (6 if form == "AVIF" else 0)
    planar = tiff(PICTURE.astype(np.uint16).transpose(2, 0, 1) * 257, photometric="rgb", planarconfig="separate",
                  extratags=[(274, "H", 1, orientation, True)])  # fmt: skip
    assert decode(planar, "picture")[1] == orientation
    assert turn_pixels(pixels, orientation).shape[:2] == ((6, 9) if orientation < 5 else (9, 6))


def test_pointers_folders_and_pipes(tmp_path):
    with pytest.raises(BrokenPicture, match=r"pointer of Git LFS.* git lfs pull"):
        decode(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "picture")
    with pytest.raises(BrokenPicture, match="it is a folder"):
        decode(tmp_path, "picture")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BrokenPicture, match="it is no file"):
        decode(tmp_path / "pipe.jpg", "picture")
    with pytest.raises(BrokenPicture, match="HEIC; pip install pillow-heif"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "picture")
