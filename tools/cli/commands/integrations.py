"""`gateway integrations`, `gateway rotate-secret` and `gateway crm-template`: the connections of 3CX systems."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tools.cli.commands.accounts import File
from tools.cli.commands.session import Given, Paging, body_from
from tools.cli.console import Exit, Failed, path_of

app = App(name="integrations", help="The connections of 3CX systems.")
COLUMNS = ("id", "account_id", "instance_id", "enabled", "outbound_enabled", "call_events_enabled", "dialect")
SECRETS = ("secret", "forward_secret")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be chosen for an integration; business hours and the window's template come with `--file`."""

    instance_id: Annotated[str | None, Parameter(help="The number that its messages go out from.")] = None
    auth_mode: Annotated[str | None, Parameter(help="secret or secret_hmac.")] = None
    enabled: bool | None = None
    inbound_enabled: bool | None = None
    outbound_enabled: bool | None = None
    call_events_enabled: bool | None = None
    strict_window: Annotated[bool | None, Parameter(help="Refuse outside the conversation window.")] = None
    dialect: Annotated[str | None, Parameter(help="auto, native, creomate, k2m or crm_template.")] = None
    allow_get: Annotated[bool | None, Parameter(help="Take call events as GET at the URL with a path token.")] = None
    forward_url: Annotated[str | None, Parameter(help="Where customers' messages are forwarded to.")] = None


Allowed = Annotated[
    list[str] | None,
    Parameter(name="--allowed-ip", negative="", help="From where it may be called; may be repeated; `any` clears."),
]
Roles = Annotated[
    list[str] | None, Parameter(name="--extension-role", negative="", help="`800=queue`; may be repeated.")
]
Templates = Annotated[
    list[str] | None, Parameter(name="--template", negative="", help="`missed_call=text` sets it and switches it on.")
]


def _body(
    choices: Choices | None, file: File, *, allowed: Allowed, roles: Roles, templates: Templates, **more: object
) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if allowed:
        named["allowed_ips"] = [] if allowed == ["any"] else allowed
    if roles:
        named["extension_roles"] = dict(_pair(role, "--extension-role") for role in roles)
    if templates:
        texts = dict(_pair(template, "--template") for template in templates)
        named["templates"] = {event: {"enabled": True, "text": text} for event, text in texts.items()}
    return body_from(choices or Choices(), file, **named, **more)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Failed(f"{option} takes NAME=VALUE", Exit.USAGE)
    return name, value


@app.command(name="list")
def list_(paging: Paging | None = None, *, account_id: str | None = None, session: Given) -> None:
    """List the integrations, of one account or of all."""
    paging = paging or Paging()
    pages = session.console.pages(
        "/integrations", every=paging.all, limit=paging.limit, cursor=paging.cursor, account_id=account_id
    )
    session.show.pages(pages, COLUMNS)


@app.command
def show(integration_id: str, *, session: Given) -> None:
    """Show an integration."""
    session.show.item(session.console.get(path_of("integrations", integration_id)))


@app.command
def create(
    choices: Choices | None = None,
    *,
    account_id: str | None = None,
    allowed_ips: Allowed = None,
    extension_roles: Roles = None,
    templates: Templates = None,
    file: File = None,
    session: Given,
) -> None:
    """Connect a 3CX system; prints its URL and, this once, its secret."""
    body = _body(choices, file, allowed=allowed_ips, roles=extension_roles, templates=templates, account_id=account_id)
    session.show.once(session.console.post("/integrations", body), SECRETS, also=("webhook_url",))


@app.command
def edit(
    integration_id: str,
    choices: Choices | None = None,
    *,
    allowed_ips: Allowed = None,
    extension_roles: Roles = None,
    templates: Templates = None,
    file: File = None,
    session: Given,
) -> None:
    """Edit an integration: what is not named stays."""
    body = _body(choices, file, allowed=allowed_ips, roles=extension_roles, templates=templates)
    session.show.once(session.console.patch(path_of("integrations", integration_id), body), SECRETS)


def rotate_secret(
    integration_id: str,
    *,
    overlap_seconds: Annotated[int, Parameter(help="How long old secrets stay valid; 0: no longer.")] = 0,
    which: Literal["webhook", "path", "forward"] = "webhook",
    session: Given,
) -> None:
    """Make a new secret for an integration and print it this once."""
    path = path_of("integrations", integration_id, "rotate-secret")
    rotated = session.console.post(path, {"overlap_seconds": overlap_seconds, "which": which})
    session.show.once(rotated, SECRETS)


def crm_template(
    integration_id: str,
    *,
    new_token: Annotated[
        bool, Parameter(help="Put a new path token into it; without it, 3CX asks for the webhook secret.", negative="")
    ] = False,
    overlap_seconds: Annotated[int, Parameter(help="How long old path tokens stay valid; 0: no longer.")] = 0,
    session: Given,
) -> None:
    """Print the CRM template (XML) to upload in 3CX, which then reports each ended call to the gateway."""
    path = path_of("integrations", integration_id, "crm-template.xml")
    if new_token:
        sys.stdout.write(session.console.document("POST", path, {"overlap_seconds": overlap_seconds}))
    else:
        sys.stdout.write(session.console.document("GET", path))
