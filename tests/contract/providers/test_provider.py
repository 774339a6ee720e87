"""The contract of a provider: one suite for every provider of the registry, and for a made-up one."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.errors import Verdict
from libs.providers.http import open_session
from libs.providers.inbound import Inbound, Skip, WebhookRequest
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from libs.providers.outgoing import Customer, NumberCredentials, OutgoingText
from libs.providers.registry import PROVIDERS
from tests.contract.providers.http_server import (
    ANYWHERE,
    Script,
    answering,
    padded,
    provider,
    sender_options,
    silence,
    writing_then,
)
from tests.contract.providers.samples import NUMBER_SECRET, SAMPLES, SECRETS, Sample, body_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN, TEXT, PHONE = "an-access-token", "Your order is ready", "+966511112222"
OUTGOING = OutgoingText(to=Customer(phone=PHONE), text=TEXT, callback="gw1:id:mac")

every_provider = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.provider.kind)


def a_request(sample: Sample, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> WebhookRequest:
    return WebhookRequest(headers=CIMultiDict(headers), received_at=NOW, body=body, number=sample.number)


def authentic(sample: Sample, request: WebhookRequest) -> bool:
    return sample.provider.webhooks(SECRETS).authenticate(request)


def parsed(sample: Sample, body: bytes) -> Inbound:
    return sample.provider.webhooks(SECRETS).parse(a_request(sample, body))


def test_every_provider_of_the_registry_is_in_the_suite() -> None:
    assert {sample.provider.kind for sample in SAMPLES} >= set(PROVIDERS)


@every_provider
def test_an_authentic_request_is_authenticated(sample: Sample) -> None:
    body = body_of(sample.message)

    assert authentic(sample, a_request(sample, body, sample.headers(body)))


@every_provider
def test_a_request_without_proof_or_with_a_wrong_one_is_not(sample: Sample) -> None:
    body = body_of(sample.message)
    [(name, value)] = sample.headers(body)
    forgeries = [
        [],
        [(name, "")],
        [(name, "wrong")],
        [(name, f"{value}x")],
        [(name, value), (name, value)],
        [(name, "é")],
    ]

    assert not [headers for headers in forgeries if authentic(sample, a_request(sample, body, headers))]


@every_provider
def test_a_proof_is_not_valid_for_another_body_or_another_number(sample: Sample) -> None:
    body = body_of(sample.message)
    request = a_request(sample, body, sample.headers(body))

    if sample.provider.endpoint.signs_body:
        assert not authentic(sample, replace(request, body=body + b" "))
    if request.number is not None:
        assert not authentic(sample, replace(request, number=None))
        assert not authentic(sample, replace(request, number=replace(request.number, secrets=())))


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.number is not None], ids=lambda s: s.provider.kind)
def test_an_ended_secret_is_not_valid(sample: Sample) -> None:
    body, number = body_of(sample.message), sample.number
    assert number is not None
    ended = replace(number, secrets=tuple(replace(secret, valid_until=NOW) for secret in number.secrets))

    assert not authentic(sample, replace(a_request(sample, body, sample.headers(body)), number=ended))


@every_provider
def test_only_a_provider_with_a_handshake_answers_a_challenge(sample: Sample) -> None:
    source = sample.provider.webhooks(SECRETS)
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "the-verify-token"}

    assert (source.challenge(query) == "42") is sample.provider.endpoint.handshake
    assert source.challenge({}) is None


@every_provider
def test_messages_and_statuses_become_events_with_the_providers_own_number_id(sample: Sample) -> None:
    [message], [status] = parsed(sample, body_of(sample.message)).events, parsed(sample, body_of(sample.status)).events

    assert isinstance(message.event, WhatsAppMessageReceived)
    assert isinstance(status.event, WhatsAppStatusReceived)
    assert (message.event.number_id, message.event.account_id) == (sample.phone_number_id, None)
    assert (status.event.number_id, status.event.account_id) == (sample.phone_number_id, None)
    assert message.id != status.id


@every_provider
def test_a_repeated_request_has_the_same_events_under_the_same_ids(sample: Sample) -> None:
    for document in (sample.message, sample.status):
        assert parsed(sample, body_of(document)).events == parsed(sample, body_of(document)).events


Path = tuple[str | int, ...]


def paths_in(document: Any, path: Path = ()) -> list[Path]:
    """The paths of every value in a document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [found for key, value in items for found in ((*path, key), *paths_in(value, (*path, key)))]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PLACES = [(s, document, path) for s in SAMPLES for document in (s.message, s.status) for path in paths_in(document)]


