"""The media that WhatsApp takes, and what a file is by its content: names and declared types prove nothing.

Limits and types are Meta's ("Media", supported media types). The signatures are those of the formats' own
specifications; a format's inner rules (8 bits a channel, one channel of sound) are Meta's too.
"""

import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from libs.contracts.content import MediaKind

MB: Final = 1024 * 1024
HEAD_BYTES: Final = 64 * 1024
BITS, RGB, MARK = 8, 3, 0xFF
"""Bits a channel, channels of a picture, and the first byte of a JPEG's markers."""
OOXML: Final = "application/vnd.openxmlformats-officedocument."
DOCUMENTS: Final[Mapping[str, str]] = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    f"{OOXML}wordprocessingml.document": "docx",
    f"{OOXML}spreadsheetml.sheet": "xlsx",
    f"{OOXML}presentationml.presentation": "pptx",
}
_END_BYTES: Final = 22 + 65_535
"""A ZIP's end record and the longest comment behind it."""
_LONGEST_DIRECTORY: Final = 1 << 20
"""Bytes of a ZIP's list of files."""


@dataclass(frozen=True, slots=True)
class MediaLimit:
    """The types of one kind of media, and its largest size in bytes."""

    types: tuple[str, ...]
    max_bytes: int


LIMITS: Final[Mapping[MediaKind, MediaLimit]] = {
    MediaKind.IMAGE: MediaLimit(("image/jpeg", "image/png"), 5 * MB),
    MediaKind.AUDIO: MediaLimit(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MB),
    MediaKind.VIDEO: MediaLimit(("video/mp4", "video/3gpp"), 16 * MB),
    MediaKind.DOCUMENT: MediaLimit(tuple(DOCUMENTS), 100 * MB),
}


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Why a file cannot be sent, as a word."""

    reason: str


_ALIASES: Final[Mapping[str, str]] = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/aacp": "audio/aac",
    "audio/x-aac": "audio/aac",
    "video/3gp": "video/3gpp",
}
_SAYS_NOTHING: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/zip"})
_MP4_SOUND: Final = frozenset({b"M4A ", b"M4B ", b"M4P "})
_PARTS: Final = {
    "word/": f"{OOXML}wordprocessingml.document",
    "xl/": f"{OOXML}spreadsheetml.sheet",
    "ppt/": f"{OOXML}presentationml.presentation",
}
_STREAMS: Final = {
    "EncryptedPackage": "",
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}
"""Names in the directory of an OLE file (MS-CFB), in UTF-16; the first is that of an encrypted newer document."""


def checked_type(file: BinaryIO, kind: MediaKind, declared: str | None = None) -> str | Unsendable:
    """The type of a file that may be sent as `kind`; `declared` is what its sender said it was. Reads the file.

    Its size is not looked at, but for an empty file.
    """
    found = type_of(file)
    if isinstance(found, Unsendable):
        return found
    if found == "video/mp4" and kind is MediaKind.AUDIO and not _contains(file, (b"avc1", b"hvc1", b"hev1", b"vide")):
        found = "audio/mp4"
    if found not in LIMITS[kind].types:
        return Unsendable("type_not_allowed")
    said = (declared or "").partition(";")[0].strip().lower()
    said = _ALIASES.get(said, said)
    if said not in _SAYS_NOTHING and said != found and not _both_are_text(said, found):
        return Unsendable("type_mismatch")
    return found


def type_of(file: BinaryIO) -> str | Unsendable:
    """The type of a file by its content."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        return Unsendable("empty")
    for signature, read in _READERS:
        if head.startswith(signature):
            return read(file, head)
    if head[4:8] == b"ftyp":
        return _mp4(file, head)
    if _is_aac(head):
        return "audio/aac"
    if _is_mpeg(head):
        return "audio/mpeg"
    return _text(file)


def _both_are_text(said: str, found: str) -> bool:
    """Text is sent under many names (`text/csv`); WhatsApp takes it as plain."""
    return found == "text/plain" and said.startswith("text/")


def _png(_: BinaryIO, head: bytes) -> str | Unsendable:
    """PNG (RFC 2083): IHDR has the depth at byte 24 and the colour type at 25; 2 is RGB, 6 is RGBA."""
    if head[12:16] != b"IHDR" or len(head) < 26:  # noqa: PLR2004 -- as above
        return Unsendable("unreadable")
    return "image/png" if head[24] == BITS and head[25] in (2, 6) else Unsendable("not_8_bit_rgb")


def _jpeg(file: BinaryIO, head: bytes) -> str | Unsendable:
    """JPEG (ITU T.81): the frame header (SOF) has the precision and the number of components."""
    at, data = 2, head
    while at + 10 <= len(data):
        if data[at] != MARK:
            return Unsendable("unreadable")
        marker = data[at + 1]
        if marker == MARK or 0xD0 <= marker <= 0xD9 or marker == 0x01:  # noqa: PLR2004 -- padding, and markers alone
            at += 1 if marker == MARK else 2
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004 -- SOF0 to SOF15
            return "image/jpeg" if data[at + 4] == BITS and data[at + 9] == RGB else Unsendable("not_8_bit_rgb")
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if at + 10 > len(data) and len(data) < 4 * MB:
            file.seek(0)
            data = file.read(4 * MB) if len(data) == HEAD_BYTES else data
    return Unsendable("unreadable")


