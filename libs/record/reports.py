"""The signature of a compliance report, and of the text file that it is written to (docs/reports.md).

The rule: the whole report is signed: figures, verification, maker, time and period. A signed message begins with its
kind, so that a signature is valid for nothing else.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from libs.record.keys import PublicKeys, SigningKey, instant_text

REPORT: Final = b"whatsapp-gateway report 2\n"
DOCUMENT: Final = b"whatsapp-gateway report document 2\n"
"""Prefixes of the signed bytes of a report, and of a file with a report."""
_LAST_LINE: Final = re.compile(
    rb"(?:proof,document_signature,,|<!-- document_signature )(?P<key>[^,\s]+)[, ]"
    rb"Ed25519 (?P<signature>[A-Za-z0-9+/=]+)(?: -->)?\r?\n\Z"
)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8; numbers as Python writes them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def report_message(report: Mapping[str, Any]) -> bytes:
    """The signed bytes of a report in its JSON form: all of it but `proof.signature`."""
    proof = {name: value for name, value in report["proof"].items() if name != "signature"}
    return REPORT + canonical({**report, "proof": proof})


def report_problem(report: Mapping[str, Any], keys: PublicKeys) -> str | None:
    """Why a report in its JSON form is not one that a trusted key signed; None when it is."""
    try:
        key_id, signature = report["proof"]["key_id"], report["proof"]["signature"]
        made_at = str(report["generated_at"])
        message = report_message(report)
    except (KeyError, TypeError, AttributeError):
        return "it is no report of this format"
    if not isinstance(key_id, str) or not isinstance(signature, str):
        return "it is not signed"
    return _problem(message, key_id, signature, keys) or _retired(keys, key_id, made_at)


def sealed_text(content: bytes, key: SigningKey) -> bytes:
    """A CSV or HTML file with its signature in one more line, which covers every byte before that line."""
    signature = base64.b64encode(key.sign(DOCUMENT + content)).decode()
    is_page = content.lstrip().startswith(b"<")
    line = f"<!-- document_signature {key.kid} Ed25519 {signature} -->\n"
    return content + (line if is_page else f"proof,document_signature,,{key.kid},Ed25519 {signature}\r\n").encode()


def text_problem(content: bytes, keys: PublicKeys) -> str | None:
    """Why a CSV or HTML file is not one that a trusted key signed; None when it is."""
    found = _LAST_LINE.search(content)
    if found is None:
        return "its last line is no signature"
    signature = found["signature"].decode()
    return _problem(DOCUMENT + content[: found.start()], found["key"].decode(errors="replace"), signature, keys)


def _retired(keys: PublicKeys, key_id: str, made_at: str) -> str | None:
    retired_at = keys[key_id].retired_at
    try:
        late = retired_at is not None and datetime.fromisoformat(made_at) > datetime.fromisoformat(
            instant_text(retired_at)
        )
    except (TypeError, ValueError):
        return "its time cannot be read"
    return f"its key {key_id!r} was retired before it was made" if late else None


def _problem(message: bytes, key_id: str, signature: str, keys: PublicKeys) -> str | None:
    key = keys.get(key_id)
    if key is None:
        return f"its key {key_id!r} is not trusted"
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        raw = b""
    return None if key.verifies(message, raw) else "its signature does not fit its content: it was changed"
