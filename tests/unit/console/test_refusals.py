"""Every refusal of the operators' API: its code, its shape, and what it must not say."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import unavailable
from libs.store.accounts import Registry
from services.console.domain.principals import Principal, Role
from tests.unit.console.world import ADMIN_TOKEN, PHONE, World, a_world

NOWHERE = "/integrations/int_0"


async def refusal_of(world: World, method: str, path: str, **said: Any) -> tuple[int, str, dict[str, Any]]:
    response = await world.call(method, path, **said)
    body = await response.json()
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.headers["Server"] == "gateway"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert body["success"] is False
    assert body["message"]
    return response.status, body["error"], body.get("details", {})


async def fields_refused(world: World, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, str]:
    status, code, details = await refusal_of(world, method, path, json=body)
    assert (status, code) == (422, "invalid_request")
    return {error["field"]: error["problem"] for error in details["errors"]}


# ---------------------------------------------------------------- who may call


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"Authorization": "Bearer wrong-token-of-some-length"}, id="a wrong token"),
        pytest.param({"Authorization": f"Basic {ADMIN_TOKEN}"}, id="another scheme"),
        pytest.param({"Authorization": ADMIN_TOKEN}, id="the token alone"),
        pytest.param({"Authorization": "Bearer "}, id="an empty token"),
        pytest.param({"Authorization": "Bearer tökén-ünd-mehr"}, id="a token beyond ASCII"),
    ],
)
@pytest.mark.parametrize("path", ["/accounts", "/openapi.json", "/no-such-page", "/events?limit=x"])
async def test_nobody_comes_in_without_the_token(world: World, headers: dict[str, str], path: str) -> None:
    response = await world.call("GET", path, token=None, headers=headers)

    assert response.status == 401
    assert (await response.json())["error"] == "unauthorized"
    assert response.headers["WWW-Authenticate"] == "Bearer"


CHANGES = [
    ("POST", "/accounts", "admin"),
    ("PATCH", "/accounts/{account}", "admin"),
    ("POST", "/accounts/{account}/instances", "operator"),
    ("PATCH", "/accounts/{account}/instances/{number}", "operator"),
    ("POST", "/integrations", "operator"),
    ("PATCH", "/integrations/{integration}", "operator"),
    ("POST", "/integrations/{integration}/rotate-secret", "operator"),
    ("POST", "/integrations/{integration}/rotate-path-token", "operator"),
    ("POST", "/integrations/{integration}/crm-template.xml", "operator"),
    ("POST", "/suppressions", "operator"),
    ("DELETE", "/suppressions/{suppression}", "operator"),
]
READS = [
    "/accounts/{account}",
    "/accounts/{account}/instances",
    "/accounts/{account}/instances/{number}",
    "/integrations/{integration}",
    "/suppressions/{suppression}",
]


async def everything(world: World) -> dict[str, str]:
    """An account that has one of each."""
    integration = await world.integration()
    account, number = integration["account_id"], integration["instance_id"]
    block = {"account_id": account, "phone": PHONE, "reason": "asked us"}
    suppression = await world.ok("POST", "/suppressions", block)
    return {"account": account, "number": number, "integration": integration["id"], "suppression": suppression["id"]}


async def test_an_auditor_changes_nothing(world: World) -> None:
    ids = await everything(world)
    world.tokens.held["auditor"] = Principal("ann", Role.AUDITOR)

    for method, path, role in CHANGES:
        refusal = await refusal_of(world, method, path.format(**ids), token="auditor", json={})

        assert refusal == (403, "forbidden", {"required_role": role}), (method, path)


async def test_an_operator_runs_accounts_but_does_not_make_them(world: World) -> None:
    ids = await everything(world)
    world.tokens.held["operator"] = Principal("ola", Role.OPERATOR)

    refused = [
        (method, path)
        for method, path, _ in CHANGES
        if (await world.call(method, path.format(**ids), token="operator", json={})).status == 403
    ]

    assert refused == [("POST", "/accounts"), ("PATCH", "/accounts/{account}")]


async def test_a_token_for_one_account_knows_nothing_of_another(world: World) -> None:
    ids = await everything(world)
    own = (await world.account())["id"]
    world.tokens.held["scoped"] = Principal("sam", Role.ADMIN, frozenset({own}))

    for path in READS:
        assert (await refusal_of(world, "GET", path.format(**ids), token="scoped"))[:2] == (404, "not_found"), path
    for method, path, _ in CHANGES:
        if "{" in path:
            body = {"provider": "cloud_api", "phone_number_id": "5", "access_token": "a-token-of-theirs"}
            said = body if path.endswith("/instances") else {}
            refusal = await refusal_of(world, method, path.format(**ids), token="scoped", json=said)
            assert refusal[:2] == (404, "not_found"), (method, path)
    foreign = {"account_id": ids["account"], "phone": PHONE, "reason": "asked us"}
    assert (await world.call("POST", "/suppressions", token="scoped", json=foreign)).status == 422
    foreign = {"account_id": ids["account"], "instance_id": ids["number"]}
    assert (await world.call("POST", "/integrations", token="scoped", json=foreign)).status == 422


async def test_a_token_for_one_account_lists_that_account_alone(world: World) -> None:
    ids = await everything(world)
    own = (await world.account())["id"]
    world.tokens.held["scoped"] = Principal("sam", Role.AUDITOR, frozenset({own}))

    accounts = await world.ok("GET", "/accounts", token="scoped")
    others = [await world.ok("GET", path, token="scoped") for path in ("/integrations", "/suppressions", "/events")]
    foreign = [
        await refusal_of(world, "GET", f"{path}?account_id={ids['account']}", token="scoped")
        for path in ("/integrations", "/suppressions", "/events")
    ]

    assert [item["id"] for item in accounts["items"]] == [own]
    assert [page["items"] for page in others] == [[], [], []]
    assert [refusal[:2] for refusal in foreign] == [(403, "forbidden")] * 3


async def test_a_token_for_several_accounts_names_the_one_it_means(world: World) -> None:
    ids = [(await world.account())["id"] for _ in range(3)]
    world.tokens.held["scoped"] = Principal("sam", Role.AUDITOR, frozenset(ids[:2]))

    status, _, details = await refusal_of(world, "GET", "/events", token="scoped")
    page = await world.ok("GET", "/accounts?limit=1", token="scoped")
    rest = await world.ok("GET", f"/accounts?limit=1&cursor={page['next_cursor']}", token="scoped")

    assert (status, details["errors"][0]["field"]) == (422, "account_id")
    assert sorted(ids[:2]) == [item["id"] for item in page["items"] + rest["items"]]
    assert rest["next_cursor"] is None


# ---------------------------------------------------------------- addresses and methods


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/no-such-page"),
        ("GET", "/accounts/acc_0"),
        ("PATCH", "/accounts/acc_0"),
        ("GET", "/accounts/acc_0/instances"),
        ("GET", "/accounts/acc_0/instances/num_0"),
        ("GET", NOWHERE),
        ("PATCH", NOWHERE),
        ("POST", f"{NOWHERE}/rotate-secret"),
        ("POST", f"{NOWHERE}/rotate-path-token"),
        ("POST", f"{NOWHERE}/crm-template.xml"),
        ("GET", f"{NOWHERE}/crm-template.xml"),
        ("GET", "/suppressions/sup_0"),
        ("DELETE", "/suppressions/sup_0"),
        ("GET", "/events/no-uuid"),
        ("GET", "/events/01234567-89ab-4cde-8f01-23456789abcd"),
        ("GET", f"/accounts/{'a' * 65}"),
        ("GET", "/accounts/%00"),
        ("GET", "/accounts/%D9%A1"),
        ("GET", "/accounts/..%2F..%2Fetc"),
    ],
)
async def test_what_is_not_there_is_not_found(world: World, method: str, path: str) -> None:
    assert (await refusal_of(world, method, path, json={}))[:2] == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
async def test_another_method_is_told_the_ones_there_are(world: World, method: str) -> None:
    response = await world.call(method, "/accounts")

    assert response.status == 405
    assert response.headers["Allow"] == "GET, POST"
    assert (await response.json())["error"] == "method_not_allowed"


# ---------------------------------------------------------------- bodies


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


# ---------------------------------------------------------------- outages and quarrels


class Defective:
    """A port that fails, whatever is asked of it."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure

    def __getattr__(self, _: str) -> Any:
        async def fails(*_: Any, **__: Any) -> Any:
            raise self.failure

        return fails


