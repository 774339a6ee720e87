"""`gateway instances`: the WhatsApp numbers of an account."""

from typing import Annotated

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging, secret_from
from tools.cli.console import path_of

app = App(name="instances", help="The WhatsApp numbers of an account.")
COLUMNS = ("id", "provider", "phone_number_id", "messages_per_second", "paused")
Token = Annotated[str | None, Parameter(help="`-` reads it from standard input, which keeps it out of the history.")]
Speed = Annotated[float | None, Parameter(help="Messages a second, in and out together.")]


@app.command(name="list")
def list_(account_id: str, paging: Paging | None = None, *, session: Given) -> None:
    """List an account's numbers."""
    paging = paging or Paging()
    path = path_of("accounts", account_id, "instances")
    session.show.pages(session.console.pages(path, every=paging.all, limit=paging.limit, cursor=paging.cursor), COLUMNS)


@app.command
def show(account_id: str, instance_id: str, *, session: Given) -> None:
    """Show a number."""
    session.show.item(session.console.get(path_of("accounts", account_id, "instances", instance_id)))


@app.command
def create(
    account_id: str,
    *,
    phone_number_id: str,
    provider: str = "cloud_api",
    access_token: Token = None,
    messages_per_second: Speed = None,
    base_url: str | None = None,
    session: Given,
) -> None:
    """Add a number to an account; the access token is asked for unless it is given."""
    body = {
        "provider": provider,
        "phone_number_id": phone_number_id,
        "access_token": secret_from(access_token, "Access token"),
        "messages_per_second": messages_per_second,
        "base_url": base_url,
    }
    given = {name: value for name, value in body.items() if value is not None}
    session.show.item(session.console.post(path_of("accounts", account_id, "instances"), given))


@app.command
def edit(
    account_id: str,
    instance_id: str,
    *,
    messages_per_second: Speed = None,
    paused: bool | None = None,
    access_token: Token = None,
    base_url: str | None = None,
    session: Given,
) -> None:
    """Change a number's speed, pause it, or replace its token and address."""
    token = None if access_token is None else secret_from(access_token, "Access token")
    body = {"messages_per_second": messages_per_second, "paused": paused, "access_token": token, "base_url": base_url}
    given = {name: value for name, value in body.items() if value is not None}
    session.show.item(session.console.patch(path_of("accounts", account_id, "instances", instance_id), given))


@app.command(name="rotate-secret")
def rotate_secret(account_id: str, instance_id: str, *, overlap_seconds: int = 0, session: Given) -> None:
    """Make a new secret for what an Evolution server posts; the answer holds what to set there."""
    path = path_of("accounts", account_id, "instances", instance_id, "rotate-secret")
    session.show.item(session.console.post(path, {"overlap_seconds": overlap_seconds}))
