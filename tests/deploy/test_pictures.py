"""Picture files of every kind a user's folder holds."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.errors import DataError, PictureError
from deploy.folders import find_labelled, read_class_list
from deploy.pictures import find_pictures, read_picture

ORANGE = (250, 120, 10)


def orange(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    picture = Image.new("RGB", size, ORANGE)
    return picture.quantize(8) if mode == "P" else picture.convert(mode)


@pytest.mark.parametrize(
    ("name", "mode", "tolerance"),
    [
        ("a.png", "RGB", 0),
        ("a.jpg", "RGB", 4),
        ("a.jpg", "CMYK", 6),
        ("a.png", "P", 4),
        ("a.gif", "P", 4),
        ("a.webp", "RGB", 6),
        ("a.bmp", "RGB", 0),
        ("a.tif", "CMYK", 6),
    ],
)
def test_colour_survives_every_format_in_bgr(tmp_path: Path, name, mode, tolerance):
    orange(mode).save(tmp_path / name)

    picture = read_picture(tmp_path / name)

    assert picture.shape == (30, 40, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    assert np.abs(picture.astype(int) - ORANGE[::-1]).max() <= tolerance


def test_grey_becomes_three_equal_channels(tmp_path: Path):
    Image.new("L", (8, 8), 77).save(tmp_path / "grey.png")

    assert (read_picture(tmp_path / "grey.png") == 77).all()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path):
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "deep.png")

    picture = read_picture(tmp_path / "deep.png")

    assert np.abs(picture[:, :, 0].ravel().astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(("top", "dtype"), [(1, "<f4"), (255, "<f4"), (65535, "<f4"), (255, "<i4")])
def test_grey_of_32_bits_is_read_by_the_usual_white_that_it_does_not_exceed(
    tmp_path: Path, top: int, dtype: str
):
    values = (np.linspace(0, 1, 256).reshape(16, 16) * top).astype(dtype)
    Image.fromarray(values).save(tmp_path / "grey.tif")

    picture = read_picture(tmp_path / "grey.tif")

    assert np.abs(picture[:, :, 0].ravel().astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("value", [1e9, float("nan")])
def test_grey_without_a_usual_white_is_an_error_and_no_white_picture(tmp_path: Path, value: float):
    Image.fromarray(np.full((8, 8), value, "<f4")).save(tmp_path / "odd.tif")

    with pytest.raises(PictureError, match="65535 is the most"):
        read_picture(tmp_path / "odd.tif")


def test_transparency_lies_over_white(tmp_path: Path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")

    assert (read_picture(tmp_path / "clear.png") == 255).all()


def test_a_phone_picture_is_turned_upright(tmp_path: Path):
    lying = Image.new("RGB", (40, 20), "white")
    lying.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    lying.save(tmp_path / "phone.png", exif=exif)

    picture = read_picture(tmp_path / "phone.png")

    assert picture.shape == (40, 20, 3)
    assert picture[5, 10].tolist() == [0, 0, 255]
    assert picture[35, 10].tolist() == [255, 255, 255]


def test_the_first_picture_of_an_animation_counts(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    assert read_picture(tmp_path / "a.gif")[0, 0].tolist() == [0, 0, 255]


def test_a_very_wide_picture_is_read(tmp_path: Path):
    Image.new("RGB", (20_000, 30), ORANGE).save(tmp_path / "wide.png")

    assert read_picture(tmp_path / "wide.png").shape == (30, 20_000, 3)


def test_a_truncated_picture_is_an_error_and_not_half_a_picture(tmp_path: Path):
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(PictureError, match=r"cut\.jpg cannot be read .*truncated"):
        read_picture(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "the file is empty"), (b"not a picture", "not a known picture format")],
)
def test_a_file_that_is_no_picture_says_why(tmp_path: Path, data, said):
    (tmp_path / "x.png").write_bytes(data)

    with pytest.raises(PictureError, match=said):
        read_picture(tmp_path / "x.png")


def test_a_small_file_that_claims_gigapixels_is_refused(tmp_path: Path):
    Image.new("1", (60_000, 60_000)).save(tmp_path / "bomb.png")

    with pytest.raises(PictureError, match="cannot be read"):
        read_picture(tmp_path / "bomb.png")


def test_a_picture_that_is_not_there_is_one_sentence(tmp_path: Path):
    with pytest.raises(PictureError, match=r"gone\.jpg cannot be read"):
        read_picture(tmp_path / "gone.jpg")


def test_hidden_files_and_other_kinds_are_left_out(tmp_path: Path):
    for name in ("b.JPG", "a.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()

    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.JPG"]


def test_what_lies_in_hidden_folders_is_left_out(tmp_path: Path):
    for name in (".dataset/Ruby/a.png", ".dataset/Ruby/.thumbs/t.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = find_pictures(tmp_path / ".dataset")  # that the folder given is hidden is meant so

    assert [path.name for path in found] == ["a.png"]


def test_a_folder_that_is_not_there_holds_no_pictures(tmp_path: Path):
    assert find_pictures(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("owner", "call", "name"), [(os, "scandir", "Ruby"), (Path, "stat", "a.png")]
)
def test_a_folder_that_may_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch, owner, call, name
):
    (tmp_path / "Ruby").mkdir()
    (tmp_path / "Ruby" / "a.png").touch()
    real = getattr(owner, call)

    def refuse(path, *args, **more):
        if str(path).endswith(name):
            raise PermissionError(13, os.strerror(13), str(path))
        return real(path, *args, **more)

    monkeypatch.setattr(owner, call, refuse)
    with pytest.raises(DataError, match=r"Ruby.* cannot be read: Permission denied"):
        find_pictures(tmp_path)


def test_a_set_that_may_not_be_listed_is_one_sentence(tmp_path: Path, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        find_labelled(tmp_path)


def test_damaged_exif_is_a_picture_error(tmp_path: Path):
    """Pillow writes the EXIF of a turned picture anew, and fails with struct.error."""
    lying = struct.pack("<HHII", 0x112, 3, 1, 6)
    width = struct.pack("<HHId", 0x100, 12, 1, 0.0)[:12]  # as a float, where a whole one belongs
    tags = struct.pack("<IH", 8, 2) + lying + width + bytes(4)
    orange().save(tmp_path / "x.jpg", exif=b"Exif\0\0II*\0" + tags)

    with pytest.raises(PictureError, match=r"x\.jpg cannot be read as a picture \(damaged"):
        read_picture(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    "error", [TypeError(), KeyError(1), IndexError(), ZeroDivisionError(), OverflowError()]
)
def test_whatever_pillow_raises_costs_one_picture(tmp_path: Path, monkeypatch, error):
    orange().save(tmp_path / "x.png")

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", fail)
    with pytest.raises(PictureError, match="damaged"):
        read_picture(tmp_path / "x.png")


def test_a_byte_order_mark_is_no_part_of_the_first_class(tmp_path: Path):
    (tmp_path / "classes.txt").write_text("Ruby\nOpal\n", encoding="utf-8-sig")

    assert read_class_list(tmp_path / "classes.txt") == ("Ruby", "Opal")
