"""Responses of the Cloud API as outcomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import ErrorCode
from libs.providers.cloud_api import uploads
from libs.providers.cloud_api.responses import ERRORS, outcome_from, probe_outcome_from, refusal_in
from libs.providers.errors import Effect, Verdict
from libs.providers.http import HttpAnswer
from libs.providers.outcomes import Accepted, OutcomeUnknown, Refused, SendOutcome

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "error_subcode", "type", "messages", "contacts", "id"])
            | st.text(max_size=4),
            inner,
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
        pytest.param(200, {"contacts": [{"wa_id": "1"}]}, OutcomeUnknown("no_message_id", 200), id="contacts alone"),
        pytest.param(200, {}, OutcomeUnknown("no_message_id", 200), id="an empty object"),
        pytest.param(200, None, OutcomeUnknown("no_message_id", 200), id="success that cannot be read"),
        pytest.param(200, [1, 2], OutcomeUnknown("no_message_id", 200), id="success of another shape"),
        pytest.param(204, None, OutcomeUnknown("no_message_id", 204), id="success without a body"),
        pytest.param(200, error(131047), Refused(code=131047, http_status=200), id="an error under a 200"),
        pytest.param(400, error(131047), Refused(code=131047, http_status=400), id="an error under a 400"),
        pytest.param(500, error(131000), Refused(code=131000, http_status=500), id="an error under a 500"),
        pytest.param(503, error(2), Refused(code=2, http_status=503), id="an error under a 503"),
        pytest.param(400, error("131047"), Refused(code=131047, http_status=400), id="a code as text"),
        pytest.param(400, error(" 131056 "), Refused(code=131056, http_status=400), id="a code as text with spaces"),
        pytest.param(
            400, {"error": {"code": "131047"}}, Refused(code=131047, http_status=400), id="a bare code as text"
        ),
        pytest.param(400, error("1" * 11), Refused(code=None, http_status=400), id="a code that is far too long"),
        pytest.param(400, error("x"), Refused(code=None, http_status=400), id="a code that is no number"),
        pytest.param(400, error(True), Refused(code=None, http_status=400), id="a code that is a boolean"),  # noqa: FBT003
        pytest.param(400, None, Refused(code=None, http_status=400), id="a bare 400"),
        pytest.param(302, None, Refused(code=None, http_status=302), id="a redirect"),
        pytest.param(429, None, Refused(code=None, http_status=429), id="a bare 429"),
        pytest.param(500, None, OutcomeUnknown("server_error", 500), id="a bare 500"),
        pytest.param(502, None, OutcomeUnknown("server_error", 502), id="a bare 502"),
        pytest.param(503, {"message": "no"}, OutcomeUnknown("server_error", 503), id="a 503 in a proxy's words"),
        pytest.param(504, None, OutcomeUnknown("server_error", 504), id="a bare 504"),
        pytest.param(
            503, {"error": {"code": 14}}, OutcomeUnknown("server_error", 503), id="a proxy's error with a 503"
        ),
        pytest.param(
            502, {"error": {"code": "2"}}, OutcomeUnknown("server_error", 502), id="a proxy's text with a 502"
        ),
        pytest.param(
            500, {"error": {"code": 131000}}, Refused(code=131000, http_status=500), id="a bare code that only Meta has"
        ),
        pytest.param(
            503, {"error": {"code": 190}}, Refused(code=190, http_status=503), id="the least that Meta's codes have"
        ),
        pytest.param(
            503, {"error": {"code": 999}}, OutcomeUnknown("server_error", 503), id="a bare code that nobody knows"
        ),
        pytest.param(
            429, {"error": {"code": 429}}, Refused(code=None, http_status=429), id="a proxy's error with a 429"
        ),
        pytest.param(
            401, {"error": {"code": "401"}}, Refused(code=None, http_status=401), id="a proxy's text with a 401"
        ),
        pytest.param(200, {"error": {"code": 200}}, Refused(code=200, http_status=200), id="Meta's 200 in a 200"),
    ],
)
def test_an_answer_is_read(status: int, body: object, outcome: SendOutcome) -> None:
    assert outcome_from(HttpAnswer(status, body)) == outcome


@pytest.mark.parametrize("body", [{"messages": []}, {"contacts": [{"input": "1", "wa_id": "1"}]}, {"messages": [{}]}])
def test_a_success_without_a_message_id_is_unknown_because_a_second_send_might_be_a_second_message(
    body: dict[str, object],
) -> None:
    assert outcome_from(HttpAnswer(200, body)) == OutcomeUnknown("no_message_id", 200)


@pytest.mark.parametrize("code", [131047, 131026, 190, 130429, 100])
def test_a_code_as_text_means_the_same_as_the_number(code: int) -> None:
    number, text = (refusal_in(HttpAnswer(400), error(each)["error"]) for each in (code, str(code)))

    assert number is not None
    assert number == text


def test_a_closed_window_that_is_told_as_text_closes_the_window() -> None:
    outcome = outcome_from(HttpAnswer(400, error("131047")))

    assert isinstance(outcome, Refused)
    assert ERRORS.classify(outcome).effect is Effect.CLOSE_WINDOW
    assert ERRORS.classify(outcome).answer is ErrorCode.CONVERSATION_WINDOW_CLOSED


@pytest.mark.parametrize("subcode", [33, "33"])
def test_an_object_that_does_not_exist_is_a_number_that_is_not_set_up(subcode: object) -> None:
    answer = HttpAnswer(400, error(100, error_subcode=subcode, fbtrace_id="A"))

    for outcome in (outcome_from(answer), probe_outcome_from(answer), uploads.outcome_from(answer)):
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.trace_id) == (33, "A")
        assert ERRORS.classify(outcome).verdict is Verdict.AUTH


@pytest.mark.parametrize(
    ("code", "subcode"),
    [
        pytest.param(100, None, id="a bad parameter"),
        pytest.param(100, 2494010, id="a bad parameter with a subcode"),
        pytest.param(131009, 33, id="another code"),
        pytest.param("100", "x33", id="a subcode that is no number"),
    ],
)
def test_any_other_subcode_changes_nothing(code: object, subcode: object) -> None:
    outcome = outcome_from(HttpAnswer(400, error(code, error_subcode=subcode)))

    assert isinstance(outcome, Refused)
    assert outcome.code == int(str(code))
    assert ERRORS.classify(outcome).verdict is Verdict.PERMANENT


def test_a_file_that_does_not_exist_is_no_number_that_is_not_set_up() -> None:
    refused = refusal_in(HttpAnswer(400), error(100, error_subcode=33)["error"])

    assert refused is not None
    assert refused.code == 100


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


CODES = st.integers() | st.from_regex(r"[0-9]{1,6}", fullmatch=True)
NOT_METAS_ALONE = CODES.filter(lambda code: int(code) < 100 or int(code) not in ERRORS.by_code)


@given(status=st.integers(500, 599), code=NOT_METAS_ALONE)
def test_a_server_error_counts_as_not_sent_only_with_what_metas_errors_have(status: int, code: object) -> None:
    assert isinstance(outcome_from(HttpAnswer(status, {"error": {"code": code, "message": "x"}})), OutcomeUnknown)


@given(status=st.integers(500, 599), body=JSON.filter(lambda body: not isinstance(body, dict)))
def test_a_server_error_without_metas_error_never_counts_as_not_sent(status: int, body: object) -> None:
    assert isinstance(outcome_from(HttpAnswer(status, body)), OutcomeUnknown)
