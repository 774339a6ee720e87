"""Secrets of a local gateway: generated on the first run, stored in the data directory, readable by the owner only."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.event_keys import make, values_in

FOLDER = "secrets"
EVENT_KEYS = "event_keys"


def _token() -> str:
    return secrets.token_urlsafe(32)


def _sealing_keys() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


GENERATORS: Mapping[str, Callable[[], str]] = {
    "GATEWAY_ADMIN_TOKEN": _token,
    "GATEWAY_WHATSAPP_APP_SECRET": _token,
    "GATEWAY_WHATSAPP_VERIFY_TOKEN": _token,
    "GATEWAY_HASH_KEY": _token,
    "GATEWAY_SECRET_KEYS": _sealing_keys,
    "GATEWAY_POST_KEYS": _sealing_keys,
    "GATEWAY_SINK_KEYS": _sealing_keys,
    "GATEWAY_DO_NOT_CONTACT_KEYS": _sealing_keys,
    "GATEWAY_SIGNING_KEYS": _sealing_keys,  # an Ed25519 seed is 32 bytes as well
}


def secrets_in(data_dir: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """All secrets by setting, and the names of new ones. A value in `environ` overrides the stored secret."""
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found: dict[str, str] = {}
    new: set[str] = set()
    for name, generate in GENERATORS.items():
        path = folder / name.removeprefix("GATEWAY_").lower()
        if name in environ:
            found[name] = environ[name]
        elif path.exists():
            found[name] = path.read_text("utf-8").strip()
        else:
            found[name] = generate()
            new.add(name)
            _write_private(path, found[name])
    return found, new


def event_keys_in(data_dir: Path) -> dict[str, str]:
    """The keys of events by service; made on the first run, and for a service that a later release adds."""
    folder = data_dir / FOLDER / EVENT_KEYS
    make(folder)
    return values_in(folder)


def _write_private(path: Path, text: str) -> None:
    """Write a temporary file and rename it, so that a crash cannot leave a partial secret."""
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    temporary.replace(path)
