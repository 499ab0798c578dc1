"""Telling photos from other files by name."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, strategies as st

from facesort.images import PhotoKind, kind_by_content, photo_kind
from facesort.images.kinds import suffix_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", PhotoKind.OTHER),
        ("photo", PhotoKind.OTHER),
        ("DSC01234.ARW", PhotoKind.PHOTO),
        ("card 1/DCIM/a.b.JPG", PhotoKind.PHOTO),
        ("x.heic", PhotoKind.PHOTO),
        ("x.HIF", PhotoKind.PHOTO),
        ("x.Cr3", PhotoKind.PHOTO),
        ("x.jpg.txt", PhotoKind.OTHER),
        ("notes.pdf", PhotoKind.OTHER),
        (".jpg", PhotoKind.HIDDEN),
        (".DS_Store", PhotoKind.HIDDEN),
        ("._DSC01234.ARW", PhotoKind.HIDDEN),
        ("a/.thumbnails/x.jpg", PhotoKind.HIDDEN),
        ("a/@eaDir/x.jpg/SYNOPHOTO_THUMB_M.jpg", PhotoKind.SYSTEM),
        ("$RECYCLE.BIN/S-1/x.jpg", PhotoKind.SYSTEM),
        ("Thumbs.db", PhotoKind.SYSTEM),
        ("DSC01234.xmp", PhotoKind.SIDECAR),
        ("DSC01234.JPG_original", PhotoKind.SIDECAR),
        ("autorun.ico", PhotoKind.SYSTEM),
        ("MVI_1.THM", PhotoKind.SIDECAR),
        ("IMG_1.AAE", PhotoKind.SIDECAR),
        ("IMG_1.MOV", PhotoKind.VIDEO),
        ("C0001.MP4", PhotoKind.VIDEO),
        ("A001C002.CRM", PhotoKind.VIDEO),
        ("GOPR0001.GPR", PhotoKind.PHOTO),
        ("x.jxl", PhotoKind.PHOTO),
        ("x.JP2", PhotoKind.PHOTO),
        ("x.jpf", PhotoKind.PHOTO),
        ("x.psd", PhotoKind.PHOTO),
        ("a.JPG.", PhotoKind.PHOTO),
        ("a.jpg ", PhotoKind.PHOTO),
        ("a.jpg . .", PhotoKind.PHOTO),
        ("a.xmp.", PhotoKind.SIDECAR),
        ("a.mov ", PhotoKind.VIDEO),
        ("DJI_0001.SCR", PhotoKind.SIDECAR),
        ("Cache/Thumbnails/DSC1.ARW.cot", PhotoKind.SIDECAR),
        ("a.jpeg_large", PhotoKind.OTHER),
        ("a.pjpeg", PhotoKind.OTHER),
        ("IMG_0001.insp", PhotoKind.OTHER),
        ("IMG.jpg.part", PhotoKind.OTHER),
        ("a..", PhotoKind.OTHER),
    ],
)
def test_photo_kind(name: str, kind: PhotoKind) -> None:
    assert photo_kind(name) is kind


def test_a_dot_component_is_not_a_hidden_folder() -> None:
    assert photo_kind("./a/x.jpg") is PhotoKind.PHOTO


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", PhotoKind.PHOTO),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", PhotoKind.VIDEO),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", PhotoKind.VIDEO),  # Canon's Cinema RAW Light
        (b"anything", PhotoKind.VIDEO),
    ],
)
def test_the_name_of_a_video_may_be_wrong(head: bytes, kind: PhotoKind) -> None:
    assert kind_by_content(head, 1000, PhotoKind.VIDEO) is kind


@given(st.lists(st.sampled_from(["a", ".", "/", "JPG", ".mov", " ", ".."])).map("".join))
def test_a_suffix_is_what_the_library_splits_off(name: str) -> None:
    assert suffix_of(name) == posixpath.splitext(name.rstrip(". "))[1].lower()
