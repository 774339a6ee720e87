"""Every refusal of the operators' API: its code, its shape, and what it must not say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import unavailable
from libs.store.accounts import Registry
from services.console.domain.principals import Principal, Role
from tests.unit.console.refused import refusal_of
from tests.unit.console.world import ADMIN_TOKEN, PHONE, World, a_world

NOWHERE = "/integrations/int_0"


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