@given(place=st.integers(0, len(PLACES) - 1), value=JSON, garbage=st.binary(max_size=20))
def test_no_body_raises_and_every_event_can_be_published(place: int, value: object, garbage: bytes) -> None:
    sample, document, path = PLACES[place]
    changed = inner = json.loads(body_of(document))
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    for inbound in (parsed(sample, body_of(changed)), parsed(sample, garbage)):
        assert all(each.event.model_dump_json() for each in inbound.events)
        assert set(inbound.skipped) <= set(Skip)


@given(place=st.integers(0, len(PLACES) - 1), value=JSON)
def test_nothing_in_a_request_leads_to_nothing_without_a_count(place: int, value: object) -> None:
    sample, document, path = PLACES[place]
    changed = inner = json.loads(body_of(document))
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    inbound = parsed(sample, body_of(changed))

    assert inbound.events or inbound.skipped or value == [] or sample.provider.kind not in PROVIDERS
    assert all(parsed(sample, each.body).events == () for each in inbound.unreadable)


@every_provider
@pytest.mark.parametrize("body", [b"", b"no json", b"null", b"[]", b'{"cut', b"\xff" * 9])
def test_a_body_that_is_no_object_is_unreadable_and_kept_as_it_came(sample: Sample, body: bytes) -> None:
    inbound = parsed(sample, body)

    assert not inbound.is_whole
    assert [each.body for each in inbound.unreadable] == [body]


SPOILS = {
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "a NUL after it": lambda body: body + b"\x00",
    "half an emoji": lambda body: body[:1] + rb'"\ud83d":"\udc00",' + body[1:],
    "invalid UTF-8": lambda body: body[:1] + b'"\xff":"\xfe",' + body[1:],
    "a control character": lambda body: body[:1] + b'"\x01":"\n",' + body[1:],
}


@every_provider
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_bad_character_does_not_lose_the_events_around_it(sample: Sample, spoil: Callable[[bytes], bytes]) -> None:
    for document in (sample.message, sample.status):
        body = body_of(document)

        assert parsed(sample, spoil(body)).events == parsed(sample, body).events


@asynccontextmanager
async def calling(sample: Sample, url: str, *, timeout_s: float = 5.0) -> AsyncIterator[Any]:
    """A function that sends one message, with changed credentials where the test gives them."""
    known = NumberCredentials(
        number_id="n1",
        phone_number_id=sample.phone_number_id,
        access_token=TOKEN,
        base_url=None if sample.base_url is None else url,
    )
    async with (
        open_session(timeout_s=timeout_s, connections=4) as session,
        open_session(timeout_s=timeout_s, connections=4, addresses=ANYWHERE) as guarded,
    ):
        options = replace(sender_options(session, url), guarded_session=guarded)
        sender = sample.provider.sender(options)
        yield lambda **changes: sender.send(replace(known, **changes), OUTGOING)


async def outcome_of(
    sample: Sample, script: Script, *, timeout_s: float = 5.0, **changes: str
) -> tuple[SendOutcome, int]:
    async with (
        provider(script) as server,
        calling(sample, f"http://127.0.0.1:{server.port}", timeout_s=timeout_s) as send,
    ):
        return await send(**changes), len(server.requests)


@every_provider
async def test_an_accepted_message_has_the_providers_id(sample: Sample) -> None:
    outcome, calls = await outcome_of(sample, answering(*sample.accepted))

    assert isinstance(outcome, Accepted)
    assert (outcome.message_id, calls) == (sample.message_id, 1)


