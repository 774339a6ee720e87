"""The operators' API: creating, editing, listing, and refusals of one form."""

from typing import Any

import pytest

from libs.contracts.errors import OperatorCode
from tests.e2e.driver import Gateway, outbound

pytestmark = pytest.mark.asyncio(loop_scope="session")

ACCOUNT = {"name": "Acme", "business_name": "Acme Clinic", "timezone": "Asia/Riyadh", "default_region": "SA"}


@pytest.mark.parametrize("token", ["", "guess", "Bearer", "x" * 5000])
async def test_a_call_without_a_valid_token_is_refused(gateway: Gateway, token: str) -> None:
    for method, path in (("GET", "/accounts"), ("POST", "/accounts"), ("GET", "/events"), ("GET", "/nowhere")):
        answer = await gateway.api(method, path, {} if method == "POST" else None, token=token)

        assert (answer.status, answer.result) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_created_objects_are_shown_listed_and_edited(gateway: Gateway) -> None:
    made = await gateway.done("POST", "/accounts", ACCOUNT | {"plan": "growth"})
    changed = await gateway.done("PATCH", f"/accounts/{made['id']}", {"daily_limit": 700})
    pages = await gateway.done("GET", "/accounts", limit=1)

    assert {name: made[name] for name in ACCOUNT} == ACCOUNT
    assert (changed["daily_limit"], changed["plan"], changed["name"]) == (700, "growth", "Acme")
    assert len(pages["items"]) == 1
    assert pages["next_cursor"]


async def test_secrets_are_shown_once_and_tokens_never(gateway: Gateway) -> None:
    integration = await gateway.create_integration(forward_url="http://127.0.0.1:9/hook")

    shown = [
        await gateway.api("GET", f"/integrations/{integration.id}"),
        await gateway.api("GET", "/integrations", account_id=integration.account_id),
        await gateway.api("PATCH", f"/integrations/{integration.id}", {"enabled": True}),
        await gateway.api("GET", f"/accounts/{integration.account_id}/instances/{integration.instance_id}"),
        await gateway.api("GET", "/events", account_id=integration.account_id),
    ]

    assert all(answer.status == 200 for answer in shown)
    assert not any(secret.encode() in answer.content for answer in shown for secret in gateway.seen_secrets)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"plan": "enterprise"}, "plan"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"default_region": "XX"}, "default_region"),
        ({"daily_limit": -1}, "daily_limit"),
        ({"daily_limit": 1.5}, "daily_limit"),
        ({"paused": "yes"}, "paused"),
        ({"surprise": 1}, "surprise"),
        ({"id": "acc_mine"}, "id"),
    ],
)
async def test_a_wrong_field_is_named(gateway: Gateway, change: dict[str, Any], field: str) -> None:
    answer = await gateway.api("POST", "/accounts", ACCOUNT | change)

    assert (answer.status, answer.result) == (422, "invalid_request")
    assert field in str(answer.details["errors"])


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", OperatorCode.NOT_FOUND),
        ("GET", "/accounts/acc_nobody", OperatorCode.NOT_FOUND),
        ("PATCH", "/integrations/int_nobody", OperatorCode.NOT_FOUND),
        ("DELETE", "/accounts", OperatorCode.METHOD_NOT_ALLOWED),
        ("GET", "/events?limit=0", OperatorCode.INVALID_REQUEST),
        ("GET", "/events?limit=201", OperatorCode.INVALID_REQUEST),
        ("GET", "/events?from=yesterday", OperatorCode.INVALID_REQUEST),
        ("GET", "/events?surprise=1", OperatorCode.INVALID_REQUEST),
    ],
)
async def test_every_refusal_has_the_same_form(gateway: Gateway, method: str, path: str, code: OperatorCode) -> None:
    answer = await gateway.api(method, path, {"enabled": True} if method == "PATCH" else None)

    assert (answer.status, answer.result) == (code.explanation.status, code.value)
    assert {"success", "error", "message"} <= set(answer.body) <= {"success", "error", "message", "details"}


async def test_one_number_belongs_to_one_account(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()
    body = {"provider": "cloud_api", "phone_number_id": integration.number, "access_token": "EAA"}

    answer = await gateway.api("POST", f"/accounts/{other.account_id}/instances", body)

    assert (answer.status, answer.result) == (409, "conflict")


async def test_every_change_is_recorded_with_its_actor(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    await gateway.done("PATCH", f"/integrations/{integration.id}", {"strict_window": False})
    await gateway.done("POST", f"/integrations/{integration.id}/rotate-secret", {"overlap_seconds": 60})
    row = await gateway.done(
        "POST",
        "/suppressions",
        {"account_id": integration.account_id, "phone": gateway.a_customer(), "reason": "asked"},
    )
    await gateway.done("DELETE", f"/suppressions/{row['id']}")

    types = {"account.changed", "number.changed", "integration.changed", "integration.secret_rotated"}
    types |= {"suppression.added", "suppression.lifted"}
    for type_ in types:
        found = await gateway.wait_for_records(account_id=integration.account_id, type=type_)
        assert all(record["actor"] for record in found), type_
    assert row["masked_phone"].startswith("+966")
    assert "•" in row["masked_phone"]


async def test_the_record_is_filtered_and_paged(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()
    for n in range(7):
        await gateway.post(integration, outbound(gateway.a_customer()) if n % 2 else {"event_type": "test"})
    await gateway.post(other, {"event_type": "test"})
    await gateway.wait_for_records(7, account_id=integration.account_id, type="webhook.answered")

    seen: list[str] = []
    page = await gateway.done("GET", "/events", account_id=integration.account_id, type="webhook.answered", limit=3)
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query = {
            "account_id": integration.account_id,
            "type": "webhook.answered",
            "limit": 3,
            "cursor": page["next_cursor"],
        }
        page = await gateway.done("GET", "/events", **query)
    refused = await gateway.records(integration_id=integration.id, code="conversation_window_closed")
    times = [record["at"] for record in await gateway.records(account_id=integration.account_id)]

    assert len(seen) == len(set(seen)) == 7
    assert len(refused) == 3
    assert times == sorted(times, reverse=True)


async def test_the_openapi_document_names_every_call(gateway: Gateway) -> None:
    document = await gateway.done("GET", "/openapi.json")

    paths = set(document["paths"])
    assert document["openapi"].startswith("3.")
    assert any(path.endswith("/integrations/{integration_id}/rotate-secret") for path in paths)
    assert all("responses" in call for calls in document["paths"].values() for call in calls.values())
