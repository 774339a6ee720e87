"""Responses of Evolution as outcomes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.evolution.responses import ERRORS, REASONS, outcome_from
from libs.providers.http import HttpAnswer
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from tests.evolution_stub import refused, taken

JID = "966500000001@s.whatsapp.net"
V1 = "Cannot read properties of undefined (reading 'textMessage')"
META = {
    "message": "(#131047) Re-engagement message",
    "type": "OAuthException",
    "code": 131047,
    "error_data": {"messaging_product": "whatsapp", "details": "…"},
    "fbtrace_id": "AbC-1",
}


def at(status: int, message: Any) -> tuple[int, dict[str, Any]]:
    return refused(status, "whatever", message)


READINGS: dict[str, tuple[int, Any, SendOutcome]] = {
    "a number that Evolution rewrote": (
        201, taken("551188887777@s.whatsapp.net", "3EB0"), Accepted(message_id="3EB0", wa_id="551188887777"),
    ),
    "an answer from another device": (
        201, taken("551188887777:12@s.whatsapp.net", "3EB0"), Accepted(message_id="3EB0", wa_id="551188887777"),
    ),
    "an answer to WhatsApp's own id": (201, taken("8877@lid", "3EB0"), Accepted(message_id="3EB0", user_id="8877@lid")),
    "a 200 instead of a 201": (200, taken(JID, "wamid.A"), Accepted(message_id="wamid.A", wa_id="966500000001")),
    "a message that WhatsApp answered with an error": (
        201, taken(JID, "3EB0") | {"status": "ERROR"}, OutcomeUnknown("provider_reported_error", 201),
    ),
    "a 201 without a key": (201, {"status": "PENDING"}, OutcomeUnknown("no_message_id", 201)),
    "a 201 with an empty id": (201, taken(JID, ""), OutcomeUnknown("no_message_id", 201)),
    "a 201 with a list": (201, [taken(JID, "3EB0")], OutcomeUnknown("no_message_id", 201)),
    "a 201 with nothing to read": (201, None, OutcomeUnknown("no_message_id", 201)),
    "Meta's error under a 201": (201, META, Refused(code=131047, http_status=201, trace_id="AbC-1")),
    "Meta's error, wrapped": (201, {"error": META}, Refused(code=131047, http_status=201, trace_id="AbC-1")),
    "a proxy's error with a code": (502, {"code": 502, "message": "no upstream"}, OutcomeUnknown("server_error", 502)),
    "a proxy's error with a code in an object": (504, {"error": {"code": 504}}, OutcomeUnknown("server_error", 504)),
    "a number that is not on WhatsApp": (
        *at(400, [{"jid": JID, "exists": False, "number": "1"}]),
        Refused(code=None, http_status=400, reason="not_on_whatsapp"),
    ),
    "what the schema check says": (
        *at(400, [['requires property "text"']]), Refused(code=None, http_status=400, reason="invalid_request"),
    ),
    "an exception wrapped as a bad request": (
        *at(400, ["Error: Invalid `prisma.message.create()` invocation"]), OutcomeUnknown("server_error", 400),
    ),
    "an exception that quotes a text with our words in it": (
        *at(400, ["Error: could not save 'Method not available in the shop, reading textMessage'"]),
        OutcomeUnknown("server_error", 400),
    ),
    "a phone that is away": (*at(400, ["Error: Connection Closed"]), OutcomeUnknown("number_disconnected", 400)),
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
        *at(500, "Cannot read properties of undefined"), OutcomeUnknown("server_error", 500),
    ),
    "Meta out of Evolution's reach": (
        *at(500, "Cannot read properties of undefined (reading 'message')"), OutcomeUnknown("server_error", 500),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "body", "outcome"), READINGS.values(), ids=READINGS)
def test_every_answer_is_read_as_the_reference_says(status: int, body: object, outcome: SendOutcome) -> None:
    assert outcome_from(HttpAnswer(status, body)) == outcome


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
    outcome = outcome_from(HttpAnswer(status, body))

    assert not isinstance(outcome, NotSent)
    if isinstance(outcome, Refused) and status >= 500:
        assert outcome.code is not None or outcome.reason is not None


def test_every_reason_has_a_row() -> None:
    before_the_call = {"no_phone", "media_header_not_supported", "contact_request_not_supported"}
    assert {*REASONS, "not_on_whatsapp", "invalid_request", *before_the_call} == set(ERRORS.by_reason)
