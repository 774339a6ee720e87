"""`gateway dead-letters`: what could not be processed."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging
from tools.cli.console import path_of

app = App(name="dead-letters", help="What could not be processed, and putting it back to work.")
COLUMNS = ("id", "queue", "event", "reason", "attempts", "account_id", "died_at", "replayed_at")


@app.default
@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    queue: Annotated[str | None, Parameter(help="Such as sender.forwards.")] = None,
    status: Literal["waiting", "replayed"] | None = None,
    session: Given,
) -> None:
    """List dead letters, the latest first."""
    paging = paging or Paging()
    pages = session.console.pages(
        "/dead-letters",
        every=paging.all,
        limit=paging.limit,
        cursor=paging.cursor,
        account_id=account_id,
        queue=queue,
        status=status,
    )
    session.show.pages(pages, COLUMNS)


@app.command
def show(dead_letter_id: str, *, session: Given) -> None:
    """Show one dead letter, without its content."""
    session.show.item(session.console.get(path_of("dead-letters", dead_letter_id)))


@app.command
def replay(*dead_letter_id: str, session: Given) -> None:
    """Put dead letters back onto their work queues, one after the other."""
    for one in dead_letter_id:
        session.show.item(session.console.post(f"{path_of('dead-letters', one)}/replay", {}))
