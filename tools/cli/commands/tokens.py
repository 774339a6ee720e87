"""`gateway tokens`: list, create and revoke tokens of the operators' API."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging
from tools.cli.console_client import path_of

app = App(name="tokens", help="Tokens of the operators' API.")
COLUMNS = ("id", "label", "role", "accounts", "expires_at", "revoked_at", "last_used_at", "created_by")


@app.command(name="list")
def list_(paging: Paging | None = None, *, session: CurrentSession) -> None:
    """List tokens, expired and revoked ones included."""
    session.list("/tokens", COLUMNS, paging)


@app.command
def create(
    label: Annotated[str, Parameter(help="The token's holder; the record names the actor by this label.")],
    *,
    role: Annotated[
        Literal["auditor", "operator", "admin"],
        Parameter(help="auditor reads; operator also edits; admin also manages accounts, tokens and erasures."),
    ],
    account_id: Annotated[
        list[str] | None,
        Parameter(help="An account that it covers; repeatable. Without it: all accounts.", negative=""),
    ] = None,
    expires_in_days: Annotated[int, Parameter(help="At most 366.")] = 90,
    session: CurrentSession,
) -> None:
    """Create a token. It is shown only once."""
    body = {"label": label, "role": role, "accounts": account_id, "expires_in_days": expires_in_days}
    session.output.item_with_secrets(session.console.post("/tokens", body), ("token",))


@app.command
def revoke(token_id: str, *, session: CurrentSession) -> None:
    """Revoke a token with immediate effect."""
    session.output.item(session.console.delete(path_of("tokens", token_id)))
