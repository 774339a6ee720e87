"""The code of an event in its message: every class of event passes from its producer, and no change of it does."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from libs.chassis.amqp.authentication import require_authentic, require_own_result, sign
from libs.chassis.amqp.dead_letter_messages import dead_letter_from, message_from_dead_letter
from libs.chassis.amqp.envelope import (
    ACCOUNT,
    AT,
    ATTEMPT,
    BEHIND,
    DIED_AT,
    DUE,
    MAC,
    QUEUE,
    REASON,
    SINCE,
    VERSION,
    message_from,
    republish,
)
from libs.chassis.event_keys import SERVICES
from libs.chassis.settlement import UnauthenticatedEvent
from libs.chassis.subscriptions import MessageMetadata
from libs.contracts.events import BY_NAME, EVENTS, Event, WebhookAnswered
from libs.contracts.producers import DEAD_LETTERS_ONLY, PRODUCERS
from libs.contracts.results import AnswerStatus
from tests.contract.wire.examples import EXAMPLES
from tests.event_keys import event_keys

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
QUEUE_NAME = "audit.records"
COVERED = ("type", "message_id", "correlation_id", "app_id", "content_type")
EXAMPLE = EXAMPLES[0]


def arrived(message: Any, **changes: Any) -> Any:
    """A message as it comes in from the broker."""
    kept = ("body", "headers", *COVERED, "timestamp")
    return SimpleNamespace(**({name: getattr(message, name) for name in kept} | changes))


def sent(event: Event = EXAMPLE, producer: str | None = None) -> Any:
    message = message_from(event, MessageMetadata(id=uuid4(), at=NOW, correlation_id="c-1"), "replica-1")
    sign(message, event_keys(producer or producers_of(type(event))[0]))
    return arrived(message)


def producers_of(event_class: type[Event]) -> list[str]:
    if event_class in DEAD_LETTERS_ONLY:
        return ["ingress"]
    return [service for service in SERVICES if event_class in PRODUCERS[service]]


def refusal(incoming: Any, reader: str = "audit") -> str | None:
    """Why a delivery is refused; None when it is authentic."""
    try:
        producer = require_authentic(incoming, event_keys(reader), QUEUE_NAME)
    except UnauthenticatedEvent as refused:
        return str(refused)
    assert producer in SERVICES
    return None


@pytest.mark.parametrize("reader", SERVICES)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_event_passes_from_its_producers_and_from_nobody_else(example: Event, reader: str) -> None:
    allowed = producers_of(type(example))
    assert allowed

    found = {service: refusal(sent(example, service), reader) for service in SERVICES}

    assert found == {service: None if service in allowed else "producer" for service in SERVICES}


@pytest.mark.parametrize("name", COVERED)
@pytest.mark.parametrize("value", [None, "", "other"])
def test_every_covered_property_counts(name: str, value: str | None) -> None:
    incoming = sent()

    assert refusal(incoming) is None
    setattr(incoming, name, value)
    assert refusal(incoming) == "wrong"


@pytest.mark.parametrize("header", [AT, VERSION])
@pytest.mark.parametrize("value", [None, 0, -1, 2**62, True, 1.0, "1", b"1", [1]])
def test_time_and_version_count(header: str, value: object) -> None:
    incoming = sent()
    incoming.headers[header] = value

    assert refusal(incoming) == "wrong"


@pytest.mark.parametrize("header", [AT, VERSION])
def test_a_number_as_a_text_is_another_header(header: str) -> None:
    incoming = sent()
    incoming.headers[header] = str(incoming.headers[header])

    assert refusal(incoming) == "wrong"


@pytest.mark.parametrize("event_class", EVENTS, ids=lambda event_class: event_class.name)
def test_the_body_of_one_event_is_not_that_of_another(event_class: type[Event]) -> None:
    incoming = sent()
    if event_class is not BY_NAME[incoming.type]:
        incoming.type = event_class.name
        assert refusal(incoming) == "wrong"


@given(st.data())
def test_no_flipped_bit_of_an_events_message_passes(data: st.DataObject) -> None:
    incoming = sent()
    name = data.draw(st.sampled_from(["body", *COVERED]))
    before = getattr(incoming, name)
    raw = bytearray(before if name == "body" else before.encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    setattr(incoming, name, bytes(raw) if name == "body" else raw.decode("utf-8", "replace"))

    assert refusal(incoming) == "wrong"


def test_what_changes_on_the_way_may_change() -> None:
    incoming = sent()
    incoming.headers |= {ATTEMPT: 4, SINCE: 5, DUE: 6, BEHIND: 1, REASON: "x", QUEUE: "x", DIED_AT: 7, ACCOUNT: "a"}
    incoming.headers |= {"traceparent": "00-1", "x-death": [{"count": 1}], "x-delivery-count": 2}
    incoming.timestamp = None

    assert refusal(incoming) is None


def test_a_copy_for_a_wait_queue_is_authentic() -> None:
    assert refusal(arrived(republish(sent(), {ATTEMPT: 2}))) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_replay_is_authentic_and_an_altered_one_is_not(example: Event) -> None:
    letter = dead_letter_from(sent(example), QUEUE_NAME, now=NOW)
    replayed = arrived(message_from_dead_letter(letter.serialized))
    altered = arrived(
        message_from_dead_letter(letter.serialized), body=replayed.body.replace(b"acc_1", b"acc_2") + b" "
    )

    assert letter.replayable
    assert (refusal(replayed), refusal(altered)) == (None, "wrong")


@pytest.mark.parametrize("headers", [{}, {MAC: None}, {MAC: "secret"}, {MAC: b"1"}])
def test_an_event_without_a_code_is_refused_whatever_its_type(headers: dict[str, object]) -> None:
    for name in (EXAMPLE.name, "webhook.invented", None):
        assert refusal(arrived(sent(), headers=headers, type=name)) == "missing"


def test_an_event_of_a_later_release_is_authentic_and_left_to_who_reads_it() -> None:
    message = message_from(EXAMPLE, MessageMetadata(id=UUID(int=1), at=NOW), "ingress-1")
    message.type = "webhook.invented"
    sign(message, event_keys("ingress"))

    assert refusal(arrived(message)) is None


@pytest.mark.parametrize("code", [AnswerStatus.SENT, AnswerStatus.OK])
@pytest.mark.parametrize("producer", ["ingress", "policy", "sender"])
def test_sender_alone_says_that_a_message_was_sent(producer: str, code: AnswerStatus) -> None:
    event = WebhookAnswered(event_id=uuid4(), reply_to="ingress-1", code=code)

    if code is AnswerStatus.SENT and producer != "sender":
        with pytest.raises(UnauthenticatedEvent, match="producer"):
            require_own_result(event, producer, QUEUE_NAME)
    else:
        require_own_result(event, producer, QUEUE_NAME)


def test_a_refusal_is_counted_by_queue_and_cause() -> None:
    def count() -> float:
        labels = {"queue": QUEUE_NAME, "cause": "missing"}
        return REGISTRY.get_sample_value("gateway_unauthenticated_events_total", labels) or 0.0

    before = count()
    refusal(arrived(sent(), headers={}))

    assert count() == before + 1
