"""`gateway forwards`: what 3CX systems were told."""

from typing import Literal

from cyclopts import App

from tools.cli.commands.session import Given, Paging
from tools.cli.console import path_of

app = App(name="forwards", help="What 3CX systems were told, and every try.")
COLUMNS = ("id", "kind", "status", "tries", "last_status", "last_error", "integration_id", "requested_at")


@app.default
@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    integration_id: str | None = None,
    status: Literal["trying", "waiting", "delivered", "failed"] | None = None,
    session: Given,
) -> None:
    """List forwards, the latest first."""
    paging = paging or Paging()
    pages = session.console.pages(
        "/forwards",
        every=paging.all,
        limit=paging.limit,
        cursor=paging.cursor,
        account_id=account_id,
        integration_id=integration_id,
        status=status,
    )
    session.show.pages(pages, COLUMNS)


@app.command
def show(forward_id: str, *, session: Given) -> None:
    """Show one forward with every try; its id is the `webhook-id` that the receiver sees."""
    session.show.item(session.console.get(path_of("forwards", forward_id)))
