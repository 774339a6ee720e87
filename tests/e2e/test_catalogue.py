"""Every code of the error catalogue, and the order in which codes are checked.

Each request is wrong in several ways at once: the answer names the way that is checked first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from libs.contracts.errors import ErrorCode
from tests.e2e.driver import Gateway, outbound
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"
TOO_LONG = "a" * 4097
NOBODY = {"to": "101", "from": "anonymous", "caller": None, "phone": "+1234"}


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: what is wrong with the configuration and the event, and the code that comes first."""

    code: str
    event: Mapping[str, Any]
    account: Mapping[str, Any] = field(default_factory=dict)
    integration: Mapping[str, Any] = field(default_factory=dict)
    details: tuple[str, ...] = ()


OFF = {"outbound_enabled": False, "call_events_enabled": False}
CLOSED = {"threecx_enabled": False, "paused": True}
PAUSED = {"paused": True}
REOPEN = {"name": "reopen", "language": "en", "parameters": ["business_name"]}
LADDER = (
    Rung("unsupported_event_type", {"event_type": "fax"}, CLOSED, OFF, ("supported",)),
    Rung("unsupported_event_type", {"to": "101"}, CLOSED, OFF, ("field",)),
    Rung("module_not_enabled", outbound("101", "") | NOBODY, CLOSED, OFF),
    Rung("module_not_enabled", {"event_type": "missed_call", "caller": "?"}, CLOSED, OFF),
    Rung("outbound_disabled", outbound("101", "") | NOBODY, PAUSED, OFF),
    Rung("call_events_disabled", {"event_type": "missed_call", "caller": "?"}, PAUSED, OFF),
    Rung("call_events_disabled", {"event_type": "call_started", "caller": "?"}, PAUSED, OFF),
    Rung("missing_phone", outbound("101", "") | NOBODY | {"message_purpose": "x"}, PAUSED),
    Rung(
        "missing_message_text", outbound("{suppressed}", " \n ") | {"message_purpose": "x"}, PAUSED, details=("field",)
    ),
    Rung(
        "message_text_too_long",
        outbound("{suppressed}", TOO_LONG) | {"message_purpose": "x"},
        PAUSED,
        details=("limit",),
    ),
    Rung(
        "message_purpose_not_allowed",
        outbound("{suppressed}", SCAM) | {"message_purpose": "x"},
        PAUSED,
        details=("allowed",),
    ),
    Rung("message_purpose_not_allowed", outbound("{suppressed}") | {"message_purpose": None}, PAUSED),
    Rung("recipient_suppressed", outbound("{suppressed}", SCAM), PAUSED),
    Rung(
        "opt_in_required",
        outbound("{silent}", SCAM),
        PAUSED | {"require_opt_in": True},
        {"strict_window": False, "window_template": REOPEN},
        details=("purpose",),
    ),
    Rung("conversation_window_closed", outbound("{silent}", SCAM), PAUSED),
    Rung("policy_violation", outbound("{open}", SCAM), PAUSED, details=("reason",)),
    Rung("policy_violation", outbound("{open}", SCAM), {"daily_limit": 1}, details=("risk_score",)),
    Rung("daily_message_limit_exceeded", outbound("{open}"), {"daily_limit": 1}, details=("limit", "used")),
)


@pytest.mark.parametrize("rung", LADDER, ids=[f"{i}. {rung.code}" for i, rung in enumerate(LADDER)])
async def test_of_several_faults_the_first_in_the_catalogue_is_answered(gateway: Gateway, rung: Rung) -> None:
    integration = await gateway.create_integration(account=rung.account, **rung.integration)
    people = {
        "suppressed": gateway.a_customer(),
        "silent": gateway.a_customer(),
        "open": await gateway.a_customer_who_wrote(integration),
    }
    await gateway.done(
        "POST",
        "/suppressions",
        {"account_id": integration.account_id, "phone": people["suppressed"], "reason": "asked"},
    )
    event = dict(rung.event) | {"to": str(rung.event.get("to", "")).format(**people)}
    if "daily_limit" in rung.account:
        assert (await gateway.reply(integration, people["open"])).result == "sent"

    answer = await gateway.post(integration, event)

    code = {each.value: each for each in ErrorCode}[rung.code]
    assert (answer.result, answer.status) == (code, code.explanation.status)
    assert answer.body["message"] == code.explanation.message
    assert set(rung.details) <= set(answer.details)
    assert answer.headers["Content-Type"] == "application/json"
    [record] = await gateway.wait_for_records(event_id=answer.event_id, type="webhook.answered")
    assert record["code"] == rung.code


async def test_size_comes_before_rate_and_rate_before_form(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    for _ in range(60):
        assert (await gateway.post(integration, {"event_type": "test"})).status == 200

    large = await gateway.post(integration, b"x" * 300_000)
    stranger = await gateway.post(integration, b"x" * 300_000, secret="guess")
    broken = await gateway.post(integration, b"{")

    assert [large.result, stranger.result, broken.result] == [
        "payload_too_large",
        "invalid_3cx_webhook",
        "webhook_rate_limited",
    ]
    assert large.details["limit"] == 262_144


async def test_the_thirteenth_message_to_one_customer_at_once_is_throttled(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)

    answers = [await gateway.reply(integration, customer) for _ in range(12)]

    assert [answer.result for answer in answers[:10]] == ["sent"] * 10
    throttled = answers[-1]
    assert (throttled.status, throttled.result, throttled.details["scope"]) == (429, "sending_throttled", "pair")
    assert 1 <= int(throttled.headers["Retry-After"]) <= 12
    assert len(await gateway.whatsapp.messages(phone_number_id=integration.number)) < 12


async def test_a_refusal_by_whatsapp_is_a_failed_sending(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number), fault=Fault(kind="error", code=131026))
    )

    answer = await gateway.reply(integration, customer)

    assert (answer.status, answer.result) == (502, "gateway_send_failed")
    assert answer.details["outcome"] == "failed"


async def test_the_whole_catalogue_is_provoked_by_some_test() -> None:
    here = {rung.code for rung in LADDER} | {
        "payload_too_large",
        "invalid_3cx_webhook",
        "webhook_rate_limited",
        "sending_throttled",
        "gateway_send_failed",
    }
    elsewhere = {"invalid_media", "media_expired", "invalid_reference"}  # test_content
    elsewhere |= {"invalid_json", "idempotency_key_reused", "gateway_unavailable"}  # bad input, idempotency, chaos

    assert here | elsewhere == {code.value for code in ErrorCode}
