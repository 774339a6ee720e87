"""The cases as they lie in the JSON files beside this module, and the bodies that their steps post.

A step says only what is special in its body:

- `from`, `text`: a customer's message through the Cloud API;
- `value`, `values`: one or several changes of the Cloud API's post; `null` removes a default;
- `business_account`: Meta's id of the business account, where a case needs one of its own;
- `jid`, `message`, `key`, `type`, `at`: a customer's message through Evolution; `event`, `data`: another webhook of it;
- `to`: an agent's message; `call`: a call as 3CX's CRM template reports it; `body`: any other object;
- `bytes`: the body itself. `before`: what is put before a body.

Placeholders are filled in last: `__NOW__` and `__SECONDS__` (as a JSON number) are Unix seconds, `__UID__` is new at
each place and `__UID2__` the same for the whole case, `__CUT__` is the escape of half an emoji, `__PAD__` as many
letters as `pad` says; the others are values of the case.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from tests.e2e.driver import MARK, outbound
from tests.evolution_stub import envelope_of, update, upsert

Fields = Mapping[str, Any]

BUSINESS_ACCOUNT = "1029384756"
BUSINESS_PHONE = "15550001111"
METADATA = {"display_phone_number": BUSINESS_PHONE, "phone_number_id": "__PNID__"}
CALL = {
    "call_type": "Missed",
    "agent": "101",
    "queue": "[QueueExtension]",
    "date_time": "11/28/2026 10:00:00 AM",
    "duration": "00:00:00",
    "call_start_time_utc": "2026-11-28T07:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `account` and `integration` are settings that differ from the defaults."""

    name: str
    steps: tuple[Fields, ...]
    provider: str = "cloud_api"
    account: Fields = field(default_factory=dict)
    integration: Fields = field(default_factory=dict)
    second_number: bool = False

    @property
    def needs_metrics(self) -> bool:
        """True when a step compares metrics, which count the inputs of every case."""
        return any("skipped" in step["expect"] for step in self.steps)


def all_cases() -> Iterator[tuple[str, Case]]:
    """Every case with its kind, which is the name of its file."""
    for file in sorted(resources.files(__package__).iterdir(), key=lambda path: path.name):
        if file.name.endswith(".json"):
            for row in json.loads(file.read_text(encoding="utf-8")):
                yield file.name.removesuffix(".json"), Case(name=row.pop("case"), steps=tuple(row.pop("steps")), **row)


def body_of(step: Fields, values: Mapping[str, str]) -> bytes:
    """What a step posts, with all placeholders filled in."""
    text: str = step.get("bytes") or json.dumps(_CHANNELS[step["do"]](step))
    now = str(int(time.time()))
    for name, value in {**values, "__CUT__": "\\ud83d", "__PAD__": "A" * step.get("pad", 0), "__NOW__": now}.items():
        text = text.replace(name, value)
    first, *others = text.replace('"__SECONDS__"', now).split("__UID__")
    filled = first + "".join(f"{uuid.uuid4().hex}{other}" for other in others)
    return f"{step.get('before', '')}{filled}".encode()


def _meta(step: Fields) -> Fields:
    values = step.get("values") or [step.get("value") or {"messages": [_special(step, "from", "text")]}]
    changes = [{"field": value.get("field", "messages"), "value": _value(value)} for value in values]
    entry = {"id": step.get("business_account", BUSINESS_ACCOUNT), "changes": changes}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _value(value: Fields) -> Fields:
    full = {"messaging_product": "whatsapp", "metadata": METADATA} | _special(value, *(set(value) - {"field"}))
    if (messages := value.get("messages")) is not None:
        full["messages"] = [_message(message) for message in messages]
        full.setdefault("contacts", [{"profile": {"name": "Layla"}, "wa_id": messages[0].get("from")}])
    if "statuses" in full:
        full["statuses"] = [{"timestamp": "__NOW__"} | status for status in full["statuses"]]
    return {name: part for name, part in full.items() if part is not None}


def _message(message: Fields) -> Fields:
    full = {"id": "wamid.__UID__", "timestamp": "__NOW__", "type": "text"} | dict(message)
    if full["type"] == "text":
        full["text"] = {"body": message.get("text", f"Is my {MARK} ready?")}
    return full


def _evolution(step: Fields) -> Fields:
    if "jid" in step:
        data = upsert(
            "3EB0__UID__",
            step["jid"],
            key=step.get("key", {}),
            message=step["message"],
            messageType=step.get("type", next(iter(step["message"]))),
            messageTimestamp=step.get("at", "__SECONDS__"),
        )
        return envelope_of("__INSTANCE__", "messages.upsert", data)
    data = step["data"]
    if step["event"] == "messages.update":
        data = update(data["keyId"], data["status"]) | dict(data)
    return envelope_of("__INSTANCE__", step["event"], data)


def _threecx(step: Fields) -> Fields:
    if "to" in step:
        return outbound(step["to"])
    return CALL | dict(step["call"]) if "call" in step else dict(step["body"])


def _special(fields: Fields, *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


_CHANNELS = {"meta": _meta, "evolution": _evolution, "threecx": _threecx}
