"""`gateway instances`: list, show, create and edit the WhatsApp numbers of an account."""

from typing import Annotated

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging, body_from, secret_from
from tools.cli.console_client import path_of

app = App(name="instances", help="The WhatsApp numbers of an account.")
COLUMNS = ("id", "provider", "phone_number_id", "messages_per_second", "paused")
Token = Annotated[str | None, Parameter(help="`-` reads it from standard input, which keeps it out of the history.")]
Speed = Annotated[float | None, Parameter(help="Messages per second, inbound and outbound together.")]


@app.command(name="list")
def list_(account_id: str, paging: Paging | None = None, *, session: CurrentSession) -> None:
    """List an account's numbers."""
    session.list(path_of("accounts", account_id, "instances"), COLUMNS, paging)


@app.command
def show(account_id: str, instance_id: str, *, session: CurrentSession) -> None:
    """Show a number."""
    session.output.item(session.console.get(path_of("accounts", account_id, "instances", instance_id)))


@app.command
def create(
    account_id: str,
    *,
    phone_number_id: str,
    provider: str = "cloud_api",
    access_token: Token = None,
    messages_per_second: Speed = None,
    base_url: str | None = None,
    session: CurrentSession,
) -> None:
    """Add a number to an account. Without `--access-token` you are asked for the token."""
    body = body_from(
        None,
        provider=provider,
        phone_number_id=phone_number_id,
        access_token=secret_from(access_token, "Access token"),
        messages_per_second=messages_per_second,
        base_url=base_url,
    )
    session.output.item(session.console.post(path_of("accounts", account_id, "instances"), body))


@app.command
def edit(
    account_id: str,
    instance_id: str,
    *,
    messages_per_second: Speed = None,
    paused: bool | None = None,
    access_token: Token = None,
    base_url: str | None = None,
    session: CurrentSession,
) -> None:
    """Edit a number: its speed, whether it is paused, its access token and its base URL."""
    token = None if access_token is None else secret_from(access_token, "Access token")
    body = body_from(
        None, messages_per_second=messages_per_second, paused=paused, access_token=token, base_url=base_url
    )
    session.output.item(session.console.patch(path_of("accounts", account_id, "instances", instance_id), body))


@app.command(name="rotate-secret")
def rotate_secret(account_id: str, instance_id: str, *, overlap_seconds: int = 0, session: CurrentSession) -> None:
    """Create a new webhook secret for an Evolution number. The answer holds the webhook settings for Evolution."""
    path = path_of("accounts", account_id, "instances", instance_id, "rotate-secret")
    session.output.item(session.console.post(path, {"overlap_seconds": overlap_seconds}))
