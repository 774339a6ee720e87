"""The envelope: an event comes back as it went, and anything else is an unreadable event, told without its values."""

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from aio_pika import Message
from hypothesis import given
from hypothesis import strategies as st
from pamqp import header

from libs.chassis.amqp.envelope import (
    ACCOUNT,
    AT,
    ATTEMPT,
    DIED_AT,
    DUE,
    DUE_SET,
    REASON,
    SINCE,
    VERSION,
    attempt_of,
    dead_letter_message_from,
    death_from_header,
    death_header,
    is_delayed,
    message_from,
    received_from,
    republish,
    time_left,
    trace_of,
)
from libs.chassis.amqp.wire.properties import encoded
from libs.chassis.settlement import UnknownEvent, UnreadableEvent
from libs.chassis.subscriptions import MessageMetadata, Received
from libs.contracts.events import EVENTS, Event, MessageApproved, WebhookPayload, WebhookReceived

NOW = datetime(2026, 11, 23, 11, 22, 33, 444_555, tzinfo=UTC)
PHONE, TEXT = "+966501234567", "my card number is"
WEBHOOK = WebhookReceived(
    account_id="acc-1", reply_to="ingress-1", payload=WebhookPayload(event_type="test", to=PHONE, text=TEXT)
)


def arrived(message: Any, **changes: Any) -> Any:
    """A message as it comes in from the broker."""
    fields = (
        "body", "headers", "type", "message_id", "correlation_id", "app_id", "timestamp", "content_type",
    )  # fmt: skip
    return SimpleNamespace(**({field: getattr(message, field) for field in fields} | {"redelivered": False} | changes))


def sent(event: Event = WEBHOOK, **changes: Any) -> Any:
    mark = MessageMetadata(
        id=uuid4(), at=NOW, headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    )
    return arrived(message_from(event, mark, "ingress-1"), **changes)


def test_event_and_postmark_come_back_as_they_went() -> None:
    mark = MessageMetadata(id=uuid4(), at=NOW, correlation_id="c-1", attempt=3, headers={"traceparent": "t"})

    message = message_from(WEBHOOK, mark, "ingress-1")

    assert received_from(arrived(message)) == Received(
        event=WEBHOOK, id=mark.id, at=NOW, attempt=3, correlation_id="c-1", producer="ingress-1"
    )
    assert trace_of(arrived(message)) == {"traceparent": "t"}
    assert message.delivery_mode == 2


@pytest.mark.parametrize(
    ("changes", "is_first"),
    [
        pytest.param({}, True, id="the first delivery"),
        pytest.param({"redelivered": None}, True, id="one of which nothing is known"),
        pytest.param({"redelivered": True}, False, id="delivered before"),
        pytest.param({"headers": {ATTEMPT: 2}}, False, id="a retry"),
        pytest.param({"headers": {SINCE: 1_795_432_953_000_000}}, False, id="it waited for an outage to end"),
    ],
)
def test_an_event_that_may_have_been_handled_is_no_first_one(changes: dict[str, Any], *, is_first: bool) -> None:
    message = sent()
    given: Any = {**vars(message), **changes, "headers": {**message.headers, **changes.get("headers", {})}}

    assert received_from(cast("Any", SimpleNamespace(**given))).is_first == is_first


def test_an_event_that_nothing_led_to_begins_its_own_correlation() -> None:
    received = received_from(sent())

    assert received.correlation_id == str(received.id)


def test_a_copy_is_the_same_event_with_other_headers() -> None:
    first = sent()

    copy = arrived(republish(first, {ATTEMPT: 2, REASON: "why", DIED_AT: 5}))

    before, after = received_from(first), received_from(copy)
    assert (after.event, after.id, after.at, after.correlation_id) == (
        before.event, before.id, before.at, before.correlation_id,
    )  # fmt: skip
    assert after.attempt == 2
    assert trace_of(copy) == trace_of(first)
    assert copy.headers[REASON] == "why"


def test_a_copy_leaves_behind_what_the_broker_and_strangers_wrote_into_the_headers() -> None:
    first = sent()
    first.headers |= {"x-death": [{"count": 1}], "x-delivery-count": 7, "stranger": "x"}

    copy = republish(first, {})

    assert set(copy.headers) == {ACCOUNT, ATTEMPT, AT, VERSION, "traceparent"}


@pytest.mark.parametrize(
    ("header", "attempt"),
    [
        pytest.param(None, 1, id="nobody counted"),
        pytest.param(3, 3, id="a count"),
        pytest.param(0, 1, id="less than one"),
        pytest.param(-5, 1, id="negative"),
        pytest.param("3", 1, id="not a number"),
    ],
)
def test_the_attempt_is_a_count_from_one(header: object, attempt: int) -> None:
    assert attempt_of(arrived(sent(), headers={} if header is None else {ATTEMPT: header})) == attempt


