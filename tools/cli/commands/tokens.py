"""`gateway tokens`: who may call the operators' API, for which accounts, and until when."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging
from tools.cli.console import path_of

app = App(name="tokens", help="Who may call the operators' API.")
COLUMNS = ("id", "label", "role", "accounts", "expires_at", "revoked_at", "last_used_at", "created_by")


@app.command(name="list")
def list_(paging: Paging | None = None, *, session: Given) -> None:
    """List tokens, also those that are over."""
    paging = paging or Paging()
    pages = session.console.pages("/tokens", every=paging.all, limit=paging.limit, cursor=paging.cursor)
    session.show.pages(pages, COLUMNS)


@app.command
def create(
    label: Annotated[str, Parameter(help="Who or what will hold it; the record names its holder by this.")],
    *,
    role: Annotated[
        Literal["auditor", "operator", "admin"],
        Parameter(help="auditor reads, operator runs accounts, admin makes accounts, tokens and erasures."),
    ],
    account_id: Annotated[
        list[str] | None, Parameter(help="An account that it covers; may be repeated. None: all of them.", negative="")
    ] = None,
    expires_in_days: Annotated[int, Parameter(help="At most 366.")] = 90,
    session: Given,
) -> None:
    """Make a token. It is shown this once."""
    body = {"label": label, "role": role, "accounts": account_id, "expires_in_days": expires_in_days}
    session.show.once(session.console.post("/tokens", body), ("token",))


@app.command
def revoke(token_id: str, *, session: Given) -> None:
    """End a token at once."""
    session.show.item(session.console.delete(path_of("tokens", token_id)))
