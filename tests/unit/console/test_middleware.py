"""Calls of the operators' API are spans under their route, and only what the console could not do is an error."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from libs.chassis.span_attributes import ERROR_TYPE, METHOD, ROUTE, STATUS
from tests.unit.chassis.collected_spans import Spans, collected_spans
from tests.unit.console.world import World, a_world


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as made:
        yield made


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def test_a_call_is_a_span_of_its_route_without_ids(spans: Spans, world: World) -> None:
    account = await world.account()

    await world.call("GET", f"/accounts/{account['id']}")

    made = spans.named("GET /api/v1/accounts/{account_id}")
    assert made.kind is SpanKind.SERVER
    assert spans.attributes(made.name) == {METHOD: "GET", ROUTE: "/api/v1/accounts/{account_id}", STATUS: 200}
    assert account["id"] not in str(made.to_json())


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/accounts", "wrong", 401), ("/nowhere/+966501234567", None, 404)],
    ids=["a wrong token", "an unknown path"],
)
async def test_a_refusal_is_no_error(spans: Spans, world: World, path: str, token: str | None, status: int) -> None:
    answer = await (world.call("GET", path) if token is None else world.call("GET", path, token=token))

    assert answer.status == status
    assert {each.status.status_code for each in spans.all} == {StatusCode.UNSET}
    assert "966501234567" not in "".join(each.to_json() for each in spans.all)


async def test_a_store_that_is_away_is_an_error(spans: Spans, world: World) -> None:
    await world.store.close()

    answer = await world.call("GET", "/accounts")

    assert answer.status == 503
    assert spans.attributes("GET /api/v1/accounts") == {
        METHOD: "GET",
        ROUTE: "/api/v1/accounts",
        STATUS: 503,
        ERROR_TYPE: "503",
    }
