"""The caller's real address reaches the allowlist through the edge, and what a caller writes itself does not."""

from pathlib import Path

import pytest

from tests.e2e.driver import Gateway
from tests.e2e.edge.certificates import Certificates
from tests.e2e.edge.conftest import LOAD_BALANCER, TEST, another_ingress, authenticated
from tests.e2e.edge.proxies import EDGE_ADDRESS, Edge, Program, Replica

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALLOWED, STRANGER = "127.0.7.1", "127.0.8.1"
ALLOWLIST = ["127.0.7.0/24", "::1/128", "203.0.113.0/24"]


@pytest.mark.parametrize(
    ("source", "forwarded", "status"),
    [
        pytest.param(ALLOWED, [], 200, id="an allowed caller"),
        pytest.param(STRANGER, [], 401, id="a stranger"),
        pytest.param("::1", [], 200, id="an allowed IPv6 caller"),
        pytest.param(STRANGER, [ALLOWED], 401, id="a stranger names an allowed address"),
        pytest.param(STRANGER, [ALLOWED, "203.0.113.9"], 401, id="a stranger names two in two lines"),
        pytest.param(STRANGER, [f"{ALLOWED}, {EDGE_ADDRESS}"], 401, id="a stranger names the edge as a hop"),
        pytest.param(STRANGER, [f"{ALLOWED}, {LOAD_BALANCER}"], 401, id="a stranger names the load balancer as a hop"),
        pytest.param(STRANGER, ["::1"], 401, id="a stranger names an IPv6 address"),
        pytest.param(ALLOWED, [STRANGER], 200, id="an allowed caller's own header is not read"),
        pytest.param(ALLOWED, ["unknown, <script>"], 200, id="nor is it read when it is no address"),
        pytest.param(LOAD_BALANCER, ["203.0.113.9"], 200, id="a trusted load balancer names an allowed caller"),
        pytest.param(LOAD_BALANCER, ["198.51.100.1"], 401, id="a trusted load balancer names a stranger"),
        pytest.param(LOAD_BALANCER, ["203.0.113.9, 198.51.100.1"], 401, id="what the stranger told it is not read"),
        pytest.param(LOAD_BALANCER, ["198.51.100.1", "[::1]:4711"], 200, id="it names an IPv6 caller with a port"),
        pytest.param(LOAD_BALANCER, [], 401, id="the load balancer itself is not on the list"),
    ],
)
async def test_the_allowlist_checks_the_callers_own_address(
    gateway: Gateway, edge: Edge, source: str, forwarded: list[str], status: int
) -> None:
    integration = await gateway.create_integration(allowed_ips=ALLOWLIST)
    headers = authenticated(integration, *(("X-Forwarded-For", hops) for hops in forwarded))

    answer = await edge.post(integration.path, headers, TEST, source=source)

    assert answer.status == status


async def test_without_trusted_proxies_every_integration_with_an_allowlist_is_refused(
    gateway: Gateway, program: Program, certificates: Certificates, tmp_path: Path
) -> None:
    """The edge's address is then the caller's, which is on no list: closed, not open."""
    integration = await gateway.create_integration(allowed_ips=ALLOWLIST)
    unrestricted = await gateway.create_integration()
    async with (
        another_ingress(gateway.stack, GATEWAY_TRUSTED_PROXIES="") as ingress,
        Edge.before([Replica.of(ingress)] * 2, certificates, tmp_path, program) as edge,
    ):
        refused = await edge.post(integration.path, authenticated(integration), TEST, source=ALLOWED)
        forged = authenticated(integration, ("X-Forwarded-For", ALLOWED))
        still = await edge.post(integration.path, forged, TEST, source=ALLOWED)
        open_to_all = await edge.post(unrestricted.path, authenticated(unrestricted), TEST, source=ALLOWED)

    assert (refused.status, still.status, open_to_all.status) == (401, 401, 200)


async def test_a_rejection_is_recorded_with_the_callers_address(gateway: Gateway, edge: Edge) -> None:
    integration = await gateway.create_integration(allowed_ips=ALLOWLIST)

    await edge.post(integration.path, authenticated(integration, ("X-Forwarded-For", ALLOWED)), TEST, source=STRANGER)

    [record] = await gateway.wait_for_records(type="webhook.rejected", integration_id=integration.id)
    assert record["code"] == "ip_not_allowed"
    assert record["details"]["client_address"] == STRANGER
