"""Responses of the Cloud API as outcomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.cloud_api.responses import outcome_from
from libs.providers.http import HttpAnswer
from libs.providers.outcomes import Accepted, OutcomeUnknown, Refused, SendOutcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "messages", "contacts", "id", "error_data"]) | st.text(max_size=4), inner
        )
    ),
    max_leaves=12,
)


def error(code: object, **more: object) -> dict[str, object]:
    return {"error": {"message": "(#1) x", "type": "OAuthException", "code": code, **more}}


def test_an_accepted_message_has_all_its_names() -> None:
    body = {
        "contacts": [{"input": "+966500000000", "wa_id": "966500000000", "user_id": "SA.1"}],
        "messages": [{"id": "wamid.A", "message_status": "held_for_quality_assessment"}],
    }

    outcome = outcome_from(HttpAnswer(200, body))

    assert outcome == Accepted(message_id="wamid.A", wa_id="966500000000", user_id="SA.1", held=True)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        pytest.param(200, {"messages": [{"id": "w"}]}, Accepted(message_id="w"), id="an id is enough"),
        pytest.param(200, {"messages": [{"id": ""}]}, OutcomeUnknown("no_message_id", 200), id="an empty id is none"),
        pytest.param(200, {"messages": []}, OutcomeUnknown("no_message_id", 200), id="no message"),
        pytest.param(200, {}, OutcomeUnknown("no_message_id", 200), id="an empty object"),
        pytest.param(200, None, OutcomeUnknown("no_message_id", 200), id="success that cannot be read"),
        pytest.param(200, [1, 2], OutcomeUnknown("no_message_id", 200), id="success of another shape"),
        pytest.param(204, None, OutcomeUnknown("no_message_id", 204), id="success without a body"),
        pytest.param(200, error(131047), Refused(code=131047, http_status=200), id="an error under a 200"),
        pytest.param(400, error(131047), Refused(code=131047, http_status=400), id="an error under a 400"),
        pytest.param(500, error(131000), Refused(code=131000, http_status=500), id="an error under a 500"),
        pytest.param(503, error(2), Refused(code=2, http_status=503), id="an error under a 503"),
        pytest.param(400, error("x"), Refused(code=None, http_status=400), id="a code that is no number"),
        pytest.param(400, error(True), Refused(code=None, http_status=400), id="a code that is a boolean"),  # noqa: FBT003
        pytest.param(400, None, Refused(code=None, http_status=400), id="a bare 400"),
        pytest.param(302, None, Refused(code=None, http_status=302), id="a redirect"),
        pytest.param(429, None, Refused(code=None, http_status=429), id="a bare 429"),
        pytest.param(500, None, OutcomeUnknown("server_error", 500), id="a bare 500"),
        pytest.param(502, None, OutcomeUnknown("server_error", 502), id="a bare 502"),
        pytest.param(503, {"message": "no"}, OutcomeUnknown("server_error", 503), id="a 503 in a proxy's words"),
        pytest.param(504, None, OutcomeUnknown("server_error", 504), id="a bare 504"),
    ],
)
def test_an_answer_is_read(status: int, body: object, outcome: SendOutcome) -> None:
    assert outcome_from(HttpAnswer(status, body)) == outcome


def test_a_refusal_keeps_hint_pause_and_trace() -> None:
    outcome = outcome_from(HttpAnswer(400, error(2, is_transient=True, fbtrace_id="AbC_1"), retry_after=7.0))

    assert outcome == Refused(code=2, http_status=400, transient=True, trace_id="AbC_1", retry_after=7.0)


def test_a_trace_id_that_might_carry_something_else_is_dropped() -> None:
    outcome = outcome_from(HttpAnswer(400, error(2, fbtrace_id="call +966 50 000 0000")))

    assert isinstance(outcome, Refused)
    assert outcome.trace_id is None


@given(status=st.integers(100, 599), body=JSON)
def test_no_answer_raises(status: int, body: object) -> None:
    outcome = outcome_from(HttpAnswer(status, body))

    assert isinstance(outcome, Accepted | Refused | OutcomeUnknown)


@given(status=st.integers(500, 599), body=JSON.filter(lambda body: not isinstance(body, dict)))
def test_a_server_error_without_metas_error_never_counts_as_not_sent(status: int, body: object) -> None:
    assert isinstance(outcome_from(HttpAnswer(status, body)), OutcomeUnknown)
