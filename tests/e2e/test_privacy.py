"""Privacy: search by phone, erasure, export, legal hold and the scope of tokens."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from libs.contracts.identity import Pseudonyms
from tests.e2e.driver import Gateway, Integration
from tests.e2e.ledger_check import wait_until_drained
from tests.e2e.waiting import eventually
from tools.stack.stored_data import stored_data

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def integration(gateway: Gateway) -> AsyncIterator[Integration]:
    """An integration that the final ledger check skips, because an erasure removes message ids."""
    opened = await gateway.create_integration()
    yield opened
    gateway.integrations.remove(opened)


async def a_person(gateway: Gateway, integration: Integration) -> str:
    """A customer who wrote, got a reply and read it."""
    customer = await gateway.a_customer_who_wrote(integration)
    answer = await gateway.final_answer(integration, await gateway.reply(integration, customer, conversation_id="c-1"))
    assert answer.result == "sent"
    await gateway.wait_for_records(3, event_id=answer.event_id, type="message.status_updated")
    return customer


def about(integration: Integration, customer: str) -> dict[str, Any]:
    return {"account_id": integration.account_id, "phone": customer, "reason": "asked by letter"}


async def of(gateway: Gateway, integration: Integration, customer: str) -> list[dict[str, Any]]:
    return await gateway.records(account_id=integration.account_id, phone=customer)


def stored(gateway: Gateway) -> bytes:
    return stored_data(gateway.stack.settings["GATEWAY_STORE_URL"]).content()


async def test_records_are_found_by_phone_and_show_the_masked_form_alone(
    gateway: Gateway, integration: Integration
) -> None:
    customer, other = await a_person(gateway, integration), await a_person(gateway, integration)

    mine, theirs = await of(gateway, integration, customer), await of(gateway, integration, other)

    assert {record["type"] for record in mine} >= {"whatsapp.message_received", "message.approved", "webhook.answered"}
    assert {record["masked_phone"] for record in mine} == {f"{customer[:5]}•••••{customer[-3:]}"}
    assert not {record["id"] for record in mine} & {record["id"] for record in theirs}
    assert customer[1:] not in str(mine)


async def test_after_an_erasure_nothing_identifies_the_person_and_the_chain_still_verifies(
    gateway: Gateway, integration: Integration
) -> None:
    customer, other = await a_person(gateway, integration), await a_person(gateway, integration)
    await wait_until_drained(gateway)
    key = Pseudonyms(gateway.stack.secrets["GATEWAY_HASH_KEY"].encode()).customer_key(integration.account_id, customer)
    (message,) = [
        m for m in await gateway.whatsapp.messages(phone_number_id=integration.number) if m.to == customer[1:]
    ]
    before = await gateway.done("GET", "/audit/verify", account_id=integration.account_id)
    records = await of(gateway, integration, customer)
    assert key.encode() in stored(gateway)

    erased = await gateway.done("POST", "/erasures", about(integration, customer))

    left = stored(gateway)
    after = await gateway.done("GET", "/audit/verify", account_id=integration.account_id)
    kept = await gateway.records(account_id=integration.account_id, event_id=records[0]["event_id"])
    assert (before["ok"], after["ok"]) == (True, True)
    assert (erased["status"], erased["removed"]["records"]) == ("finished", len(records))
    assert [trace for trace in (key, customer, message.id) if trace.encode() in left] == []
    assert await of(gateway, integration, customer) == []
    assert {record["masked_phone"] for record in kept} == {None}
    assert message.id not in str(kept)
    assert len(await of(gateway, integration, other)) == len(records)
    (recorded,) = await gateway.wait_for_records(account_id=integration.account_id, type="subject.erased")
    assert recorded["details"]["pseudonyms"] == erased["pseudonyms"]
    assert customer[-4:] not in str(recorded["details"]["reason"])


async def test_an_erased_customer_who_had_opted_out_is_not_messaged_until_they_opt_in(
    gateway: Gateway, integration: Integration
) -> None:
    customer = await a_person(gateway, integration)
    await gateway.customers_write(integration, [customer], "STOP")
    await wait_until_drained(gateway)
    await gateway.done("POST", "/erasures", about(integration, customer))

    stopped = await gateway.reply(integration, customer)

    async def free() -> bool:  # a START in the second of the erasure lifts nothing yet
        await gateway.customers_write(integration, [customer], "START")
        return (await gateway.reply(integration, customer)).result == "sent"

    assert (stopped.result, stopped.details["reason"]) == ("recipient_suppressed", "opt_out")
    assert await eventually(free, pause=0.2)


async def test_an_erased_customer_who_writes_again_is_a_new_person_in_the_record(
    gateway: Gateway, integration: Integration
) -> None:
    customer = await a_person(gateway, integration)
    await wait_until_drained(gateway)
    before = {record["customer_hash"] for record in await of(gateway, integration, customer)}
    await gateway.done("POST", "/erasures", about(integration, customer))

    async def new() -> set[str]:
        await gateway.customers_write(integration, [customer])
        return {record["customer_hash"] for record in await of(gateway, integration, customer)}

    after = await eventually(new, pause=0.2)

    assert (len(before), len(after)) == (1, 1)
    assert before.isdisjoint(after)


async def test_an_export_holds_all_data_about_a_person_and_is_recorded(
    gateway: Gateway, integration: Integration
) -> None:
    customer = await a_person(gateway, integration)
    await wait_until_drained(gateway)

    export = await gateway.done("POST", "/subject-exports", about(integration, customer))

    (recorded,) = await gateway.wait_for_records(account_id=integration.account_id, type="subject.exported")
    assert export["phone"] == customer
    assert [window["number_id"] for window in export["windows"]] == [integration.instance_id]
    assert [message["state"] for message in export["messages"]] == ["finished"]
    assert {r["type"] for r in export["records"]} >= {"whatsapp.message_received", "webhook.answered"}
    assert recorded["details"]["records"] == len(export["records"])
    assert customer[1:] not in str(recorded)


async def test_a_legal_hold_refuses_erasure_and_is_recorded(gateway: Gateway, integration: Integration) -> None:
    customer = await a_person(gateway, integration)
    await gateway.done("PATCH", f"/accounts/{integration.account_id}", {"legal_hold": True})

    refused = await gateway.api("POST", "/erasures", about(integration, customer))

    assert (refused.status, refused.result) == (409, "conflict")
    assert await of(gateway, integration, customer) != []
    changed, wish = await asyncio.gather(
        gateway.wait_for_records(account_id=integration.account_id, type="legal_hold.changed"),
        gateway.wait_for_records(account_id=integration.account_id, type="subject.erasure_refused"),
    )
    assert (changed[0]["details"]["held"], wish[0]["code"]) == (True, "legal_hold")


async def test_an_auditors_token_reads_its_own_account_until_it_is_revoked(
    gateway: Gateway, integration: Integration
) -> None:
    other = await gateway.create_integration()
    made = await gateway.done(
        "POST", "/tokens", {"label": "Auditors", "role": "auditor", "accounts": [integration.account_id]}
    )
    gateway.seen_secrets.add(made["token"])

    async def asked(method: str, path: str, body: Any = None, **query: Any) -> int:
        return (await gateway.api(method, path, body, token=made["token"], **query)).status

    reads = [
        await asked("GET", "/events"),
        await asked("GET", "/audit/verify"),
        await asked("GET", "/events", account_id=other.account_id),
        await asked("GET", f"/accounts/{other.account_id}"),
        await asked("PATCH", f"/accounts/{integration.account_id}", {"paused": True}),
        await asked("POST", "/erasures", about(integration, "+966512345678")),
    ]
    await gateway.done("DELETE", f"/tokens/{made['id']}")
    over = await asked("GET", "/events")

    assert (reads, over) == ([200, 200, 403, 404, 403, 403], 401)
    types = {"token.created", "token.revoked", "operator.rejected"}

    async def recorded() -> bool:
        return {record["type"] for record in await gateway.records(account_id=integration.account_id)} >= types

    assert await eventually(recorded)