def _ogg(_: BinaryIO, head: bytes) -> str | Unsendable:
    """Ogg with Opus (RFC 7845): the identification header names the number of channels in its tenth byte."""
    at = head.find(b"OpusHead", 0, 256)
    if at < 0 or at + 10 > len(head):
        return Unsendable("codec_not_allowed")
    return "audio/ogg" if head[at + 9] == 1 else Unsendable("not_mono")


def _pdf(file: BinaryIO, head: bytes) -> str | Unsendable:
    """An encrypted PDF has `/Encrypt` in its trailer, which stands at the end, or at the front of a linearised file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - HEAD_BYTES))
    return Unsendable("encrypted") if b"/Encrypt" in head or b"/Encrypt" in file.read() else "application/pdf"


def _has_short_directory(file: BinaryIO) -> bool:
    """Whether the archive's list of files is short: zipfile reads all of it, and 100 MB can list two million files.

    An office document lists some hundreds. Where the list's size is in a ZIP64 record, it is not looked for.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    is_zip64 = at >= 0 and b"PK\x06\x07" in tail[max(0, at - 20) : at]
    return at >= 0 and not is_zip64 and int.from_bytes(tail[at + 12 : at + 16], "little") <= _LONGEST_DIRECTORY


def _zip(file: BinaryIO, _: bytes) -> str | Unsendable:
    if not _has_short_directory(file):
        return Unsendable("unreadable")
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Unsendable("unreadable")
    if any(entry.flag_bits & 1 for entry in entries):
        return Unsendable("encrypted")
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names:
        return Unsendable("type_not_allowed")
    for part, type_ in _PARTS.items():
        if any(name.startswith(part) for name in names):
            return type_
    return Unsendable("type_not_allowed")


def _ole(file: BinaryIO, _: bytes) -> str | Unsendable:
    for stream, type_ in _STREAMS.items():
        if _contains(file, (stream.encode("utf-16-le"),)):
            return type_ or Unsendable("encrypted")
    return Unsendable("type_not_allowed")


def _mp4(file: BinaryIO, head: bytes) -> str | Unsendable:
    """ISO base media: a film must be H.264 (`avc1`, `avc3`) with AAC (`mp4a`), if it has sound."""
    brand = head[8:12]
    if brand in _MP4_SOUND:
        return "audio/mp4"
    if _contains(file, (b"hvc1", b"hev1", b"vp09", b"av01", b"mp4v")) and not _contains(file, (b"avc1", b"avc3")):
        return Unsendable("codec_not_allowed")
    if _contains(file, (b"soun",)) and not _contains(file, (b"mp4a", b"samr")):
        return Unsendable("codec_not_allowed")
    return "video/3gpp" if brand.startswith(b"3g") else "video/mp4"


def _text(file: BinaryIO) -> str | Unsendable:
    """Plain text: UTF-8 without control characters but line breaks and tabs."""
    file.seek(0)
    rest = b""
    while piece := file.read(MB):
        block = rest + piece
        if any(byte < 0x20 and byte not in (9, 10, 12, 13) for byte in set(block)):  # noqa: PLR2004 -- tab and breaks
            return Unsendable("type_not_allowed")
        try:
            block.decode()
            rest = b""
        except UnicodeDecodeError as error:
            if error.end < len(block) or len(block) - error.start > 3:  # noqa: PLR2004 -- a cut character has 3 bytes
                return Unsendable("type_not_allowed")
            rest = block[error.start :]
    return Unsendable("type_not_allowed") if rest else "text/plain"


def _is_aac(head: bytes) -> bool:
    """ADTS (ISO 13818-7): the sync word, and layer 0."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0  # noqa: PLR2004 -- as above


def _is_mpeg(head: bytes) -> bool:
    """MPEG audio (ISO 11172-3): the sync word, and a layer that is not 0, which is reserved."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6)  # noqa: PLR2004 -- as above


def _contains(file: BinaryIO, needles: Iterable[bytes]) -> bool:
    """Whether one of these short byte strings is in the file."""
    wanted = tuple(needles)
    overlap = max(map(len, wanted)) - 1
    file.seek(0)
    rest = b""
    while piece := file.read(MB):
        block = rest + piece
        if any(needle in block for needle in wanted):
            return True
        rest = block[-overlap:]
    return False


def _of(type_: str) -> Callable[[BinaryIO, bytes], str | Unsendable]:
    return lambda _, __: type_


_READERS: Final[tuple[tuple[bytes, Callable[[BinaryIO, bytes], str | Unsendable]], ...]] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"OggS", _ogg),
    (b"#!AMR", _of("audio/amr")),
    (b"ID3", _of("audio/mpeg")),
    (b"%PDF-", _pdf),
    (b"PK\x03\x04", _zip),
    (b"PK\x05\x06", _of("")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _ole),
)