def test_without_our_own_header_the_time_is_the_one_of_amqp() -> None:
    received = received_from(sent(headers={}))

    assert NOW - received.at < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"type": None}, "no event type", id="no type"),
        pytest.param({"type": PHONE}, "no event type", id="a type that is none"),
        pytest.param({"message_id": PHONE}, "webhook.received: message id is no UUID", id="an id that is none"),
        pytest.param({"message_id": None}, "webhook.received: message id is no UUID", id="no id"),
        pytest.param({"headers": {VERSION: 2}}, "webhook.received: unknown version", id="a later version"),
        pytest.param({"headers": {VERSION: [1]}}, "webhook.received: unknown version", id="a version that is a list"),
        pytest.param({"headers": {AT: 2**62}}, "time out of range", id="a time beyond the calendar"),
        pytest.param({"headers": {}, "timestamp": None}, "no time", id="no time"),
        pytest.param(
            {"body": b'{"reply_to": "i", "payload": {"answered": "maybe"}}'},
            "webhook.received: payload",
            id="a field inside a field is told by the outer one",
        ),
        pytest.param({"body": b"\xff"}, "webhook.received: body", id="bytes that are no text"),
        pytest.param({"body": b"[]"}, "webhook.received: body", id="no object"),
        pytest.param({"body": b""}, "webhook.received: body", id="nothing"),
        pytest.param({"body": b"[" * 50_000}, "webhook.received: body", id="a deep nest"),
        pytest.param(
            {"body": json.dumps({"payload": TEXT}).encode()}, "webhook.received: payload, reply_to", id="fields"
        ),
    ],
)
def test_what_cannot_be_read_says_which_part_and_no_value(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UnreadableEvent) as unreadable:
        received_from(sent(**changes))

    assert str(unreadable.value) == told
    assert unreadable.value.__cause__ is None


@pytest.mark.parametrize(
    ("changes", "is_later"),
    [
        pytest.param({"type": "webhook.invented"}, True, id="a class that nobody knows"),
        pytest.param({"headers": {VERSION: 2}}, True, id="a later version"),
        pytest.param({"headers": {VERSION: 0}}, False, id="an earlier version"),
        pytest.param({"headers": {VERSION: "2"}}, False, id="a version that is a text"),
        pytest.param({"type": None}, False, id="no type"),
        pytest.param({"type": "webhook.invented\n"}, False, id="a type with a line end"),
        pytest.param({"type": f"{'a' * 65}.b"}, False, id="a type that is too long for a name"),
        pytest.param({"body": b"[]"}, False, id="a body that is no event"),
    ],
)
def test_only_what_a_later_release_may_have_published_is_an_unknown_event(
    changes: dict[str, Any], *, is_later: bool
) -> None:
    with pytest.raises(UnreadableEvent) as found:
        received_from(sent(**changes))

    assert isinstance(found.value, UnknownEvent) == is_later


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(PHONE)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
FIELDS = st.sampled_from(sorted({field for event in EVENTS for field in event.model_fields}))
BODIES = st.binary(max_size=200) | st.dictionaries(FIELDS, JSON, max_size=12).map(
    lambda body: json.dumps(body).encode()
)
HEADERS = st.dictionaries(
    st.sampled_from([ATTEMPT, AT, VERSION, "traceparent", "x"]),
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9) | st.binary(max_size=9)
    | st.lists(st.integers(0, 9), max_size=2) | st.floats() | st.just(1),
)  # fmt: skip
TYPES = st.sampled_from([event.name for event in EVENTS]) | st.none() | st.text(max_size=20)
IDS = st.uuids().map(str) | st.none() | st.text(max_size=40)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC))


def read(incoming: Any) -> Received[Event] | str:
    """The event, or why there is none."""
    try:
        return received_from(incoming)
    except UnreadableEvent as unreadable:
        return str(unreadable)


@given(body=BODIES, headers=HEADERS, type_=TYPES, message_id=IDS, at=TIMES)
def test_whatever_comes_is_an_event_or_unreadable(
    body: bytes, headers: dict[str, Any], type_: str | None, message_id: str | None, at: datetime | None
) -> None:
    incoming = sent(body=body, headers=headers, type=type_, message_id=message_id, timestamp=at)

    outcome = read(incoming)

    if isinstance(outcome, Received):
        assert isinstance(outcome.id, UUID)
        assert outcome.at.tzinfo is not None
        assert outcome.attempt >= 1
    else:
        assert PHONE not in outcome
        assert len(outcome) < 500
    copy = republish(incoming, {ATTEMPT: attempt_of(incoming)})
    assert copy.body == body
    assert attempt_of(arrived(copy)) == attempt_of(incoming)


