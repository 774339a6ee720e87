"""`gateway approvals`: what waits for a second person; approve and reject it with a token of another person."""

from typing import Literal

from cyclopts import App

from tools.cli.commands.session import CurrentSession, Paging
from tools.cli.console_client import path_of

app = App(name="approvals", help="Changes that need a second person: legal holds, retention, opt-outs, many erasures.")
COLUMNS = ("id", "kind", "account_id", "state", "requested_by", "reason", "requested_at", "expires_at", "decided_by")


@app.default
@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    state: Literal["pending", "approved", "done", "rejected", "expired"] | None = "pending",
    session: CurrentSession,
) -> None:
    """List requests; those that wait, unless you name another state."""
    session.list("/approvals", COLUMNS, paging, account_id=account_id, state=state)


@app.command
def show(approval_id: str, *, session: CurrentSession) -> None:
    """Show a request, and what it changes."""
    session.output.item(session.console.get(path_of("approvals", approval_id)))


@app.command
def approve(approval_id: str, *, session: CurrentSession) -> None:
    """Approve a request: it takes effect. Your token must be another person's than the requester's."""
    session.output.item(session.console.post(f"{path_of('approvals', approval_id)}/approve", {}))


@app.command
def reject(approval_id: str, *, reason: str, session: CurrentSession) -> None:
    """Reject a request, or withdraw your own one. The reason is on record."""
    session.output.item(session.console.post(f"{path_of('approvals', approval_id)}/reject", {"reason": reason}))
