"""`gateway accounts`: who uses the gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging, body_from
from tools.cli.console import path_of

app = App(name="accounts", help="Who uses the gateway, is limited and reported on.")
COLUMNS = ("id", "name", "plan", "timezone", "threecx_enabled", "paused", "daily_limit")
File = Annotated[Path | None, Parameter(help="A JSON object with the fields of the call; options come on top.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be chosen for an account."""

    name: Annotated[str | None, Parameter(help="What operators call it.")] = None
    business_name: Annotated[str | None, Parameter(help="What customers know it as.")] = None
    plan: Annotated[str | None, Parameter(help="starter, growth or scale.")] = None
    timezone: Annotated[str | None, Parameter(help="Its days begin in this zone, such as Asia/Riyadh.")] = None
    default_region: Annotated[str | None, Parameter(help="National numbers are this region's, such as SA.")] = None
    threecx_enabled: Annotated[bool | None, Parameter(help="The 3CX module.")] = None
    paused: Annotated[bool | None, Parameter(help="Nothing is sent while it is paused.")] = None
    daily_limit: Annotated[int | None, Parameter(help="A reviewed limit a day; 0: the plan's.")] = None
    retention_days: Annotated[int | None, Parameter(help="How long the record is kept.")] = None


def _body(choices: Choices | None, file: Path | None) -> dict[str, Any]:
    body = body_from(choices or Choices(), file)
    return body | ({"daily_limit": None} if body.get("daily_limit") == 0 else {})


@app.command(name="list")
def list_(paging: Paging | None = None, *, session: Given) -> None:
    """List the accounts."""
    paging = paging or Paging()
    pages = session.console.pages("/accounts", every=paging.all, limit=paging.limit, cursor=paging.cursor)
    session.show.pages(pages, COLUMNS)


@app.command
def show(account_id: str, *, session: Given) -> None:
    """Show an account."""
    session.show.item(session.console.get(path_of("accounts", account_id)))


@app.command
def create(choices: Choices | None = None, *, file: File = None, session: Given) -> None:
    """Make an account."""
    session.show.item(session.console.post("/accounts", _body(choices, file)))


@app.command
def edit(account_id: str, choices: Choices | None = None, *, file: File = None, session: Given) -> None:
    """Edit an account: what is not named stays."""
    session.show.item(session.console.patch(path_of("accounts", account_id), _body(choices, file)))


@app.command
def hold(account_id: str, state: Literal["on", "off"], *, session: Given) -> None:
    """Begin or end an account's legal hold: while it lasts no record is purged and nobody erased."""
    session.show.item(session.console.patch(path_of("accounts", account_id), {"legal_hold": state == "on"}))
