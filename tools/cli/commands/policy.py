"""`gateway policy`: what would be decided."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, body_from, secret_from
from tools.cli.explaining import simulation

app = App(name="policy", help="The rules, asked without sending anything.")
File = Annotated[Path | None, Parameter(help="A JSON object: the webhook's body; options come on top.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """The webhook that might be posted."""

    event_type: Annotated[str | None, Parameter(help="outbound_message unless it is said otherwise.")] = None
    to: Annotated[str | None, Parameter(help="The customer; `-` reads the phone from standard input.")] = None
    message_text: Annotated[str | None, Parameter(name="--text", help="What the customer would read.")] = None
    message_purpose: Annotated[str | None, Parameter(name="--purpose", help="support, transactional …")] = None


@app.command
def simulate(integration_id: str, hypothesis: Hypothesis | None = None, *, file: File = None, session: Given) -> None:
    """Say what would be decided about a webhook now, with every rule's receipt; sends and counts nothing."""
    event: dict[str, Any] = body_from(hypothesis or Hypothesis(), file)
    event.setdefault("event_type", "outbound_message")
    if event.get("to") == "-":
        event["to"] = secret_from("-", "Phone")
    told = session.console.post("/policy/simulate", {"integration_id": integration_id, "event": event})
    if session.show.as_json:
        session.show.item(told)
    else:
        simulation(told, session.show.out)
