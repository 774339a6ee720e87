"""Each rule of the policy stops a message of a 3CX system: the receipt of the answer ends with it.

A rule that is added needs its case here; a test compares the names with the policy's own lists.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from libs.contracts.decisions import Decision
from libs.store.decisions import Budget, Proposal
from libs.store.factory import open_store
from services.policy.rules import CHAT_RULES, COMMAND_RULES, RULES
from tests.e2e.chat_desk import a_desk
from tests.e2e.driver import Gateway, outbound
from tests.e2e.test_catalogue import REOPEN, SCAM, TOO_LONG
from tests.e2e.test_content import READY, REJECTED, SALE, content, posted, ready, with_templates
from tests.e2e.test_restrictions import known_business_account, refused_reply, restricted

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO_READINGS = "491713920012"
"""With the default region Germany, a mobile phone, or a number at home without its area."""
FALLBACK: Mapping[str, Any] = {"strict_window": False, "window_template": REOPEN}


@dataclass(frozen=True, slots=True)
class Post:
    """What is configured, and what is posted; `{silent}`, `{open}` and `{suppressed}` stand for customers."""

    event: Mapping[str, Any]
    account: Mapping[str, Any] = field(default_factory=dict)
    integration: Mapping[str, Any] = field(default_factory=dict)


POSTS = {
    "event_type_is_supported": Post({"event_type": "fax"}),
    "module_is_enabled": Post(outbound("{open}"), {"threecx_enabled": False}),
    "outbound_is_enabled": Post(outbound("{open}"), {}, {"outbound_enabled": False}),
    "call_events_are_enabled": Post(
        {"event_type": "missed_call", "caller": "{open}"}, {}, {"call_events_enabled": False}
    ),
    "customer_phone_is_usable": Post(outbound("101")),
    "call_is_not_outbound": Post({"event_type": "call_ended", "caller": "{open}", "direction": "outbound"}),
    "template_is_enabled": Post(
        {"event_type": "missed_call", "caller": "{open}"}, {}, {"templates": {"missed_call": {"enabled": False}}}
    ),
    "customer_phone_is_certain": Post(outbound(TWO_READINGS), {"default_region": "DE"}),
    "one_content_is_present": Post(outbound("{open}", " \n ")),
    "text_fits": Post(outbound("{open}", TOO_LONG)),
    "quoted_message_is_of_this_conversation": Post(outbound("{open}") | {"reply_to": "wamid.of-nobody"}),
    "purpose_is_allowed": Post(outbound("{open}") | {"message_purpose": "x"}),
    "customer_has_not_opted_out": Post(outbound("{suppressed}")),
    "customer_has_opted_in": Post(outbound("{silent}"), {"require_opt_in": True}, FALLBACK),
    "window_is_open": Post(outbound("{silent}")),
    "account_is_not_paused": Post(outbound("{open}"), {"paused": True}),
    "content_is_acceptable": Post(outbound("{open}", SCAM)),
}
"""The rules that one post meets, whatever was sent before."""
TEMPLATES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "template_is_known": lambda to: content(to, template={"name": "unknown", "language": "de"}),
    "every_template_value_fits": lambda to: ready(to, body=["Anna"]),
    "template_category_fits_purpose": lambda to: content(to, template={"name": "sale", "language": "en"}),
    "template_is_approved": lambda to: content(to, template={"name": "bad", "language": "en"}),
}
"""The rules about templates that 3CX asks for by name."""


async def a_restriction(gateway: Gateway) -> str:
    integration = await gateway.create_integration(**FALLBACK)
    async with restricted(gateway, integration, 131048, "answer"):
        await gateway.reply(integration, gateway.a_customer())
        await gateway.wait_for_records(account_id=integration.account_id, type="restriction.added", seconds=30.0)
    return (await refused_reply(gateway, integration, gateway.a_customer(), "policy_violation")).event_id


async def a_used_up_template_limit(gateway: Gateway) -> str:
    integration = await gateway.create_integration(**FALLBACK)
    await gateway.a_customer_who_wrote(integration)  # the post names the business account
    await known_business_account(gateway, integration)
    await gateway.whatsapp.update_account("business_capability_update", number=integration.number, limit=1)
    await gateway.wait_for_records(account_id=integration.account_id, type="restriction.added")
    await gateway.reply(integration, gateway.a_customer())
    code = "daily_message_limit_exceeded"
    return (await refused_reply(gateway, integration, gateway.a_customer(), code)).event_id


async def a_used_up_day(gateway: Gateway) -> str:
    integration = await gateway.create_integration(account={"daily_limit": 1})
    customer = await gateway.a_customer_who_wrote(integration)
    assert (await gateway.reply(integration, customer)).result == "sent"
    return (await gateway.reply(integration, customer)).event_id


async def a_used_up_month(gateway: Gateway) -> str:
    """The 2,000 messages of a starter account's month were approved before."""
    return await after_approvals(gateway, 2_000)


