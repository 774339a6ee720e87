"""What `make run` leaves in its data directory for the command line and the shell: its process id and its addresses.

`addresses` has lines `NAME=VALUE`, which a shell reads with `. var/addresses`. They are true while a process holds the
lock on `run.pid`; the next run takes the same ports again where they are free.
"""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

PID_FILE: Final = "run.pid"
ADDRESSES: Final = "addresses"
INGRESS, CONSOLE, SIMULATOR = "INGRESS", "CONSOLE", "SIMULATOR"
"""The names of the addresses: of 3CX webhooks, of the operators' API without its path, and of the simulator."""


def is_running(data_dir: Path) -> bool:
    """True while a `make run` holds the data directory."""
    try:
        with (data_dir / PID_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write_addresses(data_dir: Path, urls: Mapping[str, str], ports: Mapping[str, int]) -> None:
    """Write the addresses and the ports by setting, in place of an earlier run's."""
    named = {**urls, "API": f"{urls[CONSOLE]}/api/v1", **{name: str(port) for name, port in ports.items()}}
    temporary = data_dir / f"{ADDRESSES}.new"
    temporary.write_text("".join(f"{name}={value}\n" for name, value in named.items()), "utf-8")
    temporary.replace(data_dir / ADDRESSES)


def read_addresses(data_dir: Path) -> dict[str, str]:
    """What the last run wrote; nothing where none has been or the file cannot be read."""
    try:
        lines = (data_dir / ADDRESSES).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {name: value for name, equals, value in (line.partition("=") for line in lines) if equals}


def kept_port(written: Mapping[str, str], name: str) -> int | None:
    """The port of a setting, or of an address, as an earlier run wrote it; None when it wrote none."""
    text = written.get(name, "")
    if name == SIMULATOR:
        return _port_in(text)
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536 else None


def _port_in(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None
