"""Checks the settings of a stack before anything starts: one sentence for each problem, and no value of a secret."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from libs.chassis.settings import ServiceSettings, SettingsError
from libs.contracts.connection_urls import sqlite_path
from services.audit.settings import AuditSettings
from services.console.settings import ConsoleSettings
from services.ingress.settings import IngressSettings
from services.policy.settings import PolicySettings
from services.sender.settings import SenderSettings
from tools.stack.ports import DOCUMENTED, is_free

SETTINGS: Final[Mapping[str, type[ServiceSettings]]] = {
    "audit": AuditSettings,
    "policy": PolicySettings,
    "sender": SenderSettings,
    "ingress": IngressSettings,
    "console": ConsoleSettings,
}
PORTS: Final = range(65536)
ANY_BROKER: Final = "amqp://user:password@127.0.0.1/"
"""Stands for the broker that the stack starts, while the settings are checked."""


class InvalidSettings(Exception):  # noqa: N818 -- reads as the fact it states
    """The stack cannot start with these settings; the text is one sentence for each problem."""


def require_folder(data_dir: Path) -> None:
    """Create the data directory if it is missing. Raises InvalidSettings unless it can be written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidSettings(f"GATEWAY_DATA_DIR={data_dir} cannot be made a folder: {error.strerror}.") from None
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise InvalidSettings(f"GATEWAY_DATA_DIR={data_dir} cannot be written by this user.")


def require_valid(environ: Mapping[str, str], settings: Mapping[str, Mapping[str, str]]) -> None:
    """Raise InvalidSettings unless the stack can start.

    `environ` is what the operator set, `settings` what each service gets by its name: `environ` with what the stack
    adds to it.
    """
    problems = [*_port_problems(environ), *_setting_problems(settings), *_store_problems(environ)]
    if problems:
        raise InvalidSettings("\n".join(dict.fromkeys(problems)))


def _port_problems(environ: Mapping[str, str]) -> Iterator[str]:
    named: dict[int, str] = {}
    for name in DOCUMENTED:
        text = environ.get(name)
        if text is None:
            continue
        if not (text.isascii() and text.isdigit() and int(text[:6]) in PORTS):
            yield f"{name} must be a port, a number from 1 to 65535, or 0 for any free one."
            continue
        port = int(text)
        if port in named:
            yield f"{named[port]} and {name} are both {port}; set one of them to another port."
        elif port and not is_free(port):
            yield f"{name}={port} is in use by another program; set {name} to a free port."
        if port:
            named[port] = name


def _setting_problems(settings: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for service, given in settings.items():
        try:
            SETTINGS[service].from_environ(given)
        except SettingsError as error:
            yield from (_sentence(problem) for problem in str(error).split("; ") if not _is_port(problem))


def _sentence(problem: str) -> str:
    """A problem as the settings tell it, without what the library puts before it."""
    text = problem.replace(": Value error, ", ": ")
    return text if text.endswith(("?", ".")) else f"{text}."


def _is_port(problem: str) -> bool:
    """Whether the problem is about a port, which has a sentence of its own."""
    return problem.partition(":")[0] in DOCUMENTED


def _store_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """A SQLite file that cannot be created would let each service wait for it."""
    url = environ.get("GATEWAY_STORE_URL", "")
    try:
        folder = sqlite_path(url).resolve().parent
    except ValueError:
        return  # another store, or a problem that the settings have named
    if not folder.is_dir():
        yield f"GATEWAY_STORE_URL names a file in {folder}, which is not a folder."
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"GATEWAY_STORE_URL names a file in {folder}, where this user cannot write."
