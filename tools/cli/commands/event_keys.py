"""`gateway event-keys`: makes and changes the keys of events in a folder. It calls nobody."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cyclopts import App

from tools import event_keys
from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode

app = App(name="event-keys", help="Keys of the codes that prove which service published an event (GATEWAY_EVENT_KEYS).")
T = TypeVar("T")
_ROLL_OUT = "roll the files out to all services"


@app.command
def new(folder: Path, /, *, session: CurrentSession) -> None:
    """Make the keys of all services: one file for each, the value of its GATEWAY_EVENT_KEYS. Keeps those that exist."""
    made = _done(lambda: event_keys.make(folder))
    session.output.item({"folder": str(folder), "new": made, "next": f"{_ROLL_OUT}: each gets its own file"})


@app.command
def add(folder: Path, /, *, session: CurrentSession) -> None:
    """First step of a change: give each service a second key, which all accept and nobody uses yet."""
    _done(lambda: event_keys.add(folder))
    session.output.item({"folder": str(folder), "next": f"{_ROLL_OUT}, then: gateway event-keys use {folder}"})


@app.command
def use(folder: Path, /, *, session: CurrentSession) -> None:
    """Second step of a change: let each service sign with its newest key; all accept the older one too."""
    _done(lambda: event_keys.use(folder))
    then = f"when no dead letter waits for its replay: gateway event-keys drop {folder}"
    session.output.item({"folder": str(folder), "next": f"{_ROLL_OUT}, then, {then}"})


@app.command
def drop(folder: Path, /, *, session: CurrentSession) -> None:
    """Last step of a change: remove the keys that no service signs with. What they signed is accepted no more."""
    _done(lambda: event_keys.drop(folder))
    session.output.item({"folder": str(folder), "next": _ROLL_OUT})


def _done(step: Callable[[], T]) -> T:
    try:
        return step()
    except event_keys.NoKeys as failed:
        raise CommandFailed(str(failed), ExitCode.USAGE) from None
    except OSError as error:
        raise CommandFailed(f"The folder cannot be used: {error.strerror or error}.", ExitCode.USAGE) from None
