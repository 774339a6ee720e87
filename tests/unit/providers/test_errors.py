"""Error tables: every row of Meta's reference has its verdict, and so has every other integer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import ErrorCode
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import (
    ANSWERS,
    Classification,
    Effect,
    Scope,
    Verdict,
    table_from,
)
from libs.providers.outcomes import Refused

REFERENCE: dict[tuple[int, ...], Verdict] = {
    (131047,): Verdict.POLICY,
    (131026,): Verdict.PERMANENT,
    (131048,): Verdict.PAUSE,
    (131049,): Verdict.POLICY,
    (131050,): Verdict.POLICY,
    (130472,): Verdict.PERMANENT,
    (130429, 131056, *range(80000, 80010), 80014, 4, 341, 17, 32, 613, 133016): Verdict.THROTTLE,
    (131064, 368, 131031): Verdict.PAUSE,
    (130497,): Verdict.POLICY,
    (190, 0, 3, 10, 104, *range(200, 300), 131005, 33, 133010, 131045, 131037): Verdict.AUTH,
    (102, *range(458, 468), 492, 2500): Verdict.AUTH,
    (131042, 131044): Verdict.PAUSE,
    (100, 131008, 131009, 131021, 131030, 131051, 131060): Verdict.PERMANENT,
    (131052, 131053): Verdict.RETRY,
    (131062,): Verdict.PERMANENT,
    (131063,): Verdict.POLICY,
    (1, 2, 131000, 131016, 135000, 131057, 133004, 134100, 134101, 2494100): Verdict.RETRY,
    (132000, 132005, 132008, 132012): Verdict.PERMANENT,
    (132001, 132007, 132015, 132016, 132068): Verdict.POLICY,
    (132069,): Verdict.THROTTLE,
    (137000,): Verdict.POLICY,
    (130403, 132018, 131055, 134011, 134102): Verdict.PERMANENT,
    (133000, 133005, 133006, 133008, 133009, 133015): Verdict.PERMANENT,
    (131020, 131041, 131059, *range(138000, 140000)): Verdict.PERMANENT,
}
"""Typed from the reference page, not from the table under test."""
VERDICTS = {code: verdict for codes, verdict in REFERENCE.items() for code in codes}


def classified(code: int | None, *, status: int = 400, transient: bool = False) -> Classification:
    return ERRORS.classify(Refused(code=code, http_status=status, transient=transient))


def named(codes: tuple[int, ...]) -> str:
    """A row's id: its codes, and of many the first and the last."""
    return "-".join(map(str, codes if len(codes) < 7 else (codes[0], len(codes), codes[-1])))


def test_the_reference_has_one_verdict_for_each_code() -> None:
    assert len(VERDICTS) == sum(map(len, REFERENCE))


@pytest.mark.parametrize(("codes", "verdict"), REFERENCE.items(), ids=map(named, REFERENCE))
def test_every_code_of_the_reference_has_its_verdict(codes: tuple[int, ...], verdict: Verdict) -> None:
    found = {code: classified(code) for code in codes}

    assert {code: each.verdict for code, each in found.items()} == dict.fromkeys(codes, verdict)
    assert [code for code, each in found.items() if each.unclassified] == []


def test_the_table_has_no_code_that_the_reference_does_not_have() -> None:
    assert set(ERRORS.by_code) == set(VERDICTS)


@pytest.mark.parametrize(
    ("code", "scope", "wait_s"),
    [
        (130429, Scope.NUMBER, 1.0),
        (131056, Scope.PAIR, 6.0),
        (80007, Scope.WABA, 60.0),
        (80008, Scope.WABA, 60.0),
        (80014, Scope.WABA, 60.0),
        (17, Scope.WABA, 60.0),
        (32, Scope.WABA, 60.0),
        (613, Scope.WABA, 60.0),
        (4, Scope.APP, 60.0),
        (341, Scope.APP, 60.0),
    ],
)
def test_a_throttle_names_the_bucket_that_is_too_fast(code: int, scope: Scope, wait_s: float) -> None:
    classification = classified(code)

    assert (classification.scope, classification.wait_s) == (scope, wait_s)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        pytest.param(131047, ErrorCode.CONVERSATION_WINDOW_CLOSED, id="a closed window"),
        pytest.param(131050, ErrorCode.RECIPIENT_SUPPRESSED, id="a customer who opted out with WhatsApp"),
        pytest.param(130403, ErrorCode.RECIPIENT_SUPPRESSED, id="a customer for whom WhatsApp blocks the business"),
        pytest.param(130429, ErrorCode.SENDING_THROTTLED, id="a throttled number"),
        pytest.param(131056, ErrorCode.SENDING_THROTTLED, id="a throttled pair"),
        pytest.param(131049, ErrorCode.POLICY_VIOLATION, id="a policy"),
        pytest.param(131048, ErrorCode.POLICY_VIOLATION, id="a paused number"),
        pytest.param(190, ErrorCode.GATEWAY_SEND_FAILED, id="credentials"),
        pytest.param(131026, ErrorCode.GATEWAY_SEND_FAILED, id="a permanent failure"),
        pytest.param(131000, ErrorCode.GATEWAY_SEND_FAILED, id="retries used up"),
        pytest.param(999999, ErrorCode.GATEWAY_SEND_FAILED, id="an unknown code"),
    ],
)
def test_a_verdict_has_its_answer(code: int, answer: ErrorCode) -> None:
    assert classified(code).answer is answer


