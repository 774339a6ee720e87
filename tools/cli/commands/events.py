"""`gateway events` and `gateway explain`: search the record and explain one event."""

from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging, Phone, UserId, customer_from
from tools.cli.console_client import CommandFailed, ExitCode, path_of
from tools.cli.event_timeline import print_timeline

app = App(name="events", help="Recorded events, newest first.")
COLUMNS = (
    "at",
    "type",
    "code",
    "details.details.outcome",
    "account_id",
    "integration_id",
    "event_id",
    "masked_phone",
    "actor",
)
TIMELINE_COLUMNS = ("at", "type", "code", "purpose", "masked_phone", "actor", "details")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RecordFilter:
    """Which records are listed."""

    account_id: str | None = None
    integration_id: str | None = None
    type: Annotated[str | None, Parameter(help="An event's name, such as webhook.answered.")] = None
    code: Annotated[str | None, Parameter(help="A result such as sent, or an error code.")] = None
    event_id: str | None = None
    phone: Phone = None
    user_id: UserId = None
    since: Annotated[str | None, Parameter(name="--from", help="From this time on, such as 2026-11-23T08:00:00Z.")] = (
        None
    )
    until: Annotated[str | None, Parameter(name="--to", help="Before this time.")] = None


@app.default
@app.command(name="list")
def list_(criteria: RecordFilter | None = None, paging: Paging | None = None, *, session: CurrentSession) -> None:
    """Search the record. `--phone` and `--user-id` need `--account-id`."""
    query = asdict(criteria or RecordFilter())
    query["from"], query["to"] = query.pop("since"), query.pop("until")
    query |= customer_from(query["phone"], query["user_id"])
    session.list("/events", COLUMNS, paging, **query)


@app.command
def show(event_id: str, *, session: CurrentSession) -> None:
    """Show every record of one webhook or WhatsApp message, oldest first."""
    _require_id(event_id)
    timeline = session.console.get(path_of("events", event_id))
    session.output.pages([timeline | {"next_cursor": None}], TIMELINE_COLUMNS)


def explain(event_id: str, *, session: CurrentSession) -> None:
    """Explain one event: its records in order, every rule with its inputs, and how to fix an error."""
    _require_id(event_id)
    timeline = session.console.get(path_of("events", event_id))
    if session.output.as_json:
        session.output.item(timeline)
    else:
        print_timeline(timeline, session.output.out)


def _require_id(event_id: str) -> None:
    """Raise CommandFailed unless it is an event's id, which is a UUID as `event_id` in an answer has it."""
    try:
        UUID(event_id)
    except ValueError:
        raise CommandFailed(
            "This is no event's id: it is the `event_id` of an answer, such as 01234567-89ab-4cde-8f01-23456789abcd. "
            "For an error code, run `gateway errors explain CODE`.",
            ExitCode.USAGE,
        ) from None
