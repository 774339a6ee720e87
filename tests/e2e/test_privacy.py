"""What the law lets one person ask for, and who may see what, on the whole gateway from outside."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libs.contracts.identity import keyed_hash
from tests.e2e.driver import Gateway, Line
from tests.e2e.ledger_check import drained
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def line(gateway: Gateway) -> AsyncIterator[Line]:
    """A line of its own, which no later check looks at: of somebody who was erased, message ids are gone."""
    opened = await gateway.open_line()
    yield opened
    gateway.lines.remove(opened)


async def somebody(gateway: Gateway, line: Line) -> str:
    """A customer with a conversation: they wrote, were answered, and the answer was read."""
    customer = await gateway.a_writer(line)
    answer = await gateway.final(line, await gateway.reply(line, customer, conversation_id="c-1"))
    assert answer.word == "sent"
    await gateway.recorded(3, event_id=answer.event_id, type="message.status_updated")
    return customer


def about(line: Line, customer: str) -> dict[str, Any]:
    return {"account_id": line.account_id, "phone": customer, "reason": "asked by letter"}


async def of(gateway: Gateway, line: Line, customer: str) -> list[dict[str, Any]]:
    return await gateway.records(account_id=line.account_id, phone=customer)


def stored(gateway: Gateway) -> bytes:
    return b"".join(path.read_bytes() for path in Path(gateway.stack.plan.data_dir).glob("gateway*.db*"))


async def test_records_are_found_by_phone_and_show_the_masked_form_alone(gateway: Gateway, line: Line) -> None:
    customer, other = await somebody(gateway, line), await somebody(gateway, line)

    mine, theirs = await of(gateway, line, customer), await of(gateway, line, other)

    assert {record["type"] for record in mine} >= {"whatsapp.message_received", "message.approved", "webhook.answered"}
    assert {record["masked_phone"] for record in mine} == {f"{customer[:5]}•••••{customer[-3:]}"}
    assert not {record["id"] for record in mine} & {record["id"] for record in theirs}
    assert customer[1:] not in str(mine)


async def test_nothing_leads_to_somebody_who_was_erased_and_the_chain_verifies_before_and_after(
    gateway: Gateway, line: Line
) -> None:
    customer, other = await somebody(gateway, line), await somebody(gateway, line)
    await drained(gateway)
    key = keyed_hash(gateway.stack.secrets["GATEWAY_HASH_KEY"].encode(), line.account_id, customer)
    (message,) = [m for m in await gateway.whatsapp.messages(phone_number_id=line.number) if m.to == customer[1:]]
    before = await gateway.done("GET", "/audit/verify", account_id=line.account_id)
    records = await of(gateway, line, customer)
    assert key.encode() in stored(gateway)

    erased = await gateway.done("POST", "/erasures", about(line, customer))

    left = stored(gateway)
    after = await gateway.done("GET", "/audit/verify", account_id=line.account_id)
    kept = await gateway.records(account_id=line.account_id, event_id=records[0]["event_id"])
    assert (before["ok"], after["ok"]) == (True, True)
    assert (erased["status"], erased["removed"]["records"]) == ("finished", len(records))
    assert [trace for trace in (key, customer, message.id) if trace.encode() in left] == []
    assert await of(gateway, line, customer) == []
    assert {record["masked_phone"] for record in kept} == {None}
    assert message.id not in str(kept)
    assert len(await of(gateway, line, other)) == len(records)
    (told,) = await gateway.recorded(account_id=line.account_id, type="subject.erased")
    assert told["details"]["pseudonyms"] == erased["pseudonyms"]
    assert customer[-4:] not in str(told["details"]["reason"])


async def test_somebody_erased_who_had_opted_out_is_not_messaged_until_they_say_so(
    gateway: Gateway, line: Line
) -> None:
    customer = await somebody(gateway, line)
    await gateway.customers_write(line, [customer], "STOP")
    await drained(gateway)
    await gateway.done("POST", "/erasures", about(line, customer))

    stopped = await gateway.reply(line, customer)
    await gateway.customers_write(line, [customer], "START")

    async def free() -> bool:
        return (await gateway.reply(line, customer)).word == "sent"

    assert (stopped.word, stopped.details["reason"]) == ("recipient_suppressed", "opt_out")
    assert await eventually(free, pause=0.2)


async def test_somebody_who_writes_again_is_somebody_new_to_the_record(gateway: Gateway, line: Line) -> None:
    customer = await somebody(gateway, line)
    await drained(gateway)
    before = {record["customer_hash"] for record in await of(gateway, line, customer)}
    await gateway.done("POST", "/erasures", about(line, customer))

    async def new() -> set[str]:
        await gateway.customers_write(line, [customer])
        return {record["customer_hash"] for record in await of(gateway, line, customer)}

    after = await eventually(new, pause=0.2)

    assert (len(before), len(after)) == (1, 1)
    assert before.isdisjoint(after)


async def test_all_that_is_held_of_somebody_is_handed_out_and_that_is_on_record(gateway: Gateway, line: Line) -> None:
    customer = await somebody(gateway, line)
    await drained(gateway)

    export = await gateway.done("POST", "/subject-exports", about(line, customer))

    (told,) = await gateway.recorded(account_id=line.account_id, type="subject.exported")
    assert export["phone"] == customer
    assert [window["number_id"] for window in export["windows"]] == [line.instance_id]
    assert [message["state"] for message in export["messages"]] == ["finished"]
    assert {r["type"] for r in export["records"]} >= {"whatsapp.message_received", "webhook.answered"}
    assert told["details"]["records"] == len(export["records"])
    assert customer[1:] not in str(told)


async def test_a_legal_hold_refuses_erasure_and_is_on_record(gateway: Gateway, line: Line) -> None:
    customer = await somebody(gateway, line)
    await gateway.done("PATCH", f"/accounts/{line.account_id}", {"legal_hold": True})

    refused = await gateway.api("POST", "/erasures", about(line, customer))

    assert (refused.status, refused.word) == (409, "conflict")
    assert await of(gateway, line, customer) != []
    changed, wish = await asyncio.gather(
        gateway.recorded(account_id=line.account_id, type="legal_hold.changed"),
        gateway.recorded(account_id=line.account_id, type="subject.erasure_refused"),
    )
    assert (changed[0]["details"]["held"], wish[0]["code"]) == (True, "legal_hold")


async def test_an_auditors_token_reads_its_account_alone_until_it_is_revoked(gateway: Gateway, line: Line) -> None:
    other = await gateway.open_line()
    made = await gateway.done(
        "POST", "/tokens", {"label": "Auditors", "role": "auditor", "accounts": [line.account_id]}
    )
    gateway.seen_secrets.add(made["token"])

    async def asked(method: str, path: str, body: Any = None, **query: Any) -> int:
        return (await gateway.api(method, path, body, token=made["token"], **query)).status

    reads = [
        await asked("GET", "/events"),
        await asked("GET", "/audit/verify"),
        await asked("GET", "/events", account_id=other.account_id),
        await asked("GET", f"/accounts/{other.account_id}"),
        await asked("PATCH", f"/accounts/{line.account_id}", {"paused": True}),
        await asked("POST", "/erasures", about(line, "+966512345678")),
    ]
    await gateway.done("DELETE", f"/tokens/{made['id']}")
    over = await asked("GET", "/events")

    assert (reads, over) == ([200, 200, 403, 404, 403, 403], 401)
    types = {"token.created", "token.revoked", "operator.rejected"}

    async def told() -> bool:
        return {record["type"] for record in await gateway.records(account_id=line.account_id)} >= types

    assert await eventually(told)
