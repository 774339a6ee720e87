import sys
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.decisions import EventType
from libs.contracts.errors import ErrorCode
from libs.contracts.phone_numbers import PhoneReading
from libs.store.conversations import SuppressionKind
from services.policy.domain.decisions import decide
from services.policy.domain.facts import Facts, Objection
from services.policy.domain.limits import period_of
from services.policy.domain.webhook_customers import Customer
from services.policy.rules import RULES
from tests.builders import NOON, PHONE, a_number, a_webhook, an_account, an_integration, stored
from tests.unit.policy.content import content_policy

CONTENT = content_policy()
SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


CUSTOMER = Customer(field_name="to", phone=PHONE, phone_reading=PhoneReading.PLUS)


def facts(**changes: Any) -> Facts:
    account = changes.pop("account", an_account())
    known: dict[str, Any] = {
        "now": NOON,
        "account": account,
        "integration": an_integration(),
        "number": a_number(),
        "event_type": EventType.OUTBOUND_MESSAGE,
        "customer": CUSTOMER,
        "stored": stored(),
        "period": period_of(account, NOON),
        "content": CONTENT,
    }
    return Facts(**(known | changes))


def verdict(webhook: Any = None, **changes: Any) -> Any:
    return decide(webhook or a_webhook(), facts(**changes), RULES).code


BUSY = an_account(plan="scale")
OPT_OUT = frozenset({SuppressionKind.OPT_OUT})
BLOCKED = frozenset({SuppressionKind.BLOCKED})
MARKETING = frozenset({SuppressionKind.MARKETING})

CASES = [
    pytest.param({}, {}, None, id="a reply into an open conversation is approved"),
    pytest.param({}, {"event_type": None}, "unsupported_event_type", id="an unknown type is refused"),
    pytest.param({}, {"account": an_account(threecx_enabled=False)}, "module_not_enabled", id="module off"),
    pytest.param(
        {}, {"integration": an_integration(outbound_enabled=False)}, "outbound_disabled", id="outbound messages off"
    ),
    pytest.param({}, {"customer": None}, "missing_phone", id="no usable phone"),
    pytest.param({"text": None}, {}, "missing_message_text", id="no text"),
    pytest.param({"text": ""}, {}, "missing_message_text", id="nothing but spaces, trimmed at the door"),
    pytest.param({"text": "a" * 4096}, {}, None, id="4,096 characters fit"),
    pytest.param({"text": "a" * 4097}, {}, "message_text_too_long", id="4,097 characters do not"),
    pytest.param({"message_purpose": None}, {}, "message_purpose_not_allowed", id="no purpose"),
    pytest.param({"message_purpose": "marketing"}, {}, "message_purpose_not_allowed", id="marketing is no purpose"),
    pytest.param({"message_purpose": "authentication"}, {}, None, id="authentication is a purpose"),
    pytest.param({}, {"stored": stored(suppressed=OPT_OUT)}, "recipient_suppressed", id="the customer opted out"),
    pytest.param({}, {"stored": stored(suppressed=BLOCKED)}, "recipient_suppressed", id="an operator blocked"),
    pytest.param({}, {"stored": stored(suppressed=MARKETING)}, None, id="no marketing wanted, and this is none"),
    pytest.param({}, {"stored": stored(wrote=None)}, "conversation_window_closed", id="the customer never wrote"),
    pytest.param(
        {}, {"stored": stored(wrote=timedelta(hours=-24))}, "conversation_window_closed", id="exactly 24 hours ago"
    ),
    pytest.param({}, {"stored": stored(wrote=timedelta(hours=-24, seconds=1))}, None, id="a second less than 24 hours"),
    pytest.param(
        {},
        {"stored": stored(closed=timedelta(minutes=-5))},
        "conversation_window_closed",
        id="WhatsApp said that the window is closed",
    ),
    pytest.param(
        {},
        {"stored": stored(wrote=timedelta(minutes=-1), closed=timedelta(minutes=-5))},
        None,
        id="the customer wrote after WhatsApp closed the window",
    ),
    pytest.param({}, {"account": an_account(paused=True)}, "policy_violation", id="the account is paused"),
    pytest.param({}, {"number": a_number(paused=True)}, "policy_violation", id="the number is paused"),
    pytest.param({"text": SCAM}, {}, "policy_violation", id="the content policy blocks the text"),
    pytest.param(
        {"text": "our secret sauce"},
        {"account": an_account(blocked_words=("secret sauce",))},
        "policy_violation",
        id="the account's own blocked words",
    ),
    pytest.param({}, {"stored": stored(day=99)}, None, id="one below the daily limit"),
    pytest.param({}, {"stored": stored(day=100)}, "daily_message_limit_exceeded", id="the daily limit is used up"),
    pytest.param({}, {"stored": stored(month=2000)}, "daily_message_limit_exceeded", id="the month's is used up"),
    pytest.param(
        {}, {"account": an_account(daily_limit=200), "stored": stored(day=150)}, None, id="a reviewed higher limit"
    ),
    pytest.param({}, {"account": an_account(plan="scale"), "stored": stored(day=1499)}, None, id="scale sends 1,500"),
    pytest.param({}, {"account": BUSY, "stored": stored(ten_minutes=374)}, None, id="a normal speed"),
    pytest.param({}, {"account": BUSY, "stored": stored(ten_minutes=375)}, "sending_throttled", id="a sudden burst"),
    pytest.param(
        {},
        {"account": BUSY, "stored": stored(ten_minutes=375, normal=100.0)},
        None,
        id="the same speed of one used to it",
    ),
]