async def a_burst(gateway: Gateway) -> str:
    """100 messages were approved within these ten minutes."""
    return await after_approvals(gateway, 100)


async def after_approvals(gateway: Gateway, count: int) -> str:
    """The event of a reply, after the account had so many messages approved this month, none of them today."""
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    now = datetime.now(UTC)
    month = now.astimezone(ZoneInfo("Asia/Riyadh")).strftime("%Y-%m")
    limits = {"daily_limit": 9_999, "monthly_limit": 9_999}
    budget = Budget(account_id=integration.account_id, day="2000-01-01", month=month, **limits)
    store = await open_store(gateway.stack.settings["GATEWAY_STORE_URL"])
    for _ in range(0, count, 100):
        approvals = [Proposal(event_id=str(uuid4()), decision=Decision(), budget=budget, now=now) for _ in range(100)]
        await asyncio.gather(*map(store.decisions.decide, approvals))
    await store.close()
    return (await gateway.reply(integration, customer)).event_id


async def a_chat_with_a_stranger(gateway: Gateway) -> str:
    async with a_desk(gateway) as desk:
        return str((await desk.agent_writes("101")).body["event_id"])


async def a_mistyped_command(gateway: Gateway) -> str:
    async with a_desk(gateway, chat_commands=True) as desk:
        return str((await desk.agent_writes(await desk.customer_writes(), "/tempalte order_ready")).body["event_id"])


SITUATIONS: Mapping[str, Callable[[Gateway], Awaitable[str]]] = {
    "no_restriction_stands": a_restriction,
    "template_limit_is_not_used_up": a_used_up_template_limit,
    "daily_limit_is_not_used_up": a_used_up_day,
    "monthly_limit_is_not_used_up": a_used_up_month,
    "speed_is_normal": a_burst,
    "chat_is_between_known_numbers": a_chat_with_a_stranger,
    "command_is_known": a_mistyped_command,
}
"""The rules that need a history; each gives the id of the event that meets the rule."""


async def stopped_by(gateway: Gateway, event_id: str) -> tuple[str, bool]:
    """The last rule in the receipt of an event's answer, and whether it passed."""
    [record] = await gateway.wait_for_records(event_id=event_id, type="webhook.answered")
    assert "receipt" in record["details"], record
    line = record["details"]["receipt"][-1]
    return line["rule"], line["passed"]


@pytest.mark.parametrize("rule", POSTS)
async def test_a_post_is_stopped_by_the_rule_that_it_breaks(gateway: Gateway, rule: str) -> None:
    post = POSTS[rule]
    integration = await gateway.create_integration(account=post.account, **post.integration)
    people = {"silent": gateway.a_customer(), "open": await gateway.a_customer_who_wrote(integration)}
    people["suppressed"] = gateway.a_customer()
    body = {"account_id": integration.account_id, "phone": people["suppressed"], "reason": "asked"}
    await gateway.done("POST", "/suppressions", body)
    fields = {name: post.event[name].format(**people) for name in ("to", "caller") if name in post.event}

    answer = await gateway.post(integration, {**post.event, **fields})

    assert await stopped_by(gateway, answer.event_id) == (rule, False)


async def test_a_template_is_stopped_by_the_rule_that_it_breaks(gateway: Gateway) -> None:
    integration = await with_templates(gateway, READY, SALE, REJECTED)
    customer = gateway.a_customer()

    answers = {rule: await posted(gateway, integration, make(customer)) for rule, make in TEMPLATES.items()}

    stopped = {rule: await stopped_by(gateway, answer.event_id) for rule, answer in answers.items()}
    assert stopped == {rule: (rule, False) for rule in TEMPLATES}


@pytest.mark.parametrize("rule", SITUATIONS)
async def test_what_happened_before_stops_a_message_by_its_rule(gateway: Gateway, rule: str) -> None:
    event_id = await SITUATIONS[rule](gateway)

    assert await stopped_by(gateway, event_id) == (rule, False)


async def test_every_rule_has_a_case_from_outside() -> None:
    rules = {binding.name for binding in (*RULES, *CHAT_RULES, *COMMAND_RULES)}

    assert {*POSTS, *TEMPLATES, *SITUATIONS} == rules
