"""`gateway events`: the record, searched."""

from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging, secret_from
from tools.cli.console import path_of
from tools.cli.explaining import explain as tell

app = App(name="events", help="The record: every event, newest first.")
COLUMNS = ("at", "type", "code", "account_id", "integration_id", "event_id", "masked_phone", "actor")
STORY = ("at", "type", "code", "purpose", "masked_phone", "actor", "details")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which records."""

    account_id: str | None = None
    integration_id: str | None = None
    type: Annotated[str | None, Parameter(help="Such as webhook.answered.")] = None
    code: Annotated[str | None, Parameter(help="Such as sent, or a code of the error catalogue.")] = None
    event_id: str | None = None
    phone: Annotated[
        str | None, Parameter(help="Of one customer; needs `--account-id`. `-` reads it from standard input.")
    ] = None
    since: Annotated[str | None, Parameter(name="--from", help="From this time on, such as 2026-11-23T08:00:00Z.")] = (
        None
    )
    until: Annotated[str | None, Parameter(name="--to", help="Before this time.")] = None


@app.default
@app.command(name="list")
def list_(wanted: Wanted | None = None, paging: Paging | None = None, *, session: Given) -> None:
    """Search the record."""
    paging, query = paging or Paging(), asdict(wanted or Wanted())
    query["from"], query["to"] = query.pop("since"), query.pop("until")
    if query["phone"] is not None:
        query["phone"] = secret_from(query["phone"], "Phone")
    pages = session.console.pages("/events", every=paging.all, limit=paging.limit, cursor=paging.cursor, **query)
    session.show.pages(pages, COLUMNS)


@app.command
def show(event_id: str, *, session: Given) -> None:
    """Show everything on record about one webhook or WhatsApp message, oldest first."""
    story = session.console.get(path_of("events", event_id))
    session.show.pages([story | {"next_cursor": None}], STORY)


def explain(event_id: str, *, session: Given) -> None:
    """Tell one event's whole story: what happened when, every rule with what it saw, and what to do."""
    story = session.console.get(path_of("events", event_id))
    if session.show.as_json:
        session.show.item(story)
    else:
        tell(story, session.show.out)
