"""Prints an event's timeline, rule receipts and simulations; causes and fixes come from the error catalogue."""

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
DESCRIPTIONS: Mapping[str, str] = {
    "webhook.received": "3CX posted a webhook",
    "webhook.rejected": "a request was not authenticated",
    "webhook.throttled": "requests exceeded the rate limit",
    "message.approved": "the message was approved",
    "message.replaced": "the message was sent again in its other form",
    "webhook.answered": "3CX received the answer",
    "whatsapp.message_received": "the customer sent a message",
    "whatsapp.call_received": "the customer called on WhatsApp, or the call ended",
    "whatsapp.status_received": "WhatsApp sent a status",
    "whatsapp.identity_linked": "WhatsApp's answer named the customer otherwise",
    "message.status_updated": "the message's status changed",
    "message.settled": "the unknown outcome was resolved",
    "suppression.added": "the customer was suppressed",
    "suppression.lifted": "the suppression was lifted",
    "consent.submitted": "a web form posted the customer's opt-in",
    "consent.recorded": "the customer's opt-in was recorded",
    "consent.withdrawn": "the customer took opt-ins back",
    "import.applied": "a batch of an import was applied",
    "restriction.added": "WhatsApp restricted sending",
    "restriction.lifted": "the restriction was lifted",
    "forward.requested": "a forward to 3CX was requested",
    "forward.delivered": "the forward was delivered to 3CX",
    "forward.failed": "the forward to 3CX failed",
    "message.marked_read": "WhatsApp was told that the message was read",
    "media.fetched": "a link to the customer's file was opened",
    "data.read": "an operator read it",
    "access.refused": "an operator was refused",
    "approval.requested": "a second person's approval was requested",
    "approval.approved": "a second person approved",
    "approval.rejected": "the request was rejected",
    "approval.expired": "the request ended without effect",
    "simulation.requested": "an operator requested a simulation",
    "simulation.answered": "the simulation was answered",
}
_SHOWN_SEPARATELY = frozenset({"receipt", "details", "decision", "event_type"})
_HASHES = ("_hash", "_key")


def print_timeline(timeline: Mapping[str, Any], out: Terminal) -> None:
    """Print the records of one event in order, and the cause and fix of its error."""
    records = timeline["items"]
    out.print(_head(timeline["event_id"], records))
    start = datetime.fromisoformat(records[0]["at"])
    settled = next((r["details"].get("outcome") for r in reversed(records) if r["type"] == "message.settled"), None)
    for record in records:
        out.print(_line(record, start))
        for line in _details_of(record, settled):
            out.print(line)
        for link in _links_of(record, timeline.get("suppressions") or ()):
            out.print(Text(f"     {link}", "yellow"))
    code = next((r["code"] for r in reversed(records) if r["type"] == "webhook.answered"), None)
    if settled is None:
        print_fix(code, out)
    else:
        out.print(Text(f"The outcome was unknown at first and is known now: {settled}.", "bold"))


def print_fix(code: str | None, out: Terminal) -> None:
    """Print an error code's cause and fix; nothing for a success."""
    known = CODES.get(code or "")
    if known is not None:
        explanation = known.explanation
        again = "A retry may succeed." if explanation.retryable else "A retry does not help."
        cause, fix = ("Cause  ", "bold"), ("Fix    ", "bold")
        text = Text.assemble(cause, explanation.cause, "\n", fix, explanation.fix, "\n       ", again)
        out.print(Panel(text, title=f"{known.value}, HTTP {explanation.status.value}", expand=False))


def receipt_table(receipt: Sequence[Mapping[str, Any]]) -> Table:
    """Every rule that ran, in order, with its inputs. Receipts stored earlier call the inputs `saw`."""
    table = Table(show_header=False, box=None, padding=(0, 1), pad_edge=False)
    for line in receipt:
        mark = Text("✓", "green") if line["passed"] else Text("✗", "bold red")
        name = Text(str(line["rule"]).replace("_", " "), "" if line["passed"] else "bold")
        inputs = line.get("inputs") or line.get("saw") or {}
        table.add_row(Text("     "), mark, name, Text(f"v{line['version']}", "dim"), Text(_values(inputs)))
    return table


