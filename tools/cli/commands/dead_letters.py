"""`gateway dead-letters`: list, show, replay and discard deliveries that could not be processed."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging
from tools.cli.console_client import path_of

app = App(name="dead-letters", help="Deliveries that could not be processed: list, show, replay, discard.")
COLUMNS = (
    "id",
    "queue",
    "event",
    "reason",
    "attempts",
    "account_id",
    "replayable",
    "died_at",
    "replayed_at",
    "discarded_at",
)

DeadLetterIds = Annotated[str, Parameter(required=True)]
"""One or more."""


@app.default
@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    queue: Annotated[str | None, Parameter(help="A work queue, such as sender.forwards.")] = None,
    status: Literal["waiting", "replayed", "discarded"] | None = None,
    session: CurrentSession,
) -> None:
    """List dead letters, newest first."""
    session.list("/dead-letters", COLUMNS, paging, account_id=account_id, queue=queue, status=status)


@app.command
def show(dead_letter_id: str, *, session: CurrentSession) -> None:
    """Show one dead letter, without its content."""
    session.output.item(session.console.get(path_of("dead-letters", dead_letter_id)))


@app.command
def replay(*dead_letter_id: DeadLetterIds, session: CurrentSession) -> None:
    """Publish dead letters to their work queues again, one after the other."""
    for one in dead_letter_id:
        session.output.item(session.console.post(f"{path_of('dead-letters', one)}/replay", {}))


@app.command
def discard(*dead_letter_id: DeadLetterIds, reason: str, session: CurrentSession) -> None:
    """Discard dead letters that are not to be replayed. Their content is deleted; the reason is on record."""
    for one in dead_letter_id:
        session.output.item(session.console.post(f"{path_of('dead-letters', one)}/discard", {"reason": reason}))
