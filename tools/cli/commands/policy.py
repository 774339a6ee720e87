"""`gateway policy`: simulate a decision."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, body_from, secret_from
from tools.cli.event_timeline import print_simulation

app = App(name="policy", help="Simulate decisions without sending anything.")
WebhookFile = Annotated[Path | None, Parameter(help="A JSON object: the webhook's body; options override it.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WebhookFields:
    """The fields of the simulated webhook."""

    event_type: Annotated[str | None, Parameter(help="outbound_message by default.")] = None
    to: Annotated[str | None, Parameter(help="The customer's phone or user id; `-` reads standard input.")] = None
    message_text: Annotated[str | None, Parameter(name="--text", help="The message's text.")] = None
    message_purpose: Annotated[str | None, Parameter(name="--purpose", help="support, transactional …")] = None


@app.command
def simulate(
    integration_id: str, fields: WebhookFields | None = None, *, file: WebhookFile = None, session: CurrentSession
) -> None:
    """Show the decision about a webhook if it arrived now, with every rule's receipt. Nothing is sent or counted."""
    event: dict[str, Any] = body_from(fields, file)
    event.setdefault("event_type", "outbound_message")
    if event.get("to") == "-":
        event["to"] = secret_from("-", "Phone")
    simulation = session.console.post("/policy/simulate", {"integration_id": integration_id, "event": event})
    if session.output.as_json:
        session.output.item(simulation)
    else:
        print_simulation(simulation, session.output.out)
