"""What meets untrusted text takes time in proportion to its length: for every function, inputs made to take longer.

The CPU time of the thread is compared between a length and eight times that length, the fastest of some runs each. In
proportion gives 8 and a square 64; the limit between them leaves room for a busy machine.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from libs.chassis.telemetry import without_url_passwords
from libs.contracts.events import WhatsAppStatusReceived
from libs.contracts.identity import named_user_id
from libs.contracts.json_repair import repaired, with_whole_escapes
from libs.contracts.phone_numbers.written import with_lost_plus, written_number
from libs.contracts.text import without_controls
from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.evolution.webhook import EvolutionWebhooks
from libs.providers.inbound import InboundEvent, WebhookNumber, WebhookRequest, WebhookSecrets
from libs.providers.json_values import json_in, pruned
from libs.providers.status_order import in_status_order
from services.console.domain.templates import template_problem
from services.ingress.domain.bodies import InvalidBody, object_from
from services.ingress.domain.dialects import translation_from
from services.ingress.domain.media import MediaCutter
from services.policy.domain.content_score import score
from services.policy.domain.keywords import Keywords, button_meaning, text_meaning
from services.policy.domain.links import links_in
from services.policy.domain.lookalikes import hidden_character_count
from services.policy.domain.message_templates import parts_of, rendered_text
from tests.unit.ingress.world import integration
from tests.unit.policy.content import content_policy

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = 8
LIMIT = TIMES * 3
POLICY = content_policy()
KEYWORDS = Keywords.load()
OWN = tuple([f"offer {number}" for number in range(480)] + ["a" * n for n in range(1, 10)] + ["offer*", "abab*"])
CLOUD_API = CloudApiWebhooks(WebhookSecrets(app_secret=b"secret", verify_token=b"token"))
EVOLUTION = EvolutionWebhooks()


def translated(text: str) -> None:
    """A webhook of every dialect's fields with the same hostile value."""
    names = (
        "event",
        "callerid",
        "user",
        "finishtype",
        "id",
        "from",
        "to",
        "message_text",
        "Number",
        "CallStartTimeUTC",
    )
    translation_from(dict.fromkeys(names, text), integration(), now=NOON)


def read_object(text: str) -> None:
    with suppress(InvalidBody):
        object_from(text.encode("utf-8", "surrogatepass"))


def meta(messages: list[dict[str, Any]], contacts: list[dict[str, Any]], **value: Any) -> bytes:
    told = {"metadata": {"phone_number_id": "1"}, "messages": messages, "contacts": contacts} | value
    changes = [{"field": "messages", "value": told}]
    return orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]})


def cloud_api_post(count: int) -> Callable[[], object]:
    messages = [
        {"from": f"96650{n:07d}", "id": f"wamid.{n}", "timestamp": "1760000000", "type": "text", "text": {"body": "a"}}
        for n in range(count)
    ]
    contacts = [{"wa_id": f"96650{n:07d}", "profile": {"name": "A"}} for n in range(count)]
    request = WebhookRequest(headers=CIMultiDict(), received_at=NOON, body=meta(messages, contacts))
    return lambda: CLOUD_API.parse(request)


def statuses_of_one_message(count: int) -> Callable[[], object]:
    event = WhatsAppStatusReceived(number_id="1", message_id="m", status="sent", at=NOON)
    parts = [InboundEvent(NOON, event)] * count  # type: ignore[arg-type]  # ids play no part
    return lambda: in_status_order(parts)


def evolution_post(count: int) -> Callable[[], object]:
    number = WebhookNumber(id="n", phone_number_id="main")
    update = {"keyId": "m", "remoteJid": "966511112222@s.whatsapp.net", "fromMe": True, "status": "READ"}
    body = orjson.dumps({"event": "messages.update", "instance": "main", "data": [update] * count})
    request = WebhookRequest(headers=CIMultiDict(), received_at=NOON, body=body, number=number)
    return lambda: EVOLUTION.parse(request)


