"""One event's story for a person: what happened when, which rules were asked with which values, and what to do.

The rule: nothing is made up. What is shown stands in the records, and the cause and fix in the error catalogue.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console as Terminal
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from libs.contracts.errors import AnyCode, ErrorCode, OperatorCode

CODES: Mapping[str, AnyCode] = {code.value: code for code in (*ErrorCode, *OperatorCode)}
SENTENCES: Mapping[str, str] = {
    "webhook.received": "3CX posted a webhook",
    "webhook.rejected": "a request was not authenticated",
    "webhook.throttled": "requests were refused for their rate",
    "message.approved": "every rule let the message pass",
    "webhook.answered": "3CX was answered",
    "whatsapp.message_received": "the customer wrote",
    "whatsapp.status_received": "WhatsApp told a status",
    "message.status_updated": "the message moved on",
    "message.settled": "the unknown outcome was settled",
    "suppression.added": "the customer was suppressed",
    "suppression.lifted": "the suppression was lifted",
    "forward.requested": "the 3CX side is to be told",
    "forward.delivered": "the 3CX side was told",
    "forward.failed": "the 3CX side could not be told",
    "simulation.requested": "an operator asked what would be decided",
    "simulation.answered": "policy said what would be decided",
}
_TOLD_ELSEWHERE = frozenset({"receipt", "details", "decision", "event_type"})
_HASHES = ("_hash", "_key")


def explain(story: Mapping[str, Any], out: Terminal) -> None:
    """Print the story of one event."""
    records = story["items"]
    out.print(_head(story["event_id"], records))
    began = datetime.fromisoformat(records[0]["at"])
    for record in records:
        out.print(_line(record, began))
        for line in _below(record):
            out.print(line)
    code = next((r["code"] for r in reversed(records) if r["type"] == "webhook.answered"), None)
    advise(code, out)


def advise(code: str | None, out: Terminal) -> None:
    """Print an error code's cause and what to do; nothing for a success."""
    known = CODES.get(code or "")
    if known is not None:
        told = known.explanation
        again = "Sending it again may help." if told.retryable else "Sending it again does not help."
        text = Text.assemble(("Why  ", "bold"), told.cause, "\n", ("Fix  ", "bold"), told.fix, "\n     ", again)
        out.print(Panel(text, title=f"{known.value}, HTTP {told.status.value}", expand=False))


def receipt(lines: Sequence[Mapping[str, Any]]) -> Table:
    """Every rule that was asked, in order, with the values it saw."""
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=False)
    for line in lines:
        mark = Text("✓", "green") if line["passed"] else Text("✗", "bold red")
        name = Text(str(line["rule"]).replace("_", " "), "" if line["passed"] else "bold")
        table.add_row(
            Text("     "), mark, name, Text(f"v{line['version']}", "dim"), Text(_values(line.get("saw") or {}))
        )
    return table


def _head(event_id: str, records: Sequence[Mapping[str, Any]]) -> Panel:
    facts = {"event": event_id} | {
        name: next((r[name] for r in records if r.get(name)), None)
        for name in ("account_id", "integration_id", "masked_phone", "purpose")
    }
    event_type = next((t for r in records if (t := r["details"].get("event_type"))), None)
    rows = [f"{name:<15}{value}" for name, value in {**facts, "event_type": event_type}.items() if value]
    return Panel(Text("\n".join(rows)), title="One event's story", expand=False)


def _line(record: Mapping[str, Any], began: datetime) -> Text:
    at = datetime.fromisoformat(record["at"])
    line = Text(f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3])
    line.append(f"  {(at - began).total_seconds():+9.3f} s  ", "dim")
    line.append(SENTENCES.get(record["type"], record["type"]), "bold")
    if record.get("code"):
        line.append(f": {record['code']}", "red" if record["code"] in CODES else "green")
    if record.get("actor"):
        line.append(f" (by {record['actor']})")
    return line


def _below(record: Mapping[str, Any]) -> Iterator[Text | Table]:
    details: Mapping[str, Any] = record["details"]
    decision = details.get("decision") or {}
    shown = {k: v for k, v in details.items() if k not in _TOLD_ELSEWHERE and not k.endswith(_HASHES)}
    if values := _values({**shown, **(details.get("details") or {})}):
        yield Text(f"     {values}", "dim")
    if lines := details.get("receipt") or decision.get("receipt"):
        yield receipt(lines)


def _values(values: Mapping[str, Any]) -> str:
    return "  ".join(f"{name}={_plain(value)}" for name, value in values.items() if value not in (None, "", [], {}))


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ",".join(_plain(each) for each in value)
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def simulation(told: Mapping[str, Any], out: Terminal) -> None:
    """Print what would be decided."""
    style = "bold green" if told["approved"] else "bold"
    out.print(Text(f"Would be: {told['code']}", style))
    notes: Iterable[tuple[str, Any]] = ((name, told.get(name)) for name in ("reason", "template", "window_closes_at"))
    if values := _values({**dict(notes), **told["details"]}):
        out.print(Text(f"     {values}", "dim"))
    out.print(receipt(told["receipt"]))
    advise(told["code"], out)
    out.print(Text("Nothing was sent and nothing was counted.", "dim"))