@pytest.mark.parametrize(("payload", "known", "code"), CASES)
def test_an_agents_reply(payload: dict[str, Any], known: dict[str, Any], code: str | None) -> None:
    assert verdict(a_webhook(**payload), **known) == code


def test_the_first_reason_in_the_catalogues_order_is_the_one_told() -> None:
    everything_wrong = {
        "stored": stored(wrote=None, suppressed=OPT_OUT, day=100, month=2000, ten_minutes=60),
        "customer": None,
        "account": an_account(paused=True),
    }
    found = []
    webhook = a_webhook(text=SCAM + "a" * 4096, message_purpose=None)

    found.append(verdict(webhook, **everything_wrong))
    found.append(verdict(webhook, **(everything_wrong | {"customer": CUSTOMER})))
    found.append(verdict(a_webhook(text=SCAM, message_purpose=None), **(everything_wrong | {"customer": CUSTOMER})))
    found.append(verdict(a_webhook(text=SCAM), **(everything_wrong | {"customer": CUSTOMER})))

    order = [code.value for code in ErrorCode]
    assert found == sorted(found, key=order.index)
    assert found == ["missing_phone", "message_text_too_long", "message_purpose_not_allowed", "recipient_suppressed"]


@pytest.mark.parametrize(
    ("event_type", "code"),
    [
        pytest.param(EventType.TEST, "ok", id="a test proves URL and secret"),
        pytest.param(EventType.INBOUND_REPLY, "recorded", id="an inbound reply is recorded"),
        pytest.param(EventType.CALL_STARTED, "recorded", id="a call that begins is recorded"),
        pytest.param(EventType.QUEUE_EVENT, "recorded", id="a queue event is recorded"),
    ],
)
def test_events_that_send_nothing(event_type: EventType, code: str) -> None:
    webhook = a_webhook(event_type=event_type.value, text=None, message_purpose=None)

    assert verdict(webhook, event_type=event_type, customer=None) == code


@pytest.mark.parametrize("event_type", [EventType.CALL_STARTED, EventType.QUEUE_EVENT, EventType.MISSED_CALL])
def test_call_events_need_their_switch(event_type: EventType) -> None:
    off = an_integration(call_events_enabled=False)

    assert verdict(event_type=event_type, integration=off) == "call_events_disabled"


def test_a_receipt_names_every_rule_that_was_asked_and_the_one_that_stopped_it() -> None:
    decision = decide(a_webhook(), facts(stored=stored(suppressed=OPT_OUT)), RULES)

    names = [line.rule for line in decision.receipt]
    assert names[0] == "event_type_is_supported"
    assert names[-1] == "customer_has_not_opted_out"
    assert [line.passed for line in decision.receipt] == [True] * (len(names) - 1) + [False]


def test_an_approvals_receipt_holds_every_rule_about_outbound_messages() -> None:
    decision = decide(a_webhook(), facts(), RULES)

    always = [rule for rule in RULES if rule.needed is None and rule.when is None]
    asked = [rule.name for rule in always if EventType.OUTBOUND_MESSAGE in rule.event_types]
    assert [line.rule for line in decision.receipt] == asked
    assert decision.window_closes_at == NOON + timedelta(hours=23)


def test_a_receipt_holds_no_phone_number_and_no_text() -> None:
    decision = decide(a_webhook(text="a very private matter"), facts(), RULES)

    assert PHONE.lstrip("+") not in decision.model_dump_json()
    assert "private" not in decision.model_dump_json()


@pytest.mark.parametrize("asked", RULES, ids=lambda a: a.name)
def test_a_rules_name_is_a_sentence_that_is_true_when_all_is_well(asked: Any) -> None:
    assert any(f"_{verb}_" in f"_{asked.name}_" for verb in ("is", "are", "has", "fits", "stands"))
    assert asked.version >= 1


def test_an_objection_about_the_window_says_since_when_it_is_closed() -> None:
    decision = decide(a_webhook(), facts(stored=stored(wrote=timedelta(hours=-30))), RULES)

    assert decision.details["reason"] == "window_expired"
    assert decision.details["closed_at"] == (NOON - timedelta(hours=6)).isoformat()


def test_a_used_up_day_says_limit_use_and_when_it_begins_anew() -> None:
    decision = decide(a_webhook(), facts(stored=stored(day=100)), RULES)

    assert decision.details == {
        "period": "daily",
        "limit": 100,
        "used": 100,
        "resets_at": "2026-11-23T21:00:00+00:00",  # midnight in Riyadh
        "retry_after": 9 * 3600,
    }


def test_objections_are_codes_of_the_catalogue() -> None:
    found = Objection(ErrorCode.MISSING_PHONE)

    assert found.code in ErrorCode


def test_an_everyday_message_is_decided_in_few_calls() -> None:
    """Calls of functions are as many on every machine. Each rule is called, and makes a line of the receipt."""
    text = "Hello, your order 17 is on its way and will be there this afternoon."
    asked, known = a_webhook(text=text), facts()
    calls: Counter[str] = Counter()

    sys.setprofile(lambda _, event, __: calls.update([event]))
    try:
        decision = decide(asked, known, RULES)
    finally:
        sys.setprofile(None)

    assert len(decision.receipt) == 17
    assert calls["call"] + calls["c_call"] < 380