def test_two_deaths_in_one_second_are_told_apart() -> None:
    first, second = death_header(NOW), death_header(NOW + timedelta(milliseconds=1))

    assert death_from_header(second) - death_from_header(first) == timedelta(milliseconds=1)


def test_a_time_of_death_in_whole_seconds_is_of_an_earlier_release() -> None:
    assert death_from_header(int(NOW.timestamp())) == NOW.replace(microsecond=0)


def test_an_event_that_begins_as_a_dead_letter_says_so_and_can_be_received() -> None:
    event = WebhookReceived(reply_to="i", payload=WebhookPayload(event_type="test"))
    metadata = MessageMetadata(id=uuid4(), at=NOW)

    message = dead_letter_message_from(event, metadata, "ingress", queue="ingress.posts", reason="unreadable_post")

    assert (message.headers[REASON], message.headers["x-queue"]) == ("unreadable_post", "ingress.posts")
    assert message.headers[DIED_AT] == death_header(NOW)
    assert (received_from(arrived(message)).event, received_from(arrived(message)).id) == (event, metadata.id)


@given(text=st.text(max_size=300), phone=st.text(max_size=30), name=st.none() | st.text(max_size=20))
def test_any_text_of_a_customer_comes_back_as_it_went(text: str, phone: str, name: str | None) -> None:
    event = WebhookReceived(reply_to="i", payload=WebhookPayload(text=text, to=phone, queue=name))

    assert received_from(sent(event)).event == event


def test_personal_fields_are_not_in_the_text_of_what_was_received() -> None:
    approved = MessageApproved(
        event_id=uuid4(), event_type="test", reply_to="i", number_id="n", customer=PHONE, customer_key="k",
        text=TEXT, purpose="support", received_at=NOW,
    )  # fmt: skip

    assert PHONE not in repr(received_from(sent(approved)))
    assert TEXT not in repr(received_from(sent(approved)))


@pytest.mark.parametrize(
    ("due", "set_", "left"),
    [
        pytest.param(None, None, 0, id="not delayed"),
        pytest.param(-1, -60, 0, id="due"),
        pytest.param(20, -10, 20, id="not due yet"),
        pytest.param(20, None, 20, id="of an earlier release"),
        pytest.param(3605, 3600, 0, id="the clock was set back by an hour"),
        pytest.param(1830, 1800, 0, id="the clock was set back by half an hour"),
    ],
)
def test_a_delivery_waits_no_longer_than_it_was_told_to(due: int | None, set_: int | None, left: int) -> None:
    given = {DUE: due, DUE_SET: set_}
    headers = {name: micros(NOW + timedelta(seconds=s)) for name, s in given.items() if s is not None}

    incoming: Any = SimpleNamespace(headers=headers)
    assert time_left(incoming, NOW) == timedelta(seconds=left)
    assert is_delayed(incoming) == (due is not None)


def micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("at", "since", "age"),
    [
        pytest.param(-10, None, 10, id="a steady clock"),
        pytest.param(3600, None, 0, id="set back by an hour: it begins anew"),
        pytest.param(3600, -30, 30, id="set back by an hour: from the first delay on"),
        pytest.param(3600, 3500, 0, id="set back after the first delay, too"),
    ],
)
def test_the_age_of_an_event_grows_after_the_clock_was_set_back(at: int, since: int | None, age: int) -> None:
    waiting = None if since is None else NOW + timedelta(seconds=since)
    received = Received(event=WEBHOOK, id=uuid4(), at=NOW + timedelta(seconds=at), waiting_since=waiting)

    assert received.age_at(NOW) == timedelta(seconds=age)


def as_the_library_makes_it(message: Message) -> Message:
    """The same message, of the library's own class."""
    names = ("headers", "content_type", "delivery_mode", "message_id", "correlation_id", "type", "app_id", "timestamp")
    return Message(message.body, **{name: getattr(message, name) for name in names})


def test_a_message_is_the_same_as_the_librarys_and_is_made_in_less_time() -> None:
    made = message_from(WEBHOOK, MessageMetadata(id=uuid4(), at=NOW), "ingress-1")
    of_library = as_the_library_makes_it(made)
    ours, librarys = list[float](), list[float]()

    for _ in range(7):
        for kind, times in ((type(made), ours), (Message, librarys)):
            started = time.thread_time()
            for _ in range(300):
                kind(b"{}", headers={}, message_id="m", correlation_id="m", type="t", app_id="a", timestamp=NOW)
            times.append(time.thread_time() - started)

    assert made.properties == of_library.properties
    assert encoded(made) == header.ContentHeader(0, len(made.body), of_library.properties).marshal()
    assert min(ours) < 0.8 * min(librarys)


def test_a_time_of_setting_says_nothing_without_a_due_time() -> None:
    assert time_left(sent(headers={DUE_SET: 2**63}), NOW) == timedelta()
