"""`Deployed`: a gateway on the cluster with callers, and what every scenario proves about it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.load import Load
from tests.e2e import scenarios
from tests.e2e.ledger_check import Findings, final_answers, ledger_check
from tests.k8s.cluster.driver import ClusterGateway
from tests.k8s.cluster.figures import FIGURES, Row
from tests.k8s.cluster.traffic import Traffic, new_load, steady_traffic
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.gateway import GatewayDeployment


@dataclass(eq=False)
class Deployed:
    """A gateway whose pods are all Ready, and the accounts that send through it."""

    deployment: GatewayDeployment
    gateway: ClusterGateway
    load: Load
    """The accounts that send; each scenario of `traffic` begins with new ones, so that its check is about it alone."""
    serials: Iterator[int] = field(default_factory=itertools.count)

    @property
    def cluster(self) -> Cluster:
        """The cluster that it runs on."""
        return self.deployment.cluster

    @asynccontextmanager
    async def traffic(self, scenario: str) -> AsyncIterator[Traffic]:
        """Traffic in the block; then the ledger is checked, and the figures are kept under this name."""
        if self.load.answers:
            self.load = await new_load(self.gateway)
        started = time.monotonic()
        async with steady_traffic(self.load, self.serials) as running:
            yield running
            seconds = time.monotonic() - started
        findings = await self.check()
        figures = running.figures | {"seconds": round(seconds, 1)}
        passed = findings.holds and not running.failed
        scenarios.report(f"kubernetes: {scenario}", passed=passed, **figures, ledger=findings.figures)
        FIGURES.keep(Row.of(scenario, figures, findings.figures))
        assert findings.holds, findings.faults
        assert findings.figures["dead_letters"] == 0

    async def check(self) -> Findings:
        """The ledger check over all messages of the accounts in `load`, when no work is left."""
        answers = await final_answers(self.gateway, self.load.answers.values())
        return await ledger_check(self.gateway, self.load.integrations, answers)

    async def names(self, component: str) -> set[str]:
        """The names of a service's pods."""
        return {pod["metadata"]["name"] for pod in await self.deployment.pods(component)}

    async def values_of(self, component: str, variable: str) -> set[str]:
        """What the pods of a service have in an environment variable."""
        names = sorted(await self.names(component))
        values = (self.deployment.kubectl("exec", name, "--", "printenv", variable) for name in names)
        return {value.strip() for value in await asyncio.gather(*values)}

    async def rolled_out(self, component: str, *, seconds: float = 180.0) -> None:
        """Wait until a service's pods are the new ones, and the old ones are gone from the Service."""
        await self.deployment.kubectl("rollout", "status", f"deployment/{component}", f"--timeout={seconds:.0f}s")

    async def condition(self, kind: str, name: str, condition: str) -> dict[str, Any]:
        """A condition of an object; empty when it has none of this type."""
        found = (await self.deployment.get(kind, name))["status"].get("conditions", [])
        return next((each for each in found if each["type"] == condition), {})
