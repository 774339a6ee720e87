"""What is posted, what an answer means, when it is posted again, and how it is signed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind, delivery_headers, own_signature, standard_secret
from services.sender.domain.forwards import ForwardResponse, body_from, response_from, retry_delay

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = UUID(int=7)
SECRET = "Zm9yd2FyZC1zZWNyZXQtb2YtYS10ZXN0LW9ubHk_-x"


def requested(**changes: Any) -> ForwardRequested:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "integration_id": "int_1",
        "event_id": UUID(int=1),
        "kind": ForwardKind.MESSAGE_RECEIVED,
        "number_id": "num_1",
        "at": NOON,
        "customer": "+966512345678",
        "content": {
            "number": {"instance_id": "num_1"},
            "customer": {"name": "Someone"},
            "message": {"id": "wamid.1", "type": "text", "text": "مرحبا"},
        },
    }
    return ForwardRequested(**(known | changes))


def test_the_body_has_an_envelope_around_what_happened() -> None:
    assert orjson.loads(body_from(requested(), ID)) == {
        "id": str(ID),
        "type": "message.received",
        "time": "2026-11-23T12:00:00+00:00",
        "account_id": "acc_1",
        "integration_id": "int_1",
        "customer": {"phone": "+966512345678", "name": "Someone"},
        "number": {"instance_id": "num_1"},
        "message": {"id": "wamid.1", "type": "text", "text": "مرحبا"},
    }


def test_the_body_is_the_same_bytes_after_a_journey_through_the_broker() -> None:
    again = ForwardRequested.model_validate_json(requested().model_dump_json(exclude_none=True))

    assert body_from(again, ID) == body_from(requested(), ID)


@pytest.mark.parametrize(
    ("status", "retry_after", "reply"),
    [
        pytest.param(200, None, ForwardResponse(200), id="200 is taken"),
        pytest.param(204, "9", ForwardResponse(204), id="all of 2xx is taken"),
        pytest.param(301, None, ForwardResponse(301, "redirect"), id="a redirect is a failure"),
        pytest.param(404, "9", ForwardResponse(404, "http_404"), id="Retry-After means nothing beside 404"),
        pytest.param(410, None, ForwardResponse(410, "http_410"), id="410 is the end"),
        pytest.param(429, "90", ForwardResponse(429, "http_429", 90.0), id="429 tells when"),
        pytest.param(
            503, "Mon, 23 Nov 2026 12:02:00 GMT", ForwardResponse(503, "http_503", 120.0), id="503 tells a date"
        ),
        pytest.param(503, "soon", ForwardResponse(503, "http_503"), id="a Retry-After that nobody can read"),
        pytest.param(500, None, ForwardResponse(500, "http_500"), id="500 is a failure"),
        pytest.param(199, None, ForwardResponse(199, "http_199"), id="a status from nowhere is a failure"),
    ],
)
def test_an_answer_is_read(status: int, retry_after: str | None, reply: ForwardResponse) -> None:
    assert response_from(status, retry_after, now=NOON) == reply
    assert reply.final == (status == 410)


@pytest.mark.parametrize(
    ("attempt", "chance", "retry_after", "seconds"),
    [
        pytest.param(1, 0.0, None, 5, id="five seconds after the first"),
        pytest.param(1, 1.0, None, 7.5, id="at most half as much again"),
        pytest.param(2, 0.0, None, 30, id="thirty after the second"),
        pytest.param(3, 0.0, None, 120, id="two minutes after the third"),
        pytest.param(4, 0.0, None, 600, id="ten minutes after the fourth"),
        pytest.param(5, 0.0, None, 3600, id="an hour after the fifth"),
        pytest.param(500, 0.0, None, 3600, id="an hour from then on"),
        pytest.param(1, 0.0, 90.0, 90, id="a longer Retry-After is honoured"),
        pytest.param(4, 0.0, 90.0, 600, id="a shorter one does not hurry us"),
    ],
)
def test_waits_grow_to_an_hour(attempt: int, chance: float, retry_after: float | None, seconds: float) -> None:
    assert retry_delay(attempt, random=lambda: chance, retry_after=retry_after) == timedelta(seconds=seconds)


def test_a_day_has_about_thirty_tries() -> None:
    elapsed, tries = timedelta(), 1
    while (elapsed := elapsed + retry_delay(tries, random=lambda: 0.0)) < timedelta(days=1):
        tries += 1

    assert 20 <= tries <= 40


def test_our_signature_is_that_of_the_webhooks_we_take() -> None:
    # openssl dgst -sha256 -hmac 'secret': printf '1763899200.{"a":1}'
    expected = "sha256=" + __import__("hmac").new(b"secret", b'1763899200.{"a":1}', "sha256").hexdigest()

    assert own_signature("secret", "1763899200", b'{"a":1}') == expected


def test_a_library_of_standard_webhooks_accepts_what_we_send() -> None:
    body = body_from(requested(), ID)
    headers = delivery_headers(
        secret=SECRET,
        delivery_id=str(ID),
        kind="message.received",
        timestamp=int(datetime.now(UTC).timestamp()),
        body=body,
    )

    verified = Webhook(standard_secret(SECRET)).verify(body, headers)

    assert verified["id"] == headers["webhook-id"] == str(ID)
    with pytest.raises(WebhookVerificationError):
        Webhook(standard_secret(SECRET)).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(standard_secret(SECRET + "x")).verify(body, headers)


def test_each_integration_and_kind_has_an_id_of_its_own_and_always_the_same() -> None:
    cause = UUID(int=9)
    ids = {
        requested(integration_id=integration, kind=kind).derived_id(cause)
        for integration in ("int_1", "int_2")
        for kind in ForwardKind
    }

    assert len(ids) == 2 * len(ForwardKind)
    assert requested().derived_id(cause) == requested().derived_id(cause)
