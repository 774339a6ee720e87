"""Which RabbitMQ wrote a data directory, and whether the installed one can read it.

RabbitMQ does not skip versions (https://www.rabbitmq.com/docs/upgrade), and distributions do: Debian 12 has 3.10,
Debian 13 has 4.0. A node that cannot read its data ends with a page of Erlang, so this is looked at before it starts.
"""

import re
from pathlib import Path

UPGRADES = {
    "3.10": ("3.9",),
    "3.11": ("3.10",),
    "3.12": ("3.11",),
    "3.13": ("3.12",),
    "4.0": ("3.13",),
    "4.1": ("3.13", "4.0"),
    "4.2": ("3.13", "4.0", "4.1"),
}
"""The series whose data each series reads, beside its own."""
FILE = "rabbitmq_version"
"""The file in a data directory with the version that used it last."""
_PROGRAM = re.compile(r"rabbitmq_server-(\d+\.\d+\.\d+)")
_STARTED = re.compile(r"Starting RabbitMQ (\d+\.\d+\.\d+) on Erlang")
_LOG_END = 4_000_000  # bytes; a start writes some thousand


def installed_version(programs: Path) -> str | None:
    """The version of RabbitMQ's programs, by the folder in which they really are; None when it does not tell."""
    found = _PROGRAM.search(str((programs / "rabbitmq-server").resolve()))
    return found[1] if found else None


def version_of_data(folder: Path) -> str | None:
    """The version that used a node's data last; None when there is no data, or when nothing tells."""
    if not (folder / "data").is_dir():
        return None
    if (file := folder / FILE).is_file():
        return file.read_text("utf-8").strip() or None
    log = folder / "log" / "rabbit.log"
    if not log.is_file():
        return None
    with log.open("rb") as lines:
        lines.seek(max(0, log.stat().st_size - _LOG_END))
        started = _STARTED.findall(lines.read().decode(errors="replace"))
    return started[-1] if started else None


def refusal(before: str | None, now: str | None, folder: Path) -> str | None:
    """Why `now` cannot use data that `before` wrote, and what to do; None when it can, or when nobody knows."""
    if before is None or now is None or (old := _series(before)) == (new := _series(now)):
        return None
    if new not in UPGRADES or old in UPGRADES[new]:
        return None
    return (
        f"RabbitMQ {before} wrote the broker's data in {folder}, and RabbitMQ {now} cannot read it. Its queues may "
        f"hold messages: run the gateway once more on RabbitMQ {before} until they are empty, then move {folder} away "
        '(docs/upgrade.md, "The broker of make run").'
    )


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])
