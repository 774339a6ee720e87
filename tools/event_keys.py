"""The keys of events for all services of a deployment: made, changed without a pause, and kept in one folder.

The folder has one file for each service, with the value of that service's `GATEWAY_EVENT_KEYS`. The services' own keys
in them are the only state: what the files hold of the others follows from these, and each step can be repeated.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from libs.chassis.event_keys import KEY_BYTES, SERVICES, EventKey, listed, parsed

OwnKeys = tuple[EventKey, ...]
"""The keys of one service, of which the first signs."""


class NoKeys(Exception):  # noqa: N818 -- a name that states the fact
    """The folder does not hold the keys of all services; the text is one sentence."""


def new_event_keys() -> dict[str, str]:
    """A new value of `GATEWAY_EVENT_KEYS` for each service."""
    return _values({service: (_new_key(1),) for service in SERVICES})


def make(folder: Path) -> list[str]:
    """Make the keys of each service that has none; the services whose files are new."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {service: _own_keys(folder, service) for service in SERVICES}
    _write(folder, _values({service: keys or (_new_key(1),) for service, keys in found.items()}))
    return [service for service, keys in found.items() if not keys]


def add(folder: Path) -> None:
    """Give each service a second key, which all accept and nobody uses yet. Raises NoKeys."""
    _change(folder, lambda keys: keys if len(keys) > 1 else (*keys, _new_key(_number(keys[0]) + 1)))


def use(folder: Path) -> None:
    """Let each service sign with its newest key; all accept the older ones too. Raises NoKeys."""
    _change(folder, lambda keys: tuple(sorted(keys, key=_number, reverse=True)))


def drop(folder: Path) -> None:
    """Remove all keys but those that sign. Raises NoKeys."""
    _change(folder, lambda keys: keys[:1])


def values_in(folder: Path) -> dict[str, str]:
    """The value of `GATEWAY_EVENT_KEYS` for each service. Raises NoKeys."""
    return _values({service: _required(folder, service) for service in SERVICES})


def _change(folder: Path, step: Callable[[OwnKeys], OwnKeys]) -> None:
    _write(folder, _values({service: step(_required(folder, service)) for service in SERVICES}))


def _values(own: Mapping[str, OwnKeys]) -> dict[str, str]:
    """What each service gets: its own keys, and of each other one what it needs to check that one's events."""
    values = {}
    for reader in SERVICES:
        entries = {(reader, key.kid): key.key for key in own[reader]}
        for producer in SERVICES:
            if producer != reader:
                entries |= {(producer, key.kid): key.pair_key(producer, reader) for key in own[producer]}
        values[reader] = listed(entries)
    return values


def _required(folder: Path, service: str) -> OwnKeys:
    keys = _own_keys(folder, service)
    if not keys:
        raise NoKeys(f"{folder} has no keys of {service}: `gateway event-keys new {folder}` makes them.")
    return keys


def _own_keys(folder: Path, service: str) -> OwnKeys:
    """The keys in a service's file; none without the file."""
    try:
        text = (folder / service).read_text("utf-8").strip()
    except FileNotFoundError:
        return ()
    try:
        entries = parsed(text)
    except ValueError as error:
        raise NoKeys(f"{folder / service} cannot be read: {error}.") from None
    return tuple(EventKey(kid, key) for (name, kid), key in entries.items() if name == service)


def _new_key(number: int) -> EventKey:
    return EventKey(f"k{number}", secrets.token_bytes(KEY_BYTES))


def _number(key: EventKey) -> int:
    """The number in a key's id; 0 for an id that was given by hand."""
    digits = key.kid.removeprefix("k")
    return int(digits) if digits.isdecimal() else 0


def _write(folder: Path, values: Mapping[str, str]) -> None:
    """Write what has changed, each file at once: a crash leaves whole files, and the step can be repeated."""
    for service, value in values.items():
        path = folder / service
        if path.exists() and path.read_text("utf-8").strip() == value:
            continue
        temporary = path.with_suffix(".new")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(value + "\n")
        temporary.replace(path)
