"""The Evolution adapter against a server that misbehaves in every way a line and Evolution can."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.adapters.evolution import Evolution, open_evolution_session
from services.sender.adapters.posting import Limits
from services.sender.domain.messages import Customer, NumberCredentials, OutgoingTemplate, OutgoingText
from services.sender.domain.outcomes import Accepted, Outcome, Refused, Unreached, Unsure
from services.sender.domain.reading_evolution import outcome_from
from services.sender.domain.verdicts import Verdict, verdict_for
from tests.contract.test_cloud_api import NOON, OK, Script, answering, padded, provider, raw, silence, writing_then
from tests.evolution_stub import EvolutionStub, Sent, evolution, refused, taken

PHONE, TEXT, KEY = "+966500000001", "Your order is ready", "an-instance-key"
JID = "966500000001@s.whatsapp.net"
MESSAGE = OutgoingText(to=Customer(phone=PHONE), text=TEXT, callback="gw1:id:mac")
TEMPLATE = OutgoingTemplate(to=Customer(phone=PHONE), name="missed", language="ar", parameters=("Ann",), callback="c")
ANYWHERE = Limits(private_allowed=True, ports=())
META = {
    "message": "(#131047) Re-engagement message",
    "type": "OAuthException",
    "code": 131047,
    "error_data": {"messaging_product": "whatsapp", "details": "…"},
    "fbtrace_id": "AbC-1",
}
WHOLE = json.dumps(taken(JID, "A")).encode()
V1 = "Cannot read properties of undefined (reading 'textMessage')"


def number(url: str, **changes: str) -> NumberCredentials:
    known = NumberCredentials(number_id="n1", phone_number_id="main", access_token=KEY, base_url=url)
    return replace(known, **changes)


@asynccontextmanager
async def adapter(limits: Limits = ANYWHERE, *, timeout_s: float = 5.0) -> AsyncIterator[Evolution]:
    async with open_evolution_session(limits, timeout_s=timeout_s, connections=10) as session:
        yield Evolution(session, limits, lambda: NOON)


async def outcome_of(script: Script, *, timeout_s: float = 5.0) -> tuple[Outcome, int]:
    async with provider(script) as stub, adapter(timeout_s=timeout_s) as api:
        outcome = await api.send(number(f"http://127.0.0.1:{stub.port}"), MESSAGE)
        return outcome, len(stub.requests)


async def test_a_text_goes_out_in_the_wire_format_of_the_reference() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(f"{stub.url}/"), MESSAGE)

    assert outcome == Accepted(message_id="3EB00000000000000001", wa_id="966500000001")
    assert stub.sent == [Sent("sendText", "main", {"number": "966500000001", "text": TEXT, "linkPreview": False})]


async def test_a_template_goes_out_in_metas_form() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), TEMPLATE)

    assert isinstance(outcome, Accepted)
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}]
    template = {"number": "966500000001", "name": "missed", "language": "ar", "components": components}
    assert stub.sent == [Sent("sendTemplate", "main", template)]


async def test_a_customer_known_by_whatsapps_own_id_is_written_to_by_it() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), replace(MESSAGE, to=Customer(user_id="8877@lid")))

    assert outcome == Accepted(message_id="3EB00000000000000001", wa_id=None)
    assert stub.sent[0].body["number"] == "8877@lid"


async def test_a_customer_without_a_phone_is_refused_without_a_call() -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        outcome = await api.send(number(stub.url), replace(MESSAGE, to=Customer(user_id="US.1349")))

    assert outcome == Refused(code=None, http_status=0, reason="no_phone")
    assert stub.sent == []


@pytest.mark.parametrize(
    ("make", "status", "verdict"),
    [
        pytest.param(lambda s: s.not_on_whatsapp.add("966500000001"), 400, Verdict.PERMANENT, id="not on WhatsApp"),
        pytest.param(lambda s: s.instances.update(main="another"), 401, Verdict.AUTH, id="a wrong key"),
        pytest.param(lambda s: s.instances.clear(), 404, Verdict.AUTH, id="an instance that does not exist"),
        pytest.param(lambda s: s.answers.append((201, META)), 201, Verdict.POLICY, id="Meta's error under a 201"),
        pytest.param(lambda s: s.answers.append(refused(500, "", V1)), 500, Verdict.AUTH, id="a server of version 1"),
    ],
)
async def test_what_evolution_refuses_gets_its_verdict(
    make: Callable[[EvolutionStub], object], status: int, verdict: Verdict
) -> None:
    async with evolution(EvolutionStub()) as stub, adapter() as api:
        make(stub)

        outcome = await api.send(number(stub.url), MESSAGE)

    assert isinstance(outcome, Refused)
    assert outcome.http_status == status
    judgement = verdict_for(outcome)
    assert (judgement.verdict, judgement.unclassified) == (verdict, False)


def at(status: int, message: Any) -> tuple[int, dict[str, Any]]:
    return refused(status, "whatever", message)


READINGS: dict[str, tuple[int, Any, Outcome]] = {
    "a number that Evolution rewrote": (
        201, taken("551188887777@s.whatsapp.net", "3EB0"), Accepted(message_id="3EB0", wa_id="551188887777"),
    ),
    "an answer from another device": (
        201, taken("551188887777:12@s.whatsapp.net", "3EB0"), Accepted(message_id="3EB0", wa_id="551188887777"),
    ),
    "an answer to WhatsApp's own id": (201, taken("8877@lid", "3EB0"), Accepted(message_id="3EB0")),
    "a 200 instead of a 201": (200, taken(JID, "wamid.A"), Accepted(message_id="wamid.A", wa_id="966500000001")),
    "a message that WhatsApp answered with an error": (
        201, taken(JID, "3EB0") | {"status": "ERROR"}, Unsure("provider_reported_error", 201),
    ),
    "a 201 without a key": (201, {"status": "PENDING"}, Unsure("no_message_id", 201)),
    "a 201 with an empty id": (201, taken(JID, ""), Unsure("no_message_id", 201)),
    "a 201 with a list": (201, [taken(JID, "3EB0")], Unsure("no_message_id", 201)),
    "a 201 with nothing to read": (201, None, Unsure("no_message_id", 201)),
    "Meta's error under a 201": (201, META, Refused(code=131047, http_status=201, trace_id="AbC-1")),
    "Meta's error, wrapped": (201, {"error": META}, Refused(code=131047, http_status=201, trace_id="AbC-1")),
    "a proxy's error with a code": (502, {"code": 502, "message": "no upstream"}, Unsure("server_error", 502)),
    "a proxy's error with a code in an object": (504, {"error": {"code": 504}}, Unsure("server_error", 504)),
    "a number that is not on WhatsApp": (
        *at(400, [{"jid": JID, "exists": False, "number": "1"}]),
        Refused(code=None, http_status=400, reason="not_on_whatsapp"),
    ),
    "what the schema check says": (
        *at(400, [['requires property "text"']]), Refused(code=None, http_status=400, reason="invalid_request"),
    ),
    "an exception wrapped as a bad request": (
        *at(400, ["Error: Invalid `prisma.message.create()` invocation"]), Unsure("server_error", 400),
    ),
    "an exception that quotes a text with our words in it": (
        *at(400, ["Error: could not save 'Method not available in the shop, reading textMessage'"]),
        Unsure("server_error", 400),
    ),
    "a number whose phone is away": (*at(400, ["Error: Connection Closed"]), Unsure("number_disconnected", 400)),
    "a bare 400 of a proxy": (400, None, Refused(code=None, http_status=400)),
    "a wrong key": (*at(401, "Unauthorized"), Refused(code=None, http_status=401)),
    "no such instance": (*at(404, ['The "x" instance does not exist']), Refused(code=None, http_status=404)),
    "a server of version 1 that fails": (
        *at(500, V1), Refused(code=None, http_status=500, reason="evolution_version_1"),
    ),
    "the same, as an exception": (
        *at(500, [f"TypeError: {V1}"]), Refused(code=None, http_status=500, reason="evolution_version_1"),
    ),
    "a server of version 1 that checks": (
        *at(400, [['instance requires property "textMessage"']]),
        Refused(code=None, http_status=400, reason="evolution_version_1"),
    ),
    "an instance without templates": (
        *at(500, "Method not available in the Baileys service"),
        Refused(code=None, http_status=500, reason="templates_not_supported"),
    ),
    "an older version 1, on an older Node": (
        *at(500, "Cannot read property 'textMessage' of undefined"),
        Refused(code=None, http_status=500, reason="evolution_version_1"),
    ),
    "a failure that does not say of what": (
        *at(500, "Cannot read properties of undefined"), Unsure("server_error", 500),
    ),
    "Meta out of Evolution's reach": (
        *at(500, "Cannot read properties of undefined (reading 'message')"), Unsure("server_error", 500),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "outcome"), READINGS.values(), ids=READINGS)
def test_every_answer_is_read_as_the_reference_says(status: int, body: object, outcome: Outcome) -> None:
    assert outcome_from(status, body) == outcome


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("key", "id", "error", "code", "type", "response", "message", "exists", "status")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(status=st.integers(100, 599), body=JSON)
def test_no_answer_breaks_the_reader_and_no_5xx_proves_that_nothing_was_sent(status: int, body: object) -> None:
    outcome = outcome_from(status, body)

    assert not isinstance(outcome, Unreached)
    if isinstance(outcome, Refused) and status >= 500:
        assert outcome.code is not None or outcome.reason is not None


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        pytest.param(answering(201, b"<html>"), Unsure("no_message_id", 201), id="201 with garbage"),
        pytest.param(answering(201, padded(taken(JID, "A"))), Unsure("no_message_id", 201), id="201 without an end"),
        pytest.param(
            answering(429, b"", "Retry-After: 3"), Refused(code=None, http_status=429, retry_after=3.0), id="a throttle"
        ),
        pytest.param(writing_then(b""), Unsure("disconnected"), id="closed after the request"),
        pytest.param(writing_then(b"garbage\r\n\r\n"), Unsure("unreadable_answer"), id="no HTTP at all"),
        pytest.param(
            writing_then(raw(201, WHOLE)[:-5]),
            Unsure("no_message_id", 201),
            id="cut off",
        ),
        pytest.param(silence, Unsure("timeout"), id="silence"),
    ],
)
async def test_every_fault_of_the_line_is_classified_after_one_call(script: Script, outcome: Outcome) -> None:
    seen, calls = await outcome_of(script, timeout_s=0.5)

    assert (seen, calls) == (outcome, 1)


async def test_a_redirect_is_refused_and_the_key_goes_nowhere_else() -> None:
    async with provider(answering(201, OK)) as elsewhere:
        outcome, _ = await outcome_of(answering(307, b"", f"Location: http://127.0.0.1:{elsewhere.port}/"))

    assert outcome == Refused(code=None, http_status=307)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("url", "changes", "reason"),
    [
        pytest.param("http://no-such-host.invalid", {}, "dns_failed", id="a host without an address"),
        pytest.param("ftp://127.0.0.1", {}, "invalid_url", id="another scheme"),
        pytest.param("", {}, "invalid_url", id="no address"),
        pytest.param("http://127.0.0.1:1", {}, "connect_failed", id="a closed port"),
        pytest.param("http://127.0.0.1", {"access_token": "a\r\nX: 1"}, "invalid_token", id="a key with a line break"),
        pytest.param("http://127.0.0.1", {"phone_number_id": ".."}, "invalid_instance", id="a name that climbs"),
    ],
)
async def test_what_cannot_be_called_was_surely_not_reached(url: str, changes: dict[str, str], reason: str) -> None:
    async with adapter() as api:
        outcome = await api.send(number(url, **changes), MESSAGE)

    assert outcome == Unreached(reason)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("http://127.0.0.1:{port}", "not_https", id="without TLS"),
        pytest.param("https://127.0.0.1:{port}", "address_refused", id="a private address"),
        pytest.param("https://localhost:{port}", "address_refused", id="a name of a private address"),
        pytest.param("https://evolution.example.com:22", "port_refused", id="an odd port"),
    ],
)
async def test_a_private_server_is_not_dialled_unless_the_deployment_allows_it(url: str, reason: str) -> None:
    async with provider(silence) as stub, adapter(Limits(private_allowed=False, ports=(stub.port, 443))) as api:
        outcome = await api.send(number(url.format(port=stub.port)), MESSAGE)

    assert outcome == Unreached(reason)
    assert stub.connections == 0


async def test_nothing_personal_shows_in_logs_or_reprs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripts = [
        answering(201, taken(JID, "A", TEXT)),
        answering(400, refused(400, "Bad Request", [f"Error: {PHONE} {TEXT}"])[1]),
        silence,
    ]

    outcomes = [(await outcome_of(script, timeout_s=0.3))[0] for script in scripts]

    shown = caplog.text + repr(outcomes) + str(outcomes) + repr(number("http://x"))
    assert not [secret for secret in (PHONE, PHONE[1:], TEXT, KEY) if secret in shown]
