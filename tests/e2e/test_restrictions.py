"""Each restriction is provoked through the simulator, seen in receipt, event and metric, and lifted."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.e2e.driver import Answer, Gateway, Integration
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPLATE = {"name": "reopen", "language": "en", "parameters": ["business_name"]}
By = Literal["answer", "status"]


@dataclass(frozen=True, slots=True)
class Case:
    """A code, the kind and scope of its restriction, and the answer to the next message of the same form."""

    code: int
    kind: str
    scope: str
    answer: str
    reason: str | None
    template: bool = False
    same_customer: bool = False
    rule: str = "no_restriction_stands"


CASES = (
    Case(131026, "unreachable", "customer", "gateway_send_failed", "unreachable", same_customer=True),
    Case(131049, "template_rest", "pair", "policy_violation", "template_rest", template=True, same_customer=True),
    Case(131048, "spam", "number", "policy_violation", "spam", template=True),
    Case(131064, "templates", "waba", "policy_violation", "templates", template=True),
    Case(
        132015,
        "template",
        "template",
        "conversation_window_closed",
        "never_messaged",
        template=True,
        rule="window_is_open",
    ),
    Case(130497, "country", "country", "policy_violation", "country"),
    Case(368, "account", "waba", "policy_violation", "account"),
    Case(131042, "payment", "waba", "policy_violation", "payment"),
    Case(137000, "identity_changed", "pair", "policy_violation", "identity_changed", same_customer=True),
)


@asynccontextmanager
async def restricted(gateway: Gateway, integration: Integration, code: int, by: By) -> AsyncIterator[None]:
    """WhatsApp restricts the integration's number for a while, and reports nothing else."""
    await gateway.whatsapp.restrict(code, by=by, phone_number_id=integration.number)
    try:
        yield
    finally:
        await gateway.whatsapp.lift_restrictions()


async def a_customer(gateway: Gateway, integration: Integration, case: Case) -> str:
    """A stranger, who gets a template, or one who wrote, who gets a text."""
    if case.template:
        return gateway.a_customer()
    # Earlier than the restriction: a message in the same second would end one that is about the customer.
    return await gateway.a_customer_who_wrote(integration, timestamp=int(time.time()) - 60)


async def lift_all(gateway: Gateway, integration: Integration) -> list[dict[str, Any]]:
    """Lift every restriction of the account as an operator; what was lifted."""
    found = (await gateway.done("GET", "/restrictions", account_id=integration.account_id))["items"]
    for each in found:
        await gateway.done("DELETE", f"/restrictions/{each['id']}", reason="Meta said so")
    return list(found)


@pytest.mark.parametrize("by", ["answer", "status"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.code))
async def test_a_restriction_is_seen_and_holds_until_it_is_lifted(gateway: Gateway, case: Case, by: By) -> None:
    integration = await gateway.create_integration(strict_window=False, window_template=TEMPLATE)
    customer = await a_customer(gateway, integration, case)
    after = customer if case.same_customer else await a_customer(gateway, integration, case)

    async with restricted(gateway, integration, case.code, by):
        await gateway.reply(integration, customer)
        [added] = await gateway.wait_for_records(
            1, account_id=integration.account_id, type="restriction.added", seconds=30.0
        )
    refused = await refused_reply(gateway, integration, after, case.answer)
    [answered] = await gateway.wait_for_records(1, event_id=refused.event_id, type="webhook.answered")
    rule = next(rule for rule in answered["details"]["receipt"] if rule["rule"] == case.rule)
    told = await gateway.metric("sender", "gateway_restrictions_added_total", scope=case.scope, kind=case.kind)
    lifted = await lift_all(gateway, integration)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.lifted", seconds=30.0)

    assert (added["details"]["kind"], added["details"]["scope"]) == (case.kind, case.scope)
    assert added["details"]["cause"] == str(case.code)
    assert refused.details.get("reason") == case.reason
    assert not rule["passed"]
    assert rule["inputs"]["cause"] in (str(case.code), [str(case.code)])
    assert told >= 1
    assert [each["kind"] for each in lifted] == [case.kind]
    assert await eventually(lambda: sent(gateway, integration, after), seconds=20)


async def refused_reply(gateway: Gateway, integration: Integration, customer: str, code: str) -> Answer:
    """The first answer with this code."""

    async def refused() -> Answer | None:
        answer = await gateway.final_answer(integration, await gateway.reply(integration, customer))
        return answer if answer.result == code else None

    found = await eventually(refused, seconds=20)
    assert found is not None
    return found


async def sent(gateway: Gateway, integration: Integration, customer: str) -> bool:
    """Whether a message is sent."""
    answer = await gateway.final_answer(integration, await gateway.reply(integration, customer))
    return answer.result == "sent"


async def gauge_of(gateway: Gateway, **labels: str) -> float:
    return await gateway.metric("console", "gateway_restrictions", **labels)


