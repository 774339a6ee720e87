"""Whatever stands beside it in a request, a customer's STOP is read: for every type of message of every provider."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from libs.contracts.events import WhatsAppMessageReceived
from libs.providers.inbound import Inbound, WebhookNumber, WebhookRequest, WebhookSecrets
from libs.providers.registry import PROVIDERS
from tests.builders import NOON

GOLDEN = Path(__file__).parents[2] / "e2e" / "golden"
WEBHOOKS = {file: json.loads(file.read_text("utf-8"))["webhook"] for file in sorted(GOLDEN.glob("*/*.json"))}
NUMBER = WebhookNumber(id="num_1", phone_number_id="__INSTANCE__")
LISTED = {"cloud_api": ("entry", 0, "changes", 0, "value", "messages"), "evolution": ("data",)}
TEXTS = {provider: WEBHOOKS[GOLDEN / provider / "text.json"] for provider in LISTED}

EXAMPLES = 50
"""For each of the types: two thousand neighbours in all."""
Path_ = tuple[str | int, ...]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def value_at(document: Any, path: Path_) -> Any:
    for key in path:
        document = document[key]
    return document


def paths_in(document: Any, path: Path_ = ()) -> list[Path_]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    return [found for key, value in items for found in ((*path, key), *paths_in(value, (*path, key)))]


def parsed(provider: str, document: object) -> Inbound:
    source = PROVIDERS[provider].webhooks(WebhookSecrets())
    number = NUMBER if PROVIDERS[provider].endpoint.per_number else None
    body = json.dumps(document).encode()
    return source.parse(WebhookRequest(headers=CIMultiDict(), received_at=NOON, body=body, number=number))


def stop_of(provider: str) -> dict[str, Any]:
    """A customer's STOP as the provider tells it."""
    document = copy.deepcopy(TEXTS[provider])
    if provider == "evolution":
        data: dict[str, Any] = document["data"]
        data["key"]["id"], data["message"] = "STOP", {"conversation": "STOP"}
        return data
    message: dict[str, Any] = value_at(document, LISTED[provider])[0]
    return message | {"id": "wamid.STOP", "text": {"body": "STOP"}}


def stops_in(inbound: Inbound) -> list[str]:
    events = [each.event for each in inbound.events]
    return [e.message_id for e in events if isinstance(e, WhatsAppMessageReceived) and e.text == "STOP"]


@pytest.mark.parametrize("file", WEBHOOKS, ids=lambda file: f"{file.parent.name}/{file.stem}")
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_neighbour_with_any_value_anywhere_hides_no_stop(file: Path, data: st.DataObject) -> None:
    provider, document = file.parent.name, copy.deepcopy(WEBHOOKS[file])
    value = value_at(document, LISTED[provider][:-1])
    list_name = LISTED[provider][-1] if LISTED[provider][-1] in value else "calls"
    found = value[list_name]
    neighbour = found[0] if isinstance(found, list) else found
    place = data.draw(st.sampled_from(paths_in(neighbour)))
    value_at(neighbour, place[:-1])[place[-1]] = data.draw(JSON)
    stop, first = stop_of(provider), data.draw(st.booleans())
    value[LISTED[provider][-1]] = [stop, neighbour] if first else [neighbour, stop]

    inbound = parsed(provider, document)

    assert len(stops_in(inbound)) >= 1
    assert len(inbound.events) + sum(inbound.skipped.values()) >= 2
