"""`gateway templates`: WhatsApp's templates of a number."""

import time
from typing import Any

from cyclopts import App

from tools.cli.commands.session import CurrentSession, Session
from tools.cli.console_client import CommandFailed, ExitCode

app = App(name="templates", help="WhatsApp's templates: what the gateway knows of them.")
COLUMNS = ("name", "language", "status", "category", "parameters", "header_parameters", "header_media", "buttons")
LOOK_SECONDS = 0.5


@app.command(name="list")
def list_(instance_id: str, *, session: CurrentSession) -> None:
    """List the templates that a number can send, as they were last read from WhatsApp."""
    _show(session, session.console.get("/templates", instance_id=instance_id))


@app.command
def sync(instance_id: str, *, wait_seconds: float = 30.0, session: CurrentSession) -> None:
    """Read a number's templates from WhatsApp now, and list them; the gateway does so every six hours by itself."""
    before: dict[str, Any] = session.console.post("/templates/sync", {"instance_id": instance_id})
    ends = time.monotonic() + wait_seconds
    while time.monotonic() < ends:
        found: dict[str, Any] = session.console.get("/templates", instance_id=instance_id)
        if found["synced_at"] != before["synced_at"]:
            _show(session, found)
            return
        if found["problem"] is not None and found["due_at"] != before["due_at"]:
            raise CommandFailed(f"the templates could not be read: {found['problem']}", ExitCode.REFUSED)
        time.sleep(LOOK_SECONDS)
    raise CommandFailed("no sender has read the templates yet: list them later", ExitCode.UNREACHABLE)


def _show(session: Session, found: dict[str, Any]) -> None:
    session.output.pages([{"items": found["items"], "next_cursor": None}], COLUMNS)
