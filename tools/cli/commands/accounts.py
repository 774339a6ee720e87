"""`gateway accounts`: list, show, create and edit accounts, and set their legal hold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging, body_from
from tools.cli.console_client import path_of

app = App(name="accounts", help="Accounts: the businesses that use the gateway, with their limits and retention.")
COLUMNS = ("id", "name", "plan", "timezone", "threecx_enabled", "paused", "daily_limit")
BodyFile = Annotated[Path | None, Parameter(help="A JSON object with the request's fields; options override it.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AccountFields:
    """The fields of an account that can be set by options."""

    name: Annotated[str | None, Parameter(help="Name shown to operators. [required to create]")] = None
    business_name: Annotated[str | None, Parameter(help="Name shown to customers. [required to create]")] = None
    plan: Annotated[str | None, Parameter(help="starter, growth or scale.")] = None
    timezone: Annotated[str | None, Parameter(help="Time zone of the account's days, such as Asia/Riyadh.")] = None
    default_region: Annotated[str | None, Parameter(help="Region of national phone numbers, such as SA.")] = None
    threecx_enabled: Annotated[bool | None, Parameter(help="Whether the 3CX module is enabled.")] = None
    paused: Annotated[bool | None, Parameter(help="While an account is paused, nothing is sent.")] = None
    daily_limit: Annotated[int | None, Parameter(help="Messages per day; 0 restores the plan's limit.")] = None
    require_opt_in: Annotated[
        bool | None, Parameter(help="Whether agents' templates need evidence of an opt-in. A new account has it on.")
    ] = None
    retention_days: Annotated[int | None, Parameter(help="Days for which records are kept.")] = None


def _body(fields: AccountFields | None, file: Path | None) -> dict[str, Any]:
    body = body_from(fields, file)
    return body | ({"daily_limit": None} if body.get("daily_limit") == 0 else {})


@app.command(name="list")
def list_(paging: Paging | None = None, *, session: CurrentSession) -> None:
    """List the accounts."""
    session.list("/accounts", COLUMNS, paging)


@app.command
def show(account_id: str, *, session: CurrentSession) -> None:
    """Show an account."""
    session.output.item(session.console.get(path_of("accounts", account_id)))


@app.command
def create(fields: AccountFields | None = None, *, file: BodyFile = None, session: CurrentSession) -> None:
    """Create an account."""
    session.output.item(session.console.post("/accounts", _body(fields, file)))


@app.command
def edit(
    account_id: str, fields: AccountFields | None = None, *, file: BodyFile = None, session: CurrentSession
) -> None:
    """Edit an account. Fields that you do not name keep their value."""
    session.output.item(session.console.patch(path_of("accounts", account_id), _body(fields, file)))


@app.command
def hold(account_id: str, state: Literal["on", "off"], *, session: CurrentSession) -> None:
    """Start or end an account's legal hold. Under a hold, nothing is purged and erasures are refused."""
    session.output.item(session.console.patch(path_of("accounts", account_id), {"legal_hold": state == "on"}))