async def test_refused_credentials_hold_messages_until_a_new_token_is_saved(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer, other = [await gateway.a_customer_who_wrote(integration) for _ in range(2)]
    counted = await counted_by_cause(gateway)

    async with restricted(gateway, integration, 190, "answer"):
        held = await gateway.reply(integration, customer)
        [added] = await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.added")
        stopped = await gateway.reply(integration, other)
        await eventually(lambda: at_least(gauge_of(gateway, scope="number", cause="190"), 1), seconds=40)
    path = f"/accounts/{integration.account_id}/instances/{integration.instance_id}"
    await gateway.done("PATCH", path, {"access_token": "EAA-a-new-token"})
    answer = await gateway.final_answer(integration, held, seconds=60)
    [lifted] = await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.lifted")

    assert (held.status, held.result) == (202, "pending")
    assert await counted_by_cause(gateway) == {
        **counted,
        ("pending", "credentials"): counted["pending", "credentials"] + 1,
        ("gateway_unavailable", "credentials"): counted["gateway_unavailable", "credentials"] + 1,
    }
    assert added["details"]["kind"] == "credentials"
    assert (stopped.status, stopped.result, stopped.details["unavailable"]) == (
        503,
        "gateway_unavailable",
        "credentials",
    )
    assert "Retry-After" in stopped.headers
    assert answer.result == "sent"
    assert lifted["details"]["by"] == "probe"
    assert await eventually(lambda: sent(gateway, integration, other), seconds=20)


async def counted_by_cause(gateway: Gateway) -> dict[tuple[str, str], float]:
    """The answers that the service level is about, and those that it leaves out."""
    return {
        (code, cause): await gateway.metric("ingress", "gateway_webhooks_total", code=code, cause=cause)
        for code in ("pending", "gateway_unavailable")
        for cause in ("none", "credentials")
    }


def at_least(value: Awaitable[float], least: float) -> Awaitable[bool]:
    async def reached() -> bool:
        return await value >= least

    return reached()


@pytest.mark.parametrize(
    ("begins", "ends", "kind"),
    [
        pytest.param(("account_update", "DISABLED_UPDATE"), ("account_update", "REINSTATE"), "account", id="account"),
        pytest.param(
            ("message_template_status_update", "PAUSED"),
            ("message_template_status_update", "APPROVED"),
            "template",
            id="template",
        ),
    ],
)
async def test_a_notice_of_whatsapp_restricts_every_account_of_the_business_account_and_ends_it(
    gateway: Gateway, begins: tuple[Any, str], ends: tuple[Any, str], kind: str
) -> None:
    integration = await gateway.create_integration(strict_window=False, window_template=TEMPLATE)
    await gateway.a_customer_who_wrote(integration)  # the post names the business account
    notice: dict[str, Any] = {"number": integration.number, "template": "reopen", "language": "en"}
    await known_business_account(gateway, integration)

    await gateway.whatsapp.update_account(*begins, **notice)
    [added] = await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.added")
    refused = await gateway.reply(integration, gateway.a_customer())
    await gateway.whatsapp.update_account(*ends, **notice)
    await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.lifted")

    assert added["details"]["kind"] == kind
    assert refused.result in {"policy_violation", "conversation_window_closed"}
    assert await gateway.records(account_id=integration.account_id, type="whatsapp.account_updated")


async def known_business_account(gateway: Gateway, integration: Integration) -> None:
    """Wait until the number's business account is known."""
    path = f"/accounts/{integration.account_id}/instances/{integration.instance_id}"

    async def known() -> bool:
        found = await gateway.records(account_id=integration.account_id, type="number.changed")
        return any("business_account_id" in record["details"].get("changes", {}) for record in found)

    await eventually(known, seconds=20)
    assert await gateway.done("GET", path)


async def test_a_window_that_turns_out_closed_is_answered_once_with_the_planned_template(gateway: Gateway) -> None:
    integration = await gateway.create_integration(strict_window=False, window_template=TEMPLATE)
    customer = await gateway.a_customer_who_wrote(integration)

    async with restricted(gateway, integration, 131047, "status"):
        first = await gateway.reply(integration, customer)

        async def types() -> list[str]:
            found = await gateway.whatsapp.messages(phone_number_id=integration.number)
            return [message.type for message in found]

        async def replaced() -> bool:
            return "template" in await types()

        await eventually(replaced, seconds=20)
    (replacement,) = await gateway.wait_for_records(1, account_id=integration.account_id, type="message.replaced")

    assert first.result == "sent"
    assert await types() == ["text", "template"]
    assert replacement["details"]["replaces"] == first.event_id
    assert len(await gateway.records(account_id=integration.account_id, type="message.approved")) == 1
    assert (await gateway.status(integration, first.event_id)).result == "sent"