@every_provider
async def test_a_refusal_has_its_row_in_the_error_table(sample: Sample) -> None:
    outcome, calls = await outcome_of(sample, answering(*sample.refused))

    assert isinstance(outcome, Refused)
    assert not sample.provider.errors.classify(outcome).unclassified
    assert calls == 1


UNKNOWN = {
    "a 2xx without an id": answering(200, {}),
    "a 2xx that is not JSON": answering(200, b"<html>"),
    "a bare 500": answering(500, b""),
    "a proxy's 502": answering(502, b"<html>"),
    "a closed connection": writing_then(b""),
    "no HTTP": writing_then(b"garbage\r\n\r\n"),
    "silence": silence,
}


@every_provider
@pytest.mark.parametrize("script", UNKNOWN.values(), ids=UNKNOWN)
async def test_an_outcome_that_proves_nothing_is_unknown_after_one_call(sample: Sample, script: Script) -> None:
    outcome, calls = await outcome_of(sample, script, timeout_s=2.0)

    assert isinstance(outcome, OutcomeUnknown)
    assert calls == 1


@every_provider
async def test_an_answer_that_is_too_long_is_unknown(sample: Sample) -> None:
    outcome, _ = await outcome_of(sample, answering(200, padded(sample.accepted[1])))

    assert isinstance(outcome, OutcomeUnknown)


@every_provider
async def test_a_server_that_is_not_reached_was_sent_nothing(sample: Sample) -> None:
    async with calling(sample, "http://127.0.0.1:1") as send:
        outcome = await send()

    assert outcome == NotSent("connect_failed")


@every_provider
@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: 1", "töken"])
async def test_a_token_that_fits_no_header_is_not_sent(sample: Sample, token: str) -> None:
    outcome, calls = await outcome_of(sample, answering(*sample.accepted), access_token=token)

    assert (outcome, calls) == (NotSent("invalid_token"), 0)


@every_provider
async def test_no_outcome_or_repr_shows_token_phone_or_text(sample: Sample) -> None:
    scripts = [
        answering(*sample.accepted),
        answering(*sample.refused),
        answering(400, f"{PHONE} {TEXT} {TOKEN}".encode()),
    ]

    shown = "".join([repr((await outcome_of(sample, script))[0]) for script in scripts]) + repr(OUTGOING)

    assert not [secret for secret in (TOKEN, TEXT, PHONE) if secret in shown]


@every_provider
def test_the_error_table_classifies_credentials_and_throttles_without_a_code(sample: Sample) -> None:
    classify = sample.provider.errors.classify
    verdicts = {status: classify(Refused(code=None, http_status=status)).verdict for status in (401, 403, 429)}

    assert verdicts == {401: Verdict.AUTH, 403: Verdict.AUTH, 429: Verdict.THROTTLE}


@every_provider
@given(code=st.none() | st.integers(), status=st.integers(), transient=st.booleans())
def test_every_refusal_has_a_verdict(sample: Sample, code: int | None, status: int, *, transient: bool) -> None:
    found = sample.provider.errors.classify(Refused(code=code, http_status=status, transient=transient))

    assert found.meaning
    assert (found.verdict is Verdict.THROTTLE) == (found.scope is not None)


@every_provider
def test_a_number_is_validated_by_its_fields(sample: Sample) -> None:
    validate, rejected = sample.provider.validate_number, sample.rejected_number

    assert not validate(phone_number_id=sample.phone_number_id, base_url=sample.base_url)
    problems = validate(phone_number_id=rejected["phone_number_id"] or "", base_url=rejected["base_url"])
    assert problems
    assert {problem.field for problem in problems} <= set(rejected)


@every_provider
def test_the_webhook_of_each_number_can_be_configured(sample: Sample) -> None:
    endpoint, setup = sample.provider.endpoint, sample.provider.webhook_setup
    url = endpoint.url_for("num-1", "https://gateway.example.com/")

    assert (url is not None) == (setup is not None) == endpoint.per_number
    if url is not None and setup is not None:
        assert url == f"https://gateway.example.com/integrations/{endpoint.path}/webhook/num-1"
        assert url in json.dumps(setup(url, NUMBER_SECRET))
        assert NUMBER_SECRET in json.dumps(setup(url, NUMBER_SECRET))
