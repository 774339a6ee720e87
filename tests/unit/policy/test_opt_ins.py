"""The rule that agents' templates need evidence of the customer's opt-in, where the account requires it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.contracts.decisions import RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.store.consents import Consent, ConsentScope, ConsentSource, CustomerConsents, Withdrawal
from libs.store.decisions import StoredFacts
from tests.builders import NOON, a_webhook, an_account, an_integration, stored
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.test_content_form import decided, ready
from tests.unit.policy.test_decide_webhook_call_events import WINDOW_TEMPLATE, a_call, judged, with_template

STRICT_ACCOUNT = an_account(require_opt_in=True)
WITH_FALLBACK = an_integration(strict_window=False, window_template=WINDOW_TEMPLATE)
RULE = "customer_has_opted_in"
CONSENT = Consent(
    id="con_1",
    fingerprint="con_1",
    account_id="acc_1",
    customer_key="k1",
    masked_phone="",
    scope=ConsentScope.ALL,
    source=ConsentSource.WEB_FORM,
    wording_version="2026-11",
    at=NOON - timedelta(days=3),
    recorded_at=NOON,
)


def withdrawn(at: datetime, scope: ConsentScope = ConsentScope.ALL) -> Withdrawal:
    return Withdrawal(account_id="acc_1", customer_key="k1", scope=scope, at=at, source=ConsentSource.KEYWORD)


def known(*consents: Consent, withdrawals: tuple[Withdrawal, ...] = (), **window: Any) -> StoredFacts:
    return replace(stored(**({"wrote": None} | window)), consents=CustomerConsents(consents, withdrawals))


def line_of(result: MessageApproved | WebhookAnswered) -> RuleReceipt | None:
    return next((line for line in result.receipt if line.rule == RULE), None)


@pytest.mark.parametrize(
    ("facts", "sent"),
    [
        pytest.param(known(), False, id="nothing shows that the customer agreed"),
        pytest.param(known(CONSENT), True, id="the customer agreed to everything"),
        pytest.param(
            known(replace(CONSENT, scope=ConsentScope.SUPPORT)), True, id="the customer agreed to the purpose"
        ),
        pytest.param(known(replace(CONSENT, scope=ConsentScope.TRANSACTIONAL)), False, id="to another purpose alone"),
        pytest.param(known(replace(CONSENT, scope=ConsentScope.MARKETING)), False, id="to marketing alone"),
        pytest.param(known(CONSENT, withdrawals=(withdrawn(NOON),)), False, id="the customer took it back"),
        pytest.param(known(CONSENT, withdrawals=(withdrawn(CONSENT.at),)), False, id="a tie goes to the withdrawal"),
        pytest.param(
            known(CONSENT, withdrawals=(withdrawn(CONSENT.at - timedelta(days=1)),)), True, id="agreed again afterwards"
        ),
    ],
)
async def test_a_fallback_outside_the_window_needs_evidence(facts: StoredFacts, sent: bool) -> None:  # noqa: FBT001 -- the table's column
    result = await judged(
        a_webhook(message_purpose="support"), WITH_FALLBACK, FakeDecisions(known=facts), STRICT_ACCOUNT
    )

    assert isinstance(result, MessageApproved) is sent
    if isinstance(result, WebhookAnswered):
        assert result.code is ErrorCode.OPT_IN_REQUIRED
        assert result.details["purpose"] == "support"


async def test_the_receipt_cites_the_evidence() -> None:
    result = await judged(a_webhook(), WITH_FALLBACK, FakeDecisions(known=known(CONSENT)), STRICT_ACCOUNT)

    line = line_of(result)
    assert line is not None
    assert line.inputs == {
        "consent_id": "con_1",
        "scope": "all",
        "source": "web_form",
        "wording_version": "2026-11",
        "at": CONSENT.at.isoformat(),
    }


async def test_the_refusal_says_when_the_customer_took_it_back() -> None:
    facts = known(CONSENT, withdrawals=(withdrawn(NOON), withdrawn(NOON + timedelta(days=1), ConsentScope.MARKETING)))

    result = await judged(a_webhook(), WITH_FALLBACK, FakeDecisions(known=facts), STRICT_ACCOUNT)

    assert isinstance(result, WebhookAnswered)
    assert result.details["withdrawn_at"] == NOON.isoformat()


async def test_a_reply_in_the_window_needs_none_and_never_becomes_a_template_while_it_waits() -> None:
    facts = known(wrote=timedelta(hours=-1))

    result = await judged(a_webhook(), WITH_FALLBACK, FakeDecisions(known=facts), STRICT_ACCOUNT)

    assert isinstance(result, MessageApproved)
    assert result.template is None


@pytest.mark.parametrize(
    ("window", "delivery"),
    [({"wrote": timedelta(hours=-1)}, "reply"), ({"wrote": timedelta(hours=-25)}, None), ({}, None)],
    ids=["in the window", "after it", "never wrote"],
)
async def test_a_template_by_name_answers_in_the_window_and_begins_a_conversation_outside(
    window: dict[str, Any], delivery: str | None
) -> None:
    directory = FakeDirectory(accounts={"acc_1": STRICT_ACCOUNT}, integrations={"int_1": an_integration()})

    result = await decided(ready(), decisions=FakeDecisions(known=known(**window)), directory=directory)

    line = line_of(result)
    assert line is not None
    assert line.inputs.get("delivery") == delivery
    refused = isinstance(result, WebhookAnswered) and result.code is ErrorCode.OPT_IN_REQUIRED
    assert refused is (delivery is None)


async def test_what_answers_a_call_of_the_customer_needs_none() -> None:
    integration = with_template(strict_window=False, window_template=WINDOW_TEMPLATE)

    result = await judged(a_call(), integration, FakeDecisions(known=known()), STRICT_ACCOUNT)

    assert isinstance(result, MessageApproved)
    assert result.template is not None
    assert line_of(result) is None


async def test_an_account_that_requires_none_is_asked_nothing() -> None:
    decisions = FakeDecisions(known=known())

    result = await judged(a_webhook(), WITH_FALLBACK, decisions)

    assert isinstance(result, MessageApproved)
    assert line_of(result) is None
    assert not any(query.with_consents for query in decisions.questions)


@pytest.mark.parametrize(
    ("integration", "payload", "asked"),
    [
        pytest.param(an_integration(), {}, False, id="plain text under a strict window"),
        pytest.param(WITH_FALLBACK, {}, True, id="text that may go out as the fallback"),
        pytest.param(
            an_integration(), {"template": {"name": "n", "language": "en"}, "text": None}, True, id="a template by name"
        ),
    ],
)
async def test_consents_are_read_for_what_may_become_a_template(
    integration: Any,
    payload: dict[str, Any],
    asked: bool,  # noqa: FBT001 -- the table's column
) -> None:
    decisions = FakeDecisions(known=known(wrote=timedelta(hours=-1)))

    await judged(a_webhook(**payload), integration, decisions, STRICT_ACCOUNT)

    assert {query.with_consents for query in decisions.questions} == {asked}
