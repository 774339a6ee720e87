"""`gateway integrations`, `gateway rotate-secret` and `gateway crm-template`: manage connections of 3CX systems."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from tools.cli.commands.accounts import BodyFile
from tools.cli.commands.session import CurrentSession, Paging, body_from
from tools.cli.console_client import CommandFailed, ExitCode, path_of

app = App(name="integrations", help="The connections of 3CX systems.")
COLUMNS = ("id", "account_id", "instance_id", "enabled", "outbound_enabled", "call_events_enabled", "dialect")
SECRETS = ("secret", "forward_secret")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class IntegrationFields:
    """The fields of an integration that can be set by options; set business hours and the template with `--file`."""

    instance_id: Annotated[str | None, Parameter(help="The number that sends its messages. [required to create]")] = (
        None
    )
    auth_mode: Annotated[str | None, Parameter(help="secret or secret_hmac.")] = None
    enabled: bool | None = None
    inbound_enabled: bool | None = None
    outbound_enabled: bool | None = None
    call_events_enabled: bool | None = None
    strict_window: Annotated[bool | None, Parameter(help="Refuse messages outside the conversation window.")] = None
    dialect: Annotated[str | None, Parameter(help="auto, native, creomate, k2m or crm_template.")] = None
    number_format: Annotated[
        Literal["auto", "international", "national"] | None,
        Parameter(help="How webhooks write phone numbers without a plus."),
    ] = None
    allow_get: Annotated[bool | None, Parameter(help="Accept call events as GET at the URL with a path token.")] = None
    forward_url: Annotated[str | None, Parameter(help="URL that customers' messages are forwarded to.")] = None
    media_links: Annotated[
        Literal["off", "images", "all"] | None, Parameter(help="Files of customers that have a link in forwards.")
    ] = None
    read_receipts: Annotated[
        Literal["off", "on_forward", "on_reply"] | None,
        Parameter(help="When WhatsApp shows customers' messages as read."),
    ] = None
    typing_indicator: Annotated[bool | None, Parameter(help="Show typing while a reply waits, with on_reply.")] = None
    media_link_hours: Annotated[int | None, Parameter(help="Hours for which such a link can be opened.")] = None
    chat_enabled: Annotated[bool | None, Parameter(help="Take agents' messages from 3CX's own chat.")] = None
    chat_numbers: Annotated[
        list[str] | None,
        Parameter(
            name="--chat-number",
            negative="",
            help="`+4930123456=num_…`: a trunk's main number; repeatable; `none` clears.",
        ),
    ] = None
    chat_webhook_url: Annotated[str | None, Parameter(help="The webhook URL of the trunk's SMS settings.")] = None
    chat_purpose: Annotated[str | None, Parameter(help="message_purpose of agents' messages.")] = None
    chat_notes: Annotated[bool | None, Parameter(help="Tell refusals and late failures in the chat.")] = None
    chat_commands: Annotated[bool | None, Parameter(help="Let agents write /template, /stop and /why.")] = None
    chat_repeat_seconds: Annotated[
        int | None, Parameter(help="Within it an equal message is a repetition; 0: off.")
    ] = None
    chat_per_minute: Annotated[int | None, Parameter(help="Messages of the chat in any minute.")] = None
    allowed_ips: Annotated[
        list[str] | None,
        Parameter(name="--allowed-ip", negative="", help="Address or CIDR that may call it; repeatable; `any` clears."),
    ] = None
    extension_roles: Annotated[
        list[str] | None, Parameter(name="--extension-role", negative="", help="`800=queue`; repeatable.")
    ] = None
    templates: Annotated[
        list[str] | None,
        Parameter(name="--template", negative="", help="`missed_call=text` sets and enables a template; repeatable."),
    ] = None


def _body(fields: IntegrationFields | None, file: BodyFile, account_id: str | None = None) -> dict[str, Any]:
    given = body_from(fields, account_id=account_id)
    if given.get("allowed_ips") == ["any"]:
        given["allowed_ips"] = []
    if (numbers := given.get("chat_numbers")) is not None:
        given["chat_numbers"] = {} if numbers == ["none"] else dict(_pair(each, "--chat-number") for each in numbers)
    if roles := given.get("extension_roles"):
        given["extension_roles"] = dict(_pair(role, "--extension-role") for role in roles)
    if templates := given.get("templates"):
        texts = dict(_pair(template, "--template") for template in templates)
        given["templates"] = {event: {"enabled": True, "text": text} for event, text in texts.items()}
    return body_from(None, file, **given)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandFailed(f"{option} takes NAME=VALUE", ExitCode.USAGE)
    return name, value


@app.command(name="list")
def list_(paging: Paging | None = None, *, account_id: str | None = None, session: CurrentSession) -> None:
    """List the integrations of one account or of all."""
    session.list("/integrations", COLUMNS, paging, account_id=account_id)


@app.command
def show(integration_id: str, *, session: CurrentSession) -> None:
    """Show an integration."""
    session.output.item(session.console.get(path_of("integrations", integration_id)))


@app.command
def create(
    fields: IntegrationFields | None = None,
    *,
    account_id: Annotated[str | None, Parameter(help="The account that it is for. [required to create]")] = None,
    file: BodyFile = None,
    session: CurrentSession,
) -> None:
    """Create an integration. Its URL and its secret are printed; the secret is shown only once."""
    body = _body(fields, file, account_id=account_id)
    session.output.item_with_secrets(session.console.post("/integrations", body), SECRETS, also=("webhook_url",))


@app.command
def edit(
    integration_id: str, fields: IntegrationFields | None = None, *, file: BodyFile = None, session: CurrentSession
) -> None:
    """Edit an integration. Fields that you do not name keep their value."""
    body = _body(fields, file)
    session.output.item_with_secrets(session.console.patch(path_of("integrations", integration_id), body), SECRETS)


def rotate_secret(
    integration_id: str,
    *,
    overlap_seconds: Annotated[int, Parameter(help="Seconds for which old secrets stay valid.")] = 0,
    which: Literal["webhook", "path", "forward", "chat"] = "webhook",
    session: CurrentSession,
) -> None:
    """Create a new secret for an integration. It is shown only once."""
    path = path_of("integrations", integration_id, "rotate-secret")
    rotated = session.console.post(path, {"overlap_seconds": overlap_seconds, "which": which})
    session.output.item_with_secrets(rotated, SECRETS)


def crm_template(
    integration_id: str,
    *,
    new_token: Annotated[
        bool,
        Parameter(
            help="Put a new path token into the template; by default 3CX asks for the webhook secret.", negative=""
        ),
    ] = False,
    overlap_seconds: Annotated[int, Parameter(help="Seconds for which old path tokens stay valid.")] = 0,
    session: CurrentSession,
) -> None:
    """Print the CRM template (XML) for 3CX. With it, 3CX reports each ended call to the gateway."""
    path = path_of("integrations", integration_id, "crm-template.xml")
    if new_token:
        sys.stdout.write(session.console.document("POST", path, {"overlap_seconds": overlap_seconds}))
    else:
        sys.stdout.write(session.console.document("GET", path))
