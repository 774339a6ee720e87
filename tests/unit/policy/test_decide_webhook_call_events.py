"""Call events through the judge: which of them send what, and why the others do not."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookReceived
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration, Template
from libs.store.conversations import SuppressionKind
from tests.builders import NOON, PHONE, a_webhook, an_account, an_integration, received, stored
from tests.unit.policy.content import content_policy
from tests.unit.policy.fakes import FakeDecisions, FakeDirectory
from tests.unit.policy.test_decide_webhook import a_decide_webhook

CONTENT = content_policy()
SORRY = "Sorry we missed you, {{customer_phone}} ({{queue}}, {{call_time}}). {{business_name}}"
TYPES = ["missed_call", "voicemail", "call_ended", "queue_callback", "after_hours"]
WINDOW_TEMPLATE: dict[str, object] = {"name": "reopen", "language": "en", "languages": ["ar"], "parameters": ["queue"]}


def with_template(text: str = SORRY, *, enabled: bool = True, **changes: Any) -> Integration:
    templates = {event_type: Template(enabled=enabled, text=text) for event_type in TYPES}
    return an_integration(templates=templates, **changes)


def a_call(**payload: Any) -> WebhookReceived:
    known = {"event_type": "missed_call", "to": None, "caller": PHONE, "text": None, "message_purpose": None}
    return a_webhook(**(known | payload))


async def judged(
    event: WebhookReceived | None = None,
    integration: Integration | None = None,
    decisions: FakeDecisions | None = None,
    account: Any = None,
    **postmark: Any,
) -> MessageApproved | WebhookAnswered:
    directory = FakeDirectory(
        accounts={"acc_1": account or an_account()}, integrations={"int_1": integration or with_template()}
    )
    decisions = decisions or FakeDecisions()
    return await a_decide_webhook(decisions, directory)(received(event or a_call(), **postmark))


@pytest.mark.parametrize("event_type", TYPES)
async def test_a_call_event_sends_the_integrations_template(event_type: str) -> None:
    result = await judged(a_call(event_type=event_type, queue="Sales", call_time="10:15", message_purpose="marketing"))

    assert isinstance(result, MessageApproved)
    assert result.text == f"Sorry we missed you, {PHONE} (Sales, 10:15). Acme Clinic"
    assert (result.event_type, result.purpose, result.customer) == (event_type, "operational", PHONE)


async def test_a_call_without_a_time_happened_when_it_was_told_in_the_accounts_zone() -> None:
    result = await judged(integration=with_template("{{call_time}}"))

    assert isinstance(result, MessageApproved)
    assert result.text == "2026-11-23 15:00"


@pytest.mark.parametrize(
    ("payload", "integration", "code", "reason"),
    [
        pytest.param({}, an_integration(), "recorded", None, id="no template"),
        pytest.param({}, with_template(" ", enabled=False), "recorded", None, id="a template without words"),
        pytest.param({}, with_template(enabled=False), "skipped", "template_disabled", id="a template switched off"),
        pytest.param({}, with_template("{{salary}}"), "skipped", "template_disabled", id="a template that is none"),
        pytest.param(
            {"event_type": "call_ended", "direction": "outbound"},
            with_template(),
            "recorded",
            None,
            id="the end of a call that an agent made",
        ),
        pytest.param({"event_type": "call_started"}, with_template(), "recorded", None, id="the start of a call"),
        pytest.param({"event_type": "queue_event"}, with_template(), "recorded", None, id="a queue's event"),
        pytest.param({"caller": "anonymous"}, with_template(), "missing_phone", None, id="an anonymous caller"),
        pytest.param({"caller": "101"}, with_template(), "missing_phone", None, id="an extension"),
        pytest.param({}, with_template(call_events_enabled=False), "call_events_disabled", None, id="call events off"),
    ],
)
async def test_call_events_that_send_nothing(
    payload: dict[str, Any], integration: Integration, code: str, reason: str | None
) -> None:
    result = await judged(a_call(**payload), integration)

    assert isinstance(result, WebhookAnswered)
    assert (result.code, result.reason) == (code, reason)


async def test_the_end_of_an_incoming_call_sends_its_template() -> None:
    assert isinstance(await judged(a_call(event_type="call_ended", direction="inbound")), MessageApproved)


@pytest.mark.parametrize(
    ("known", "changes", "code"),
    [
        pytest.param(
            stored(suppressed=frozenset({SuppressionKind.OPT_OUT})),
            {},
            "recipient_suppressed",
            id="the customer opted out",
        ),
        pytest.param(stored(wrote=None), {}, "conversation_window_closed", id="the customer never wrote"),
        pytest.param(stored(), {"account": an_account(paused=True)}, "policy_violation", id="the account is paused"),
        pytest.param(stored(day=100), {}, "daily_message_limit_exceeded", id="the day's messages are used up"),
        pytest.param(stored(ten_minutes=500), {}, "sending_throttled", id="a sudden burst"),
        pytest.param(
            stored(),
            {"account": an_account(blocked_words=("missed",))},
            "policy_violation",
            id="the account's own blocked word is in the template",
        ),
    ],
)
async def test_the_rules_hold_for_call_events_as_for_agents(known: Any, changes: dict[str, Any], code: str) -> None:
    result = await judged(decisions=FakeDecisions(known=known), **changes)

    assert isinstance(result, WebhookAnswered)
    assert result.code == code


async def test_a_second_call_within_a_quarter_of_an_hour_is_skipped() -> None:
    decisions = FakeDecisions()
    await judged(decisions=decisions)

    second = await judged(decisions=decisions, id=uuid4(), at=NOON + timedelta(seconds=899))
    third = await judged(decisions=decisions, id=uuid4(), at=NOON + timedelta(seconds=900))

    assert isinstance(second, WebhookAnswered)
    assert (second.code, second.reason) == (AnswerStatus.SKIPPED, "cooldown")
    assert second.receipt[-1].rule == "cooldown_is_over"
    assert isinstance(third, MessageApproved)


async def test_a_redelivered_call_event_is_not_refused_by_its_own_cooldown() -> None:
    decisions = FakeDecisions()

    first, again = await judged(decisions=decisions), await judged(decisions=decisions, attempt=2)

    assert isinstance(first, MessageApproved)
    assert first == again


async def test_agents_messages_have_no_cooldown() -> None:
    decisions = FakeDecisions()
    await judged(a_webhook(), decisions=decisions)

    assert isinstance(await judged(a_webhook(), decisions=decisions, id=uuid4()), MessageApproved)
    assert decisions.cooldowns == {}


@pytest.mark.parametrize(
    ("event_type", "refused"),
    [
        ("outbound_message", True),
        ("inbound_reply", True),
        ("test", False),
        ("missed_call", False),
        ("call_started", False),
    ],
)
async def test_a_path_token_speaks_of_calls_alone(event_type: str, refused: bool) -> None:  # noqa: FBT001 -- a table's column
    event = a_webhook(event_type=event_type, caller=PHONE).model_copy(update={"call_events_only": True})

    result = await judged(event)

    code = result.code if isinstance(result, WebhookAnswered) else None
    assert (code is ErrorCode.UNSUPPORTED_EVENT_TYPE) == refused


async def test_outside_the_window_the_approved_template_goes_with_its_values() -> None:
    integration = with_template(strict_window=False, window_template=WINDOW_TEMPLATE)

    result = await judged(a_call(queue="Sales"), integration, FakeDecisions(known=stored(wrote=None)))

    assert isinstance(result, MessageApproved)
    assert result.template == {"name": "reopen", "language": "ar", "parameters": ["Sales"]}
    assert result.window_closes_at is None


async def test_an_agents_text_outside_the_window_is_no_parameter_of_the_template() -> None:
    integration = an_integration(strict_window=False, window_template=WINDOW_TEMPLATE)
    decisions = FakeDecisions(known=stored(wrote=timedelta(hours=-30)))

    result = await judged(a_webhook(), integration, decisions)
    again = await judged(a_webhook(), integration, decisions, attempt=2)

    assert isinstance(result, MessageApproved)
    assert result.template == {"name": "reopen", "language": "ar", "parameters": ["-"]}
    assert result.window_closes_at == NOON - timedelta(hours=6)
    assert again == result


async def test_a_plan_made_inside_the_window_names_the_template_for_later() -> None:
    integration = an_integration(strict_window=False, window_template=WINDOW_TEMPLATE)

    result = await judged(a_webhook(), integration)

    assert isinstance(result, MessageApproved)
    assert result.window_closes_at == NOON + timedelta(hours=23)
    assert result.template is not None


async def test_what_is_kept_of_a_decision_holds_no_text_and_no_phone() -> None:
    decisions = FakeDecisions()
    await judged(integration=with_template(strict_window=False, window_template=WINDOW_TEMPLATE), decisions=decisions)

    [kept] = decisions.kept.values()
    assert b"missed you" not in kept.stored()
    assert PHONE.encode() not in kept.stored()