EFFECTS: dict[Effect, tuple[int, ...]] = {
    Effect.CLOSE_WINDOW: (131047,),
    Effect.MARK_UNREACHABLE: (131026,),
    Effect.SUPPRESS_MARKETING: (131050,),
    Effect.SUPPRESS_PROVIDER_BLOCK: (130403,),
    Effect.WAIT_24_HOURS: (131049,),
    Effect.PAUSE_NUMBER: (131048,),
    Effect.PAUSE_ACCOUNT: (368, 131031),
    Effect.PAYMENT_REQUIRED: (131042, 131044),
    Effect.STOP_TEMPLATES: (131064,),
    Effect.STOP_CREDENTIALS: (190, 102, *range(458, 468), 492, 0, 3, 10, 104, *range(200, 300), 131005),
    Effect.STOP_NUMBER_CREDENTIALS: (33, 2500),
    Effect.STOP_REGISTRATION: (133010, 131037, 131045),
    Effect.STOP_TEMPLATE: (132001, 132007, 132015, 132016),
    Effect.BLOCK_COUNTRY: (130497,),
    Effect.PHONE_REQUIRED: (131062,),
    Effect.OPERATOR_REQUIRED: (137000,),
    Effect.SLOW_NUMBER: (130429,),
    Effect.HOLD_PAIR: (131056,),
}
"""Typed from the table of restrictions; every other code has no effect."""
EFFECT_OF = {code: effect for effect, codes in EFFECTS.items() for code in codes}


def test_every_effect_has_a_code() -> None:
    assert set(EFFECTS) == set(Effect)


@pytest.mark.parametrize("codes", REFERENCE, ids=named)
def test_a_code_has_its_effect_and_no_other(codes: tuple[int, ...]) -> None:
    assert {code: classified(code).effect for code in codes} == {code: EFFECT_OF.get(code) for code in codes}


def test_media_faults_are_retried_fewer_times() -> None:
    assert (classified(131053).attempts, classified(131000).attempts) == (2, None)


@given(code=st.integers(), status=st.integers(), transient=st.booleans())
def test_every_integer_gets_a_verdict_and_none_raises(code: int, status: int, *, transient: bool) -> None:
    classification = classified(code, status=status, transient=transient)

    assert classification.unclassified == (code not in VERDICTS)
    assert (classification.verdict is Verdict.THROTTLE) == (classification.scope is not None)


@given(code=st.integers().filter(lambda code: code not in VERDICTS), status=st.integers(400, 499))
def test_an_unknown_code_is_permanent_and_flagged(code: int, status: int) -> None:
    classification = classified(code, status=status)

    assert (classification.verdict, classification.unclassified) == (Verdict.PERMANENT, True)


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        pytest.param(500, False, id="with a server error's status"),
        pytest.param(400, True, id="that WhatsApp calls transient"),
    ],
)
def test_an_unknown_code_that_is_transient_is_retried_and_flagged(status: int, *, transient: bool) -> None:
    classification = classified(999999, status=status, transient=transient)

    assert (classification.verdict, classification.unclassified) == (Verdict.RETRY, True)


def test_a_known_code_wins_over_its_http_status() -> None:
    assert classified(131047, status=500).verdict is Verdict.POLICY


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (301, Verdict.AUTH),
        (307, Verdict.AUTH),
        (400, Verdict.PERMANENT),
        (401, Verdict.AUTH),
        (403, Verdict.AUTH),
        (404, Verdict.AUTH),
        (408, Verdict.RETRY),
        (429, Verdict.THROTTLE),
        (451, Verdict.PERMANENT),
    ],
)
def test_an_answer_without_a_code_is_classified_by_its_status(status: int, verdict: Verdict) -> None:
    assert classified(None, status=status).verdict is verdict


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        pytest.param(401, Effect.STOP_CREDENTIALS, id="the token is refused"),
        pytest.param(403, Effect.STOP_CREDENTIALS, id="the token may not"),
        *(
            pytest.param(status, Effect.STOP_NUMBER_CREDENTIALS, id=f"the number's own address: {status}")
            for status in (*range(300, 400), 404, 405, 410)
        ),
        pytest.param(408, None, id="too slow"),
        pytest.param(451, None, id="another status"),
    ],
)
def test_a_status_without_a_code_has_its_effect(status: int, effect: Effect | None) -> None:
    assert classified(None, status=status).effect is effect


def test_every_verdict_has_an_answer() -> None:
    assert set(ANSWERS) == set(Verdict)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param('verdict = "perhaps"', id="an unknown verdict"),
        pytest.param('verdict = "throttle"', id="a throttle without its scope"),
        pytest.param('verdict = "retry"\nscope = "pair"\nwait_s = 1.0', id="a scope without a throttle"),
        pytest.param('verdict = "policy"\neffect = "magic"', id="an unknown effect"),
    ],
)
def test_a_wrong_row_is_not_read(row: str) -> None:
    with pytest.raises(ValueError):
        table_from(f'[[code]]\ncodes = [1]\nmeaning = "x"\n{row}\n')


def test_a_code_with_two_verdicts_is_not_read() -> None:
    row = '[[code]]\ncodes = ["200-299"]\nverdict = "auth"\nmeaning = "x"\n'

    with pytest.raises(ValueError, match="code 200 has two verdicts"):
        table_from(row + row)