TEXTS = {
    "a word": "a",
    "words": "offer ",
    "letters": "a ",
    "dotted": "a.",
    "leet": "1a",
    "slashes": "://",
    "addresses": "x://a@",
    "brackets": "[[a].",
    "placeholders": "%a% ,",
    "open placeholders": "%a",
    "percent": "%41",
    "braces": "{{a}}",
    "open braces": "{{",
    "quotes": '"',
    "backslashes": "\\",
    "escapes": "\\ud83d",
    "digits": "1",
    "spaces": " ",
    "signs": "+(",
    "angles": "<a>",
    "zeros": "0:",
    "hidden": "a\u200b",
    "only hidden": "\u200b",
    "accents": "e\u0301\u0323",
    "foreign": "аb",
    "ligatures": "\ufdfa",
    "JSON strings": '{"a":"',
    "base64": "QUJD",
    "full width": "\uff41\uff0e",
}
ON_TEXT: dict[str, tuple[int, Callable[[str], object]]] = {
    "content score": (1_024, lambda text: score(text, POLICY, OWN)),
    "links": (1_024, lambda text: links_in(text, POLICY.links)),
    "hidden characters": (8_192, hidden_character_count),
    "opt-out keyword": (1_024, lambda text: text_meaning(text, KEYWORDS, extra_stop=OWN)),
    "opt-out button": (1_024, lambda text: button_meaning((text, text), KEYWORDS)),
    "template": (512, parts_of.__wrapped__),
    "template check": (512, template_problem),
    "rendering": (4_096, lambda text: rendered_text("{{caller_name}} {{agent_name}}", {"caller_name": text})),
    "translation": (512, translated),
    "body": (8_192, read_object),
    "JSON of a provider": (8_192, lambda text: json_in(text.encode("utf-8", "surrogatepass"))),
    "JSON repair": (8_192, lambda text: repaired(text.encode("utf-8", "surrogatepass"))),
    "escapes": (16_384, lambda text: with_whole_escapes(text.encode("utf-8", "surrogatepass"))),
    "controls": (16_384, without_controls),
    "media": (262_144, lambda text: MediaCutter().shortened(text.encode("utf-8", "surrogatepass"))),
    "pruning": (16_384, lambda text: pruned({"a": [text]}, longest=10**9)),
    "phone number": (64, written_number),
    "lost plus": (8_192, with_lost_plus),
    "user id": (8_192, lambda text: named_user_id({"user_id": text})),
    "log value": (4_096, lambda text: without_url_passwords(f"{text}://")),
}
ON_COUNT: dict[str, tuple[int, Callable[[int], Callable[[], object]]]] = {
    "a post of Meta's with messages and contacts": (250, cloud_api_post),
    "statuses of one message": (1_000, statuses_of_one_message),
    "a post of Evolution's with updates": (250, evolution_post),
}


def fastest(call: Callable[[], object], tries: int = 2) -> float:
    def once() -> float:
        started = time.thread_time()
        call()
        return time.thread_time() - started

    return min(once() for _ in range(tries))


def assert_linear(short: Callable[[], object], long: Callable[[], object]) -> None:
    taken = fastest(long)
    assert taken < 0.000_2 or taken / max(fastest(short), 0.000_01) < LIMIT


@pytest.mark.parametrize("unit", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize(("length", "function"), ON_TEXT.values(), ids=ON_TEXT.keys())
def test_a_function_of_a_text_takes_time_in_proportion(
    length: int, function: Callable[[str], object], unit: str
) -> None:
    short, long = (unit * length)[:length], (unit * length * TIMES)[: length * TIMES]

    assert_linear(lambda: function(short), lambda: function(long))


@pytest.mark.parametrize(("count", "made"), ON_COUNT.values(), ids=ON_COUNT.keys())
def test_a_function_of_many_parts_takes_time_in_proportion(
    count: int, made: Callable[[int], Callable[[], object]]
) -> None:
    assert_linear(made(count), made(count * TIMES))
