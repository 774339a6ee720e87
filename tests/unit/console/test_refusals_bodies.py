"""Bodies and queries that the operators' API refuses, with each field that is wrong and no value."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.console.refused import fields_refused, refusal_of
from tests.unit.console.world import World


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"name": "a", "name": "b"}', id="a key twice"),
        pytest.param(b'{"business_hours": {"zone": "UTC", "zone": "UTC"}}', id="a key twice, deeper"),
        pytest.param(b'{"name": NaN}', id="NaN"),
        pytest.param(b'{"name": "\xff"}', id="no UTF-8"),
        pytest.param(b'{"name": "\\ud800"}', id="half a surrogate pair"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(b'{"a":' * 100_00 + b"1" + b"}" * 100_00, id="deep nesting"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused_as_such(world: World, raw: bytes) -> None:
    refusal = await refusal_of(world, "POST", "/accounts", data=raw, headers={"Content-Type": "application/json"})

    assert refusal[:2] == (400, "invalid_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_content_type_is_refused(world: World, kind: str) -> None:
    refusal = await refusal_of(world, "POST", "/accounts", data=b"{}", headers={"Content-Type": kind})

    assert refusal[:2] == (400, "invalid_json")
    assert refusal[2]["field"] == "Content-Type"


async def test_a_compressed_body_is_not_unpacked(tmp_path: Path, world: World) -> None:
    bomb = gzip.compress(b" " * 10_000_000 + b"{}")
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    refusal = await refusal_of(world, "POST", "/accounts", data=bomb, headers=headers)

    assert refusal[:2] == (400, "invalid_json")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_a_body_over_256_kb_is_too_large(world: World, chunked: bool) -> None:  # noqa: FBT001 -- the case
    raw = json.dumps({"name": "x" * 262_144}).encode()

    async def chunks() -> Any:
        for start in range(0, len(raw), 16_384):
            yield raw[start : start + 16_384]

    refusal = await refusal_of(
        world, "POST", "/accounts", data=chunks() if chunked else raw, headers={"Content-Type": "application/json"}
    )

    assert refusal[:2] == (413, "payload_too_large")


async def test_what_is_wrong_is_told_by_field_and_never_repeated(world: World) -> None:
    account = await world.account()
    body = {
        "provider": "carrier-pigeon-value",
        "phone_number_id": "spaces are wrong-value",
        "access_token": "spaces wrong-value",
        "messages_per_second": "wrong-value",
        "surprise": "wrong-value",
    }

    response = await world.call("POST", f"/accounts/{account['id']}/instances", json=body)

    text = await response.text()
    fields = {error["field"] for error in json.loads(text)["details"]["errors"]}
    assert response.status == 422
    assert fields == body.keys()
    assert "-value" not in text


ACCOUNT = {"name": "Acme", "business_name": "Acme Clinic"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", 7),
        ("name", None),
        ("name", "two\nlines"),
        ("name", "nul\x00"),
        ("name", "x" * 201),
        ("plan", "gold"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "asia/riyadh"),
        ("default_region", "sa"),
        ("default_region", "XX"),
        ("default_region", "001"),
        ("threecx_enabled", 1),
        ("threecx_enabled", "true"),
        ("paused", None),
        ("daily_limit", 0),
        ("daily_limit", -1),
        ("daily_limit", 1.5),
        ("daily_limit", True),
        ("daily_limit", "100"),
        ("daily_limit", 10**30),
        ("retention_days", 0),
        ("id", "acc_mine"),
        ("version", 3),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_an_account_is_taken_with_usable_fields_alone(world: World, method: str, field: str, value: Any) -> None:
    account = await world.account()
    path, known = ("/accounts", ACCOUNT) if method == "POST" else (f"/accounts/{account['id']}", {})

    assert set(await fields_refused(world, path, {**known, field: value}, method)) == {field}


@pytest.mark.parametrize("speed", [0, -1, 1000.1, "80", True, None, 1e308])
async def test_a_numbers_speed_is_above_0_and_at_most_1000(world: World, speed: Any) -> None:
    account = await world.account()
    body = {"provider": "cloud_api", "phone_number_id": "1", "access_token": "a-token-of-theirs"}

    refused = await fields_refused(world, f"/accounts/{account['id']}/instances", body | {"messages_per_second": speed})

    assert set(refused) == {"messages_per_second"}


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"auth_mode": "none"}, "auth_mode"),
        ({"dialect": "klingon"}, "dialect"),
        ({"allowed_ips": ["10.0.0.0/33"]}, "allowed_ips.0"),
        ({"allowed_ips": ["203.0.113.7", "example.com"]}, "allowed_ips.1"),
        ({"allowed_ips": "203.0.113.7"}, "allowed_ips"),
        ({"allowed_ips": ["fe80::1%eth0"]}, "allowed_ips.0"),
        ({"extension_roles": {"800": "boss"}}, "extension_roles.800"),
        ({"templates": {"call_started": {"enabled": True, "text": "x"}}}, "templates.call_started.[key]"),
        ({"templates": {"missed_call": {"text": "{{ salary }}"}}}, "templates.missed_call.text"),
        ({"templates": {"missed_call": {"text": "x" * 1025}}}, "templates.missed_call.text"),
        ({"templates": {"missed_call": {"enabled": True}}}, "templates.missed_call.text"),
        ({"forward_url": "http://pbx.example.com/in"}, "forward_url"),
        ({"forward_url": "https://me:secret@pbx.example.com/in"}, "forward_url"),
        ({"forward_url": "https://127.0.0.1/in"}, "forward_url"),
        ({"forward_url": "https://169.254.169.254/latest"}, "forward_url"),
        ({"forward_url": "file:///etc/passwd"}, "forward_url"),
        ({"business_hours": {"weekly": {}}}, "business_hours.zone"),
        ({"business_hours": {"zone": "UTC", "weekly": {"funday": []}}}, "business_hours.weekly.funday.[key]"),
        (
            {"business_hours": {"zone": "UTC", "weekly": {"monday": [{"opens": "17:00", "closes": "09:00"}]}}},
            "business_hours.weekly.monday.0",
        ),
        (
            {
                "business_hours": {
                    "zone": "UTC",
                    "weekly": {
                        "monday": [{"opens": "09:00", "closes": "12:01"}, {"opens": "12:00", "closes": "17:00"}]
                    },
                }
            },
            "business_hours.weekly.monday",
        ),
        (
            {"business_hours": {"zone": "UTC", "weekly": {}, "holidays": ["2026-02-30"]}},
            "business_hours.holidays.0",
        ),
        ({"account_id": "acc_0"}, "account_id"),
        ({"instance_id": "num_0"}, "instance_id"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_an_integration_is_taken_with_usable_fields_alone(world: World, fields: dict[str, Any], at: str) -> None:
    account = await world.account()
    number = await world.number(account["id"])
    known = {"account_id": account["id"], "instance_id": number["id"]}

    assert set(await fields_refused(world, "/integrations", known | fields)) == {at}


async def test_an_integration_cannot_use_another_accounts_number(world: World) -> None:
    first, second = await world.account(), await world.account()
    number = await world.number(first["id"])
    made = await world.integration(
        account_id=second["id"], instance_id=(await world.number(second["id"], phone_number_id="2"))["id"]
    )

    of_new = await fields_refused(world, "/integrations", {"account_id": second["id"], "instance_id": number["id"]})
    of_edit = await fields_refused(world, f"/integrations/{made['id']}", {"instance_id": number["id"]}, "PATCH")

    assert set(of_new) == set(of_edit) == {"instance_id"}


async def test_an_integration_stays_with_its_account(world: World) -> None:
    made = await world.integration()

    assert set(await fields_refused(world, f"/integrations/{made['id']}", {"account_id": "acc_0"}, "PATCH")) == {
        "account_id"
    }


@pytest.mark.parametrize("overlap", [-1, 2_592_001, 1.5, "60", None])
async def test_an_overlap_is_a_whole_number_of_seconds_up_to_30_days(world: World, overlap: Any) -> None:
    made = await world.integration()

    refused = await fields_refused(world, f"/integrations/{made['id']}/rotate-secret", {"overlap_seconds": overlap})

    assert set(refused) == {"overlap_seconds"}


@pytest.mark.parametrize("phone", ["12", "anonymous", "+1 555 010 9999", "+", "٠٥"])
async def test_a_suppression_needs_a_phone_that_can_be_called(world: World, phone: str) -> None:
    account = await world.account()
    body = {"account_id": account["id"], "phone": phone, "reason": "asked us"}

    assert set(await fields_refused(world, "/suppressions", body)) == {"phone"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=1_0", "limit"),
        ("limit=ten", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("surprise=1", "surprise"),
        ("from=yesterday", "from"),
        ("from=1700000000", "from"),
        ("from=2026-11-31", "from"),
        ("from=2026-11-23T12:00:00", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=2026-13-01T00:00:00Z", "to"),
        ("account_id=%00", "account_id"),
        ("code=$where", "code"),
    ],
)
async def test_parameters_are_checked_as_strictly(world: World, query: str, field: str) -> None:
    status, code, details = await refusal_of(world, "GET", f"/events?{query}")

    assert (status, code, [error["field"] for error in details["errors"]]) == (422, "invalid_request", [field])


async def test_a_cursor_that_is_none_of_ours_is_refused(world: World) -> None:
    assert (await refusal_of(world, "GET", "/events?cursor=made-up"))[:2] == (422, "invalid_request")
