"""`gateway forwards`: list and show what was forwarded to 3CX systems."""

from typing import Literal

from cyclopts import App

from tools.cli.commands.session import CurrentSession, Paging
from tools.cli.console_client import path_of

app = App(name="forwards", help="Forwards to 3CX systems, with every attempt.")
COLUMNS = ("id", "kind", "status", "tries", "last_status", "last_error", "integration_id", "requested_at")


@app.default
@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    integration_id: str | None = None,
    status: Literal["trying", "waiting", "delivered", "failed"] | None = None,
    session: CurrentSession,
) -> None:
    """List forwards, newest first."""
    session.list("/forwards", COLUMNS, paging, account_id=account_id, integration_id=integration_id, status=status)


@app.command
def show(forward_id: str, *, session: CurrentSession) -> None:
    """Show one forward with every attempt. Its id is the `webhook-id` that the receiver gets."""
    session.output.item(session.console.get(path_of("forwards", forward_id)))