class Rival:
    """A registry where somebody else is always faster with an edit."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.tries = 0

    async def save(self, row: Any, events: Any, *, created: bool) -> bool:
        self.tries += not created
        return created and await self._registry.save(row, events, created=created)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(unavailable("store"), id="a store that is away"),
        pytest.param(RuntimeError(f"a defect that knows {PHONE}"), id="a defect of ours"),
    ],
)
async def test_an_outage_is_told_with_when_to_come_back_and_nothing_of_its_cause(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], failure: Exception
) -> None:
    async with a_world(tmp_path, lambda store: replace(store, registry=Defective(failure))) as world:
        response = await world.call("GET", "/accounts")

        assert response.status == 503
        assert (await response.json())["error"] == "gateway_unavailable"
        assert int(response.headers["Retry-After"]) > 0
        assert PHONE not in await response.text()
    assert PHONE not in "".join(capfd.readouterr())


async def test_who_is_never_the_faster_is_told_so(tmp_path: Path) -> None:
    async with a_world(tmp_path, lambda store: replace(store, registry=Rival(store.registry))) as world:  # type: ignore[arg-type]  # lists nothing
        account = await world.account()

        refusal = await refusal_of(world, "PATCH", f"/accounts/{account['id']}", json={"paused": True})

    assert refusal[:2] == (409, "conflict")
