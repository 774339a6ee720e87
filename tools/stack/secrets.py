"""The secrets of a machine of one's own: made on the first run, kept in the data directory, readable by its owner."""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = "secrets"


def _token() -> str:
    return secrets.token_urlsafe(32)


def _sealing_keys() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


MADE: Mapping[str, Callable[[], str]] = {
    "GATEWAY_ADMIN_TOKEN": _token,
    "GATEWAY_WHATSAPP_APP_SECRET": _token,
    "GATEWAY_WHATSAPP_VERIFY_TOKEN": _token,
    "GATEWAY_HASH_KEY": _token,
    "GATEWAY_SECRET_KEYS": _sealing_keys,
    "GATEWAY_SIGNING_KEYS": _sealing_keys,  # an Ed25519 seed is 32 bytes as well
}


def secrets_in(data_dir: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """Every secret, and the names of those made just now; the environment's wins over the kept one."""
    folder = data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found: dict[str, str] = {}
    fresh: set[str] = set()
    for name, make in MADE.items():
        path = folder / name.removeprefix("GATEWAY_").lower()
        if name in environ:
            found[name] = environ[name]
        elif path.exists():
            found[name] = path.read_text("utf-8").strip()
        else:
            found[name] = make()
            fresh.add(name)
            _write_private(path, found[name])
    return found, fresh


def _write_private(path: Path, text: str) -> None:
    """Written beside and moved into place: a crash leaves no half secret."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    beside.replace(path)
