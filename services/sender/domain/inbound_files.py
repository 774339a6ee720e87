"""How a customer's file is handed out: its type, its name and the headers that keep a browser from running it."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from services.sender.domain.media_tokens import MediaClaims

UNKNOWN_TYPE: Final = "application/octet-stream"
EXTENSIONS: Final[Mapping[str, str]] = {
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/plain": "txt",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/3gpp": "3gp",
    "video/mp4": "mp4",
    UNKNOWN_TYPE: "bin",
}
"""The types that WhatsApp supports (Meta, "Supported media types"). A file of any other type is unknown bytes."""
SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""Types that a browser shows in place. A PDF is never one: its reader runs what is in it."""
SAFE_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}
MAX_NAME: Final = 120
_SEPARATORS: Final = re.compile(r"[\\/:*?\"<>|;%]+")


def headers_for(claims: MediaClaims, told_type: str | None) -> dict[str, str]:
    """The headers of a file; `told_type` is the provider's word, which comes before the webhook's."""
    content_type = supported_type(told_type or claims.mime_type)
    disposition = "inline" if content_type in SHOWN else "attachment"
    name = quote(file_name(claims, content_type), safe="")
    return {
        **SAFE_HEADERS,
        "Content-Type": content_type,
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
    }


def supported_type(mime_type: str | None) -> str:
    """The type without its parameters if WhatsApp supports it, else that of unknown bytes."""
    found = (mime_type or "").partition(";")[0].strip().lower()
    return found if found in EXTENSIONS else UNKNOWN_TYPE


def file_name(claims: MediaClaims, content_type: str) -> str:
    """A name without folders and controls that ends as its type does, whatever the customer called the file."""
    extension = EXTENSIONS[content_type]
    day = datetime.fromtimestamp(claims.sent_at, UTC).strftime("%Y-%m-%d")
    name = _cleaned(claims.filename or "") or f"{claims.kind}-{day}"
    if name.lower().endswith(f".{extension}"):
        name = name[: -len(extension) - 1].rstrip(". ") or claims.kind
    return f"{name[:MAX_NAME]}.{extension}"


def _cleaned(name: str) -> str:
    """The name without separators of paths, control and format characters (which reorder text), and dots around it."""
    visible = "".join(each for each in name if not unicodedata.category(each).startswith(("C", "Z")) or each == " ")
    return _SEPARATORS.sub("_", visible).strip(". _")
