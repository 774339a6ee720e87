"""A node is lost under traffic, with and without a word to its peers: what callers see, with and without an edge.

Half of the callers use the Service, where a lost ingress stays until the node is NotReady; the other half an edge that
tries the other ingress when no connection can be made. The broker gives the lost node's deliveries to other replicas.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from tests.chaos.load import Load
from tests.e2e import scenarios
from tests.e2e.edge.certificates import Certificates
from tests.e2e.edge.proxies import Edge, Replica
from tests.k8s.cluster.deployed import Deployed
from tests.k8s.cluster.driver import METRICS_PORTS, PodStack
from tests.k8s.cluster.figures import FIGURES, Row
from tests.k8s.cluster.traffic import Sample, Traffic, new_load, steady_traffic
from tools.kubernetes.gateway import SERVICES
from tools.kubernetes.layout import HOST_ADDRESS
from tools.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

PER_SECOND = 5.0
"""Of each half of the callers: a scenario takes two minutes, and no customer gets more messages than he may."""
MOST_PENDING_SECONDS = 10.0
"""How long after the loss a message may be asked for and still be answered `pending`."""
REPLY_SECONDS = 1.0
"""A message asked for earlier than so long before the loss has its answer, unless other work keeps the machine busy.
Then what is pending says nothing about the loss."""
IN_FLIGHT_SECONDS = 1.0
"""A request that an ingress had accepted when it was lost has no answer, whatever is in front of it."""
ELSEWHERE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Loss:
    """When a node was lost, and what followed, in seconds since."""

    at: float
    not_ready: float
    replaced: float


async def test_a_crash_of_all_processes_of_a_node_loses_nothing(deployed: Deployed, tmp_path: Path) -> None:
    await lose_a_node(deployed, tmp_path, "crash of a node", deployed.cluster.crash)


async def test_a_node_that_vanishes_without_a_word_loses_nothing(deployed: Deployed, tmp_path: Path) -> None:
    async def vanish(node: str) -> None:
        """Its link goes first, so that nobody is told of a connection that its kernel closes."""
        await deployed.cluster.cut(node)
        await deployed.cluster.crash(node)

    await lose_a_node(deployed, tmp_path, "node cut off silently", vanish)


async def lose_a_node(deployed: Deployed, folder: Path, name: str, lose: Callable[[str], Awaitable[None]]) -> None:
    """Lose a node with replicas of ingress, policy and sender; compare what both halves of the callers see."""
    node = await _victim(deployed)
    await deployed.gateway.whatsapp.configure(statuses={"enabled": False})
    deployed.load = await new_load(deployed.gateway)
    certificates = Certificates.made(folder)
    async with (
        Edge.before(await _replicas(deployed), certificates, folder, source=HOST_ADDRESS) as edge,
        _callers_of(edge, deployed.load) as load,
        steady_traffic(deployed.load, deployed.serials, per_second=PER_SECOND) as without,
        steady_traffic(load, deployed.serials, per_second=PER_SECOND) as behind,
    ):
        loss = await _lost(deployed, node, lose)
    await deployed.cluster.restore(node)
    await _all_ready(deployed)

    halves = {"Service": without, "edge": behind}
    seen = {half: _seen(traffic, loss) for half, traffic in halves.items()}
    late = [each for each in _failures(behind) if behind.began + each.at > loss.at + IN_FLIGHT_SECONDS]
    pending_for = max(each["pending_for_s"] for each in seen.values())
    decides = not any(each["pending_before"] for each in seen.values())
    passed = not late and (pending_for <= MOST_PENDING_SECONDS or not decides)
    figures: dict[str, Any] = {"not_ready_s": round(loss.not_ready, 1), "replaced_s": round(loss.replaced, 1), **seen}
    scenarios.report(f"kubernetes: {name}, callers", passed=passed, decides=decides, **figures)
    findings = await deployed.check()
    scenarios.report(f"kubernetes: {name}, ledger", passed=findings.holds, **findings.figures)
    for half, traffic in halves.items():
        took = {"seconds": round(loss.replaced, 1)}
        FIGURES.keep(Row.of(f"{name}, through the {half}", traffic.figures | took, findings.figures))
    assert findings.holds, findings.faults
    assert findings.figures["dead_letters"] == 0
    assert late == []
    assert pending_for <= MOST_PENDING_SECONDS or not decides, seen


def _failures(traffic: Traffic) -> list[Sample]:
    return [each for each in traffic.samples if each.result not in {"sent", "pending"}]


def _seen(traffic: Traffic, loss: Loss) -> dict[str, Any]:
    """What callers saw, and for how long after the loss; of those that were pending, until new pods were started.

    Starting them takes processors from everything else here, since the nodes share a machine.
    """
    failures = _failures(traffic)
    asked = {each: traffic.began + each.at - loss.at for each in traffic.samples}
    pending = [when for each, when in asked.items() if each.result == "pending"]
    return {
        "messages": len(traffic.samples),
        "failed": dict(Counter(each.result for each in failures)),
        "failed_for_s": round(max((asked[each] for each in failures), default=0.0), 1),
        "pending": len(pending),
        "pending_before": sum(when < -REPLY_SECONDS for when in pending),
        "pending_for_s": round(max((when for when in pending if 0 <= when <= loss.not_ready), default=0.0), 1),
        "slowest_s": round(max(each.seconds for each in traffic.samples if each not in failures), 1),
    }


async def _lost(deployed: Deployed, node: str, lose: Callable[[str], Awaitable[None]]) -> Loss:
    """Lose the node, and wait until its pods run elsewhere."""
    at = time.monotonic()
    await lose(node)
    await deployed.cluster.wait_for_node(node, "Ready=Unknown")
    not_ready = time.monotonic() - at
    async with asyncio.timeout(ELSEWHERE_SECONDS):
        while node in {where for service in SERVICES for where in await _nodes_of(deployed, service)}:
            await asyncio.sleep(0.5)
    await _all_ready(deployed)
    return Loss(at, not_ready, time.monotonic() - at)


async def _all_ready(deployed: Deployed) -> None:
    for service in SERVICES:
        await deployed.deployment.wait_until_all_pods_ready(service, 2)


async def _victim(deployed: Deployed) -> str:
    """The node, other than the broker's, that has a replica of ingress and the most others."""
    nodes = {service: await _nodes_of(deployed, service) for service in SERVICES}
    candidates = Counter(node for found in nodes.values() for node in set(found) if node != "node1")
    [(node, count)] = Counter({node: candidates[node] for node in nodes["ingress"] if node != "node1"}).most_common(1)
    assert count >= 3, nodes
    return node


async def _nodes_of(deployed: Deployed, service: str) -> list[str]:
    return [pod["spec"]["nodeName"] for pod in await deployed.deployment.pods(service) if "nodeName" in pod["spec"]]


async def _replicas(deployed: Deployed) -> list[Replica]:
    addresses = [pod["status"]["podIP"] for pod in await deployed.deployment.pods("ingress")]
    return [Replica(f"{address}:8080", f"{address}:{METRICS_PORTS['ingress']}") for address in addresses]


@asynccontextmanager
async def _callers_of(edge: Edge, load: Load) -> AsyncIterator[Load]:
    """The same callers, each of whose requests is a connection of its own to the edge; the answers go to one ledger."""
    stack = replace(cast("PodStack", load.gateway.stack), ingress_urls=[f"https://127.0.0.1:{edge.port}"])
    connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=edge.certificates.context())
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield replace(load, gateway=replace(load.gateway, http=http, stack=cast("Stack", stack)))