def _head(event_id: str, records: Sequence[Mapping[str, Any]]) -> Panel:
    facts = {"event": event_id} | {
        name: next((r[name] for r in records if r.get(name)), None)
        for name in ("account_id", "integration_id", "masked_phone", "purpose")
    }
    event_type = next((t for r in records if (t := r["details"].get("event_type"))), None)
    rows = [f"{name:<15}{value}" for name, value in {**facts, "event_type": event_type}.items() if value]
    return Panel(Text("\n".join(rows)), title="Event", expand=False)


def _line(record: Mapping[str, Any], start: datetime) -> Text:
    at = datetime.fromisoformat(record["at"])
    line = Text(f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3])
    line.append(f"  {(at - start).total_seconds():+9.3f} s  ", "dim")
    line.append(DESCRIPTIONS.get(record["type"], record["type"]), "bold")
    if record.get("code"):
        line.append(f": {record['code']}", "red" if record["code"] in CODES else "green")
    if record.get("actor"):
        line.append(f" (by {record['actor']})")
    return line


def _details_of(record: Mapping[str, Any], settled: str | None) -> Iterator[Text | Table]:
    details: Mapping[str, Any] = record["details"]
    decision = details.get("decision") or {}
    shown = {k: v for k, v in details.items() if k not in _SHOWN_SEPARATELY and not k.endswith(_HASHES)}
    shown |= details.get("details") or {}
    if settled is not None and record["type"] == "webhook.answered" and shown.get("outcome") == "unknown":
        shown["outcome"] = f"unknown then, {settled} since"
    if values := _values(shown):
        yield Text(f"     {values}", "dim")
    if lines := details.get("receipt") or decision.get("receipt"):
        yield receipt_table(lines)


def _links_of(record: Mapping[str, Any], suppressions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What else to look at: what suppressed the customer, the first request with a key, what WhatsApp's codes mean."""
    details: Mapping[str, Any] = record["details"]
    if record.get("code") == ErrorCode.RECIPIENT_SUPPRESSED:
        for each in suppressions:
            written = f", written {each['asked_at']}" if each.get("asked_at") else ""
            known = f"; suppression {each['suppression_id']}" if each.get("suppression_id") else ""
            yield (
                f"suppressed by: {each['kind']} ({each['source']}){written}, recorded {each['recorded_at']}{known}, "
                f"record {each['record_id']}"
            )
    inner: Mapping[str, Any] = details.get("details") or {}
    if first := inner.get("first_event_id"):
        yield f"the first request with this key: gateway explain {first}"
    for code in dict.fromkeys([*(details.get("provider_codes") or ()), inner.get("provider_code")]):
        if meaning := meaning_of(code):
            yield f"WhatsApp's code {code}: {meaning}"


def meaning_of(code: object) -> str | None:
    """What the error tables say of a provider's code; None for a code that they do not know."""
    if not isinstance(code, int):
        return None
    from libs.providers.registry import PROVIDERS  # noqa: PLC0415 -- half a second to load, for few timelines

    rows = (provider.errors.by_code.get(code) for provider in PROVIDERS.values())
    return next((row.meaning for row in rows if row is not None), None)


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


def print_simulation(simulation: Mapping[str, Any], out: Terminal) -> None:
    """Print a simulated decision with its receipt."""
    style = "bold green" if simulation["approved"] else "bold"
    out.print(Text(f"Decision: {simulation['code']}", style))
    notes: Iterable[tuple[str, Any]] = (
        (name, simulation.get(name)) for name in ("reason", "template", "window_closes_at")
    )
    if values := _values({**dict(notes), **simulation["details"]}):
        out.print(Text(f"     {values}", "dim"))
    out.print(receipt_table(simulation["receipt"]))
    print_fix(simulation["code"], out)
    out.print(Text("Nothing was sent and nothing was counted.", "dim"))
