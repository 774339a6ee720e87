"""`gateway witness`: run a witness of cumulative logs, on a machine of somebody else than the gateway's operator."""

import base64
import os
import time
from pathlib import Path
from typing import Annotated

from aiohttp import web
from cyclopts import App, Parameter

from libs.record.keys import SigningKey
from libs.record.signed_notes import COSIGNATURE, NoteKey, is_key_name
from tools.cli.console_client import CommandFailed, ExitCode, text_of
from tools.witness.server import Witness, logs_from
from tools.witness.state import FolderInUse, WitnessFolder

app = App(name="witness", help="Run a witness that cosigns checkpoints of cumulative logs.")
Name = Annotated[str, Parameter(help="The witness's name, best an address without a scheme: `witness.example.com/w1`.")]
KeyFile = Annotated[Path, Parameter(help="File of the witness's key: 32 bytes in base64.")]


@app.command
def keygen(name: Name, key_file: KeyFile) -> None:
    """Make a key, and print its verifier key: give that to the gateway's operator and to verifiers."""
    key = SigningKey(_key_name(name), os.urandom(32))
    try:
        with os.fdopen(os.open(key_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(base64.b64encode(key.seed).decode() + "\n")
    except OSError as error:
        raise CommandFailed(f"{key_file} cannot be written: {error.strerror}", ExitCode.USAGE) from None
    print(vkey_of(name, key))


@app.command
def run(
    name: Name,
    key_file: KeyFile,
    folder: Annotated[Path, Parameter(help="Folder for what was seen last; keep it as safe as the key.")],
    *,
    log: Annotated[list[str], Parameter(help="The verifier key of a log (`gateway audit log --json`); repeatable.")],
    host: str = "127.0.0.1",
    port: int = 8080,
) -> None:
    """Cosign what extends what was seen last, until SIGTERM. One process for each folder."""
    key = _key_from(name, key_file)
    try:
        logs = logs_from(log)
        kept = WitnessFolder(folder)
        kept.lock()
    except ValueError as error:
        raise CommandFailed(f"--log: {error}", ExitCode.USAGE) from None
    except FolderInUse:
        raise CommandFailed(f"{folder} is in use by another witness", ExitCode.USAGE) from None
    except OSError as error:
        raise CommandFailed(f"{folder} cannot be used: {error.strerror}", ExitCode.USAGE) from None
    witness = Witness(name=name, key=key, logs=logs, folder=kept, seconds=lambda: int(time.time()))
    print(vkey_of(name, key), flush=True)
    web.run_app(witness.application(), host=host, port=port, print=None, access_log=None)


def vkey_of(name: str, key: SigningKey) -> str:
    """The verifier key of a witness."""
    return NoteKey(name, key.public, COSIGNATURE).vkey


def _key_name(name: str) -> str:
    if not is_key_name(text_of(name)):
        raise CommandFailed("the name must have neither spaces nor a plus", ExitCode.USAGE)
    return name


def _key_from(name: str, key_file: Path) -> SigningKey:
    _key_name(name)
    try:
        seed = base64.b64decode(key_file.read_text("utf-8").strip(), validate=True)
    except (OSError, ValueError):
        seed = b""
    if len(seed) != 32:
        raise CommandFailed(f"{key_file} is not a key of 32 bytes in base64", ExitCode.USAGE)
    return SigningKey(name, seed)
