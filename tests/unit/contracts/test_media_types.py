"""What a file is by its content, and what WhatsApp does not take."""

import io
import struct
import zipfile

import pytest

from libs.contracts.content import MediaKind
from libs.contracts.media_types import LIMITS, OOXML, Unsendable, checked_type

IMAGE, AUDIO, VIDEO, DOCUMENT = MediaKind.IMAGE, MediaKind.AUDIO, MediaKind.VIDEO, MediaKind.DOCUMENT


def png(depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 1, 1) + bytes((depth, colour, 0, 0, 0))


def jpeg(precision: int = 8, components: int = 3, before: bytes = b"") -> bytes:
    header = b"\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 9 + before
    return b"\xff\xd8" + header + b"\xff\xc0\x00\x11" + bytes((precision, 0, 1, 0, 1, components)) + b"\x00" * 20


def ogg(channels: int = 1, codec: bytes = b"OpusHead") -> bytes:
    return b"OggS" + b"\x00" * 24 + codec + bytes((1, channels)) + b"\x00" * 20


def mp4(brand: bytes = b"isom", *codecs: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00" * 12 + b"moov" + b"".join(codecs)


def office(part: str = "word/document.xml", *, types: bool = True, encrypted: bool = False) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        if types:
            archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr(part, "<x/>")
    content = bytearray(made.getvalue())
    if encrypted:
        at = content.rindex(b"PK\x01\x02")
        content[at + 8] |= 1
    return bytes(content)


def ole(stream: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600 + stream.encode("utf-16-le") + b"\x00" * 64


GOOD = [
    (png(), IMAGE, "image/png"),
    (png(colour=6), IMAGE, "image/png"),
    (jpeg(), IMAGE, "image/jpeg"),
    (jpeg(before=b"\xff\xe1" + (60_000).to_bytes(2) + b"e" * 59_998), IMAGE, "image/jpeg"),
    (ogg(), AUDIO, "audio/ogg"),
    (b"#!AMR\n" + b"\x00" * 10, AUDIO, "audio/amr"),
    (b"ID3\x04" + b"\x00" * 10, AUDIO, "audio/mpeg"),
    (b"\xff\xfb\x90\x00" + b"\x00" * 10, AUDIO, "audio/mpeg"),
    (b"\xff\xf1\x50\x80" + b"\x00" * 10, AUDIO, "audio/aac"),
    (mp4(b"M4A "), AUDIO, "audio/mp4"),
    (mp4(b"isom", b"soun", b"mp4a"), AUDIO, "audio/mp4"),
    (mp4(b"isom", b"vide", b"avc1", b"soun", b"mp4a"), VIDEO, "video/mp4"),
    (mp4(b"3gp5", b"vide", b"avc1"), VIDEO, "video/3gpp"),
    (b"%PDF-1.7\n1 0 obj\n%%EOF", DOCUMENT, "application/pdf"),
    ("Grüße\nund مرحبا\t".encode(), DOCUMENT, "text/plain"),
    (office(), DOCUMENT, f"{OOXML}wordprocessingml.document"),
    (office("xl/workbook.xml"), DOCUMENT, f"{OOXML}spreadsheetml.sheet"),
    (office("ppt/presentation.xml"), DOCUMENT, f"{OOXML}presentationml.presentation"),
    (ole("WordDocument"), DOCUMENT, "application/msword"),
    (ole("Workbook"), DOCUMENT, "application/vnd.ms-excel"),
    (ole("PowerPoint Document"), DOCUMENT, "application/vnd.ms-powerpoint"),
]
BAD = [
    (b"", IMAGE, "empty"),
    (png(depth=16), IMAGE, "not_8_bit_rgb"),
    (png(colour=3), IMAGE, "not_8_bit_rgb"),
    (jpeg(components=4), IMAGE, "not_8_bit_rgb"),
    (b"\xff\xd8\xff\xe0", IMAGE, "unreadable"),
    (b"GIF89a" + b"\x00" * 20, IMAGE, "type_not_allowed"),
    (png(), DOCUMENT, "type_not_allowed"),
    (ogg(2), AUDIO, "not_mono"),
    (ogg(codec=b"\x01vorbis"), AUDIO, "codec_not_allowed"),
    (mp4(b"isom", b"vide", b"hvc1"), VIDEO, "codec_not_allowed"),
    (mp4(b"isom", b"vide", b"avc1", b"soun", b"Opus"), VIDEO, "codec_not_allowed"),
    (mp4(b"isom", b"vide", b"avc1"), AUDIO, "type_not_allowed"),
    (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF", DOCUMENT, "encrypted"),
    (b"%PDF-1.7\n" + b"x" * 200_000 + b"trailer << /Encrypt 5 0 R >>", DOCUMENT, "encrypted"),
    (office(encrypted=True), DOCUMENT, "encrypted"),
    (office(types=False), DOCUMENT, "type_not_allowed"),
    (b"PK\x03\x04broken", DOCUMENT, "unreadable"),
    (ole("EncryptedPackage"), DOCUMENT, "encrypted"),
    (ole("SomethingElse"), DOCUMENT, "type_not_allowed"),
    (b"MZ\x90\x00\x03program", DOCUMENT, "type_not_allowed"),
    (b"caf\xe9 latin", DOCUMENT, "type_not_allowed"),
]


@pytest.mark.parametrize(("content", "kind", "expected"), GOOD, ids=[f"{k} {t}" for _, k, t in GOOD])
def test_a_file_is_known_by_its_content(content: bytes, kind: MediaKind, expected: str) -> None:
    assert checked_type(io.BytesIO(content), kind) == expected


@pytest.mark.parametrize(("content", "kind", "reason"), BAD, ids=[f"{n} {r}" for n, (_, _, r) in enumerate(BAD)])
def test_what_whatsapp_does_not_take_is_refused_with_a_reason(content: bytes, kind: MediaKind, reason: str) -> None:
    assert checked_type(io.BytesIO(content), kind) == Unsendable(reason)


@pytest.mark.parametrize("declared", ["image/png", "IMAGE/PNG; x=y", "application/octet-stream", "", None])
def test_a_declared_type_that_is_true_or_says_nothing_passes(declared: str | None) -> None:
    assert checked_type(io.BytesIO(png()), IMAGE, declared) == "image/png"


@pytest.mark.parametrize("declared", ["image/jpeg", "text/html", "application/pdf"])
def test_content_of_another_type_than_declared_is_refused(declared: str) -> None:
    assert checked_type(io.BytesIO(png()), IMAGE, declared) == Unsendable("type_mismatch")


def test_a_character_cut_by_a_blocks_end_is_text() -> None:
    content = ("é" * (1024 * 1024)).encode()[1:]

    assert checked_type(io.BytesIO(b"x" + "é".encode() * (1024 * 1024)), DOCUMENT) == "text/plain"
    assert checked_type(io.BytesIO(content), DOCUMENT) == Unsendable("type_not_allowed")


def test_the_limits_are_whatsapps() -> None:
    assert {kind.value: limit.max_bytes // 1024**2 for kind, limit in LIMITS.items()} == {
        "image": 5,
        "audio": 16,
        "video": 16,
        "document": 100,
    }


def test_an_archive_with_a_long_list_of_files_is_refused_before_the_list_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("word/document.xml", "")
        for number in range(12_000):
            archive.writestr(f"word/media/{number:050}", "")
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("it was read"))

    assert checked_type(file, MediaKind.DOCUMENT) == Unsendable("unreadable")
