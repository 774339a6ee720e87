"""How a test reads a refusal of the operators' API."""

from typing import Any

from tests.unit.console.world import World


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
