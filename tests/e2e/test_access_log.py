"""Who reads personal data or the record is in the record, and a token looks up only so many persons an hour."""

from typing import Any

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
PER_HOUR = 60


async def a_token(gateway: Gateway, account_id: str, role: str = "auditor") -> tuple[str, str]:
    """The name in records and the secret of a new token for one account."""
    made = await gateway.done("POST", "/tokens", {"label": "Eve", "role": role, "accounts": [account_id]})
    return f"Eve ({made['id']})", str(made["token"])


async def test_reads_and_refused_attempts_are_records_without_what_was_looked_for(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    account, other = integration.account_id, (await gateway.create_integration()).account_id
    eve, token = await a_token(gateway, account)
    row = await gateway.done("POST", "/suppressions", {"account_id": account, "phone": customer, "reason": "asked"})
    (event, *_) = await gateway.wait_for_records(account_id=account, type="whatsapp.message_received")

    reads = {
        "list_events": await gateway.api("GET", "/events", token=token, account_id=account, phone=customer),
        "show_event": await gateway.api("GET", f"/events/{event['event_id']}", token=token),
        "list_suppressions": await gateway.api("GET", "/suppressions", token=token),
        "show_suppression": await gateway.api("GET", f"/suppressions/{row['id']}", token=token),
        "verify_record": await gateway.api("GET", "/audit/verify", token=token),
        "list_forwards": await gateway.api("GET", "/forwards", token=token),
    }
    refused = [
        await gateway.api("GET", "/events", token=token, account_id=other),
        await gateway.api("POST", "/suppressions", {}, token=token),
    ]

    assert {answer.status for answer in reads.values()} == {200}
    assert [answer.status for answer in refused] == [403, 403]

    async def of_each_read() -> list[dict[str, Any]]:
        """The reads on record, with those by which this asks; empty while one of hers is not."""
        recorded = await gateway.records(account_id=account, type="data.read")
        hers = {each["details"]["operation"] for each in recorded if each["actor"] == eve}
        return recorded if hers == reads.keys() else []

    recorded = await eventually(of_each_read)
    theirs = {each["details"]["operation"]: each["details"] for each in recorded if each["actor"] == eve}
    assert theirs["list_events"]["filters"] == ["account_id", "phone"]
    assert theirs["show_event"]["resource"] == event["event_id"]
    assert customer.lstrip("+") not in str(recorded)
    attempts = await gateway.wait_for_records(2, account_id=account, type="access.refused")
    assert {each["details"]["operation"] for each in attempts} == {"list_events", "create_suppression"}
    assert {each["code"] for each in attempts} == {"forbidden"}


async def test_one_look_up_too_many_is_refused_recorded_and_counted(gateway: Gateway) -> None:
    account = (await gateway.create_integration()).account_id
    _, token = await a_token(gateway, account)
    before = await gateway.metric("console", "gateway_person_lookups_total", outcome="refused")

    answers = [
        await gateway.api("GET", path, token=token, account_id=account, phone=gateway.a_customer())
        for path in ("/events", "/suppressions") * (PER_HOUR // 2)
    ]
    refused = await gateway.api("GET", "/suppressions", token=token, account_id=account, phone=gateway.a_customer())
    without = await gateway.api("GET", "/suppressions", token=token, account_id=account)

    assert {answer.status for answer in answers} == {200}
    assert (refused.status, refused.result) == (429, "too_many_requests")
    assert refused.details["limit"] == PER_HOUR
    assert 0 < int(refused.headers["Retry-After"]) <= 3_600
    assert without.status == 200
    assert await gateway.metric("console", "gateway_person_lookups_total", outcome="refused") == before + 1
    (recorded,) = await gateway.wait_for_records(account_id=account, type="access.refused")
    assert recorded["code"] == "too_many_requests"


async def test_a_customers_own_stop_is_lifted_with_a_reason_that_somebody_can_judge(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.customers_write(integration, [customer], text="STOP")
    await gateway.wait_for_records(account_id=integration.account_id, type="suppression.added")
    # One for each key of the customer; a lift of one of them covers all.
    row = (await gateway.done("GET", "/suppressions", account_id=integration.account_id))["items"][0]

    without = await gateway.api("DELETE", f"/suppressions/{row['id']}")
    short = await gateway.api("DELETE", f"/suppressions/{row['id']}", reason="asked")
    sentence = "The customer asked for it on the phone"

    assert {(answer.status, answer.result) for answer in (without, short)} == {(422, "reason_required")}

    async def lifted() -> bool:
        """In the second in which the customer asked, their word counts: 409."""
        return (await gateway.api("DELETE", f"/suppressions/{row['id']}", reason=sentence)).status == 200

    assert await eventually(lifted)
    assert (await gateway.done("GET", "/suppressions", account_id=integration.account_id))["items"] == []
