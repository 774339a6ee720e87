"""`Prometheus`: a server of its own that scrapes a stack by the shipped configuration and rules, scaled by a factor."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.chaos.alerts.scaling import scaled_configuration, scaled_rules, seconds_of
from tests.e2e.waiting import eventually
from tools.stack.ports import free_port

SHIPPED = Path("deploy/prometheus")
FIND_PROMETHEUS, FIND_PROMTOOL = Path("tools/find-prometheus"), Path("tools/find-promtool")


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires, or waits for its `for`."""

    name: str
    labels: Mapping[str, str]
    firing: bool

    @property
    def severity(self) -> str:
        """`page` or `ticket`."""
        return self.labels.get("severity", "")


@dataclass(eq=False)
class Prometheus:
    """A running server."""

    url: str
    factor: float
    interval: float
    """Seconds between two scrapes, and between two evaluations."""
    http: aiohttp.ClientSession = field(repr=False)
    configuration: Path
    """The file that it was started with."""
    server: subprocess.Popen[bytes] = field(repr=False)

    async def also_scrape(self, service: str, target: str) -> None:
        """Scrape one more process of a service, `host:port`, from now on; returns when it has answered."""
        configuration = yaml.safe_load(self.configuration.read_text("utf-8"))
        groups = [group for job in configuration["scrape_configs"] for group in job["static_configs"]]
        [group] = [group for group in groups if group.get("labels", {}).get("service") == service]
        group["targets"].append(target)
        self.configuration.write_text(yaml.safe_dump(configuration, sort_keys=False), "utf-8")
        self.server.send_signal(signal.SIGHUP)
        await eventually(lambda: self._answers(target), seconds=60.0 + 3 * self.interval, pause=0.2)

    async def _answers(self, target: str) -> bool:
        targets = (await self._call("targets"))["activeTargets"]
        return any(target in each["scrapeUrl"] and each["health"] == "up" for each in targets)

    async def alerts(self) -> list[Alert]:
        """The alerts that fire or are pending."""
        found = await self._call("alerts")
        return [
            Alert(each["labels"]["alertname"], each["labels"], each["state"] == "firing") for each in found["alerts"]
        ]

    async def query_range(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The series of an expression that had a value between two Unix times."""
        step = max(self.interval, (end - start) / 500)
        found = await self._call("query_range", query=expression, start=f"{start}", end=f"{end}", step=f"{step}")
        return list(found["result"])

    async def targets_down(self) -> list[str]:
        """The targets whose last scrape failed or that were not scraped yet."""
        targets = (await self._call("targets"))["activeTargets"]
        return [each["scrapeUrl"] for each in targets if each["health"] != "up"]

    async def _call(self, call: str, **query: str) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/api/v1/{call}", params=query) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{call} {query}: {body}"
        return dict(body["data"])


@asynccontextmanager
async def running_prometheus(
    folder: Path, targets: Mapping[str, Mapping[str, Sequence[str]]], factor: float
) -> AsyncIterator[Prometheus]:
    """A server that scrapes `targets`: `host:port` by job and by the label `service` of the shipped target."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = _write_configuration(folder, targets, factor)
    port = free_port()
    server = await asyncio.to_thread(_start, folder, port)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
            interval = seconds_of(configuration["global"]["scrape_interval"])
            url = f"http://127.0.0.1:{port}"
            prometheus = Prometheus(url, factor, interval, http, folder / "prometheus.yml", server)
            await eventually(lambda: _is_ready(prometheus), seconds=60.0, pause=0.1)
            await eventually(lambda: _all_scraped(prometheus), seconds=60.0 + 3 * interval, pause=0.2)
            yield prometheus
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait)


@cache
def promtool() -> Path:
    """The program that checks rules and queries a server."""
    return _found(FIND_PROMTOOL)


def _found(finder: Path) -> Path:
    done = subprocess.run([finder.resolve()], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    with (folder / "prometheus.log").open("wb") as log:
        return subprocess.Popen(
            [
                _found(FIND_PROMETHEUS),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
                "--enable-feature=exemplar-storage",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _write_configuration(
    folder: Path, targets: Mapping[str, Mapping[str, Sequence[str]]], factor: float
) -> dict[str, Any]:
    """Write the shipped files, scaled and with these targets, and return the configuration."""
    shipped = yaml.safe_load((SHIPPED / "prometheus.yml").read_text("utf-8"))
    configuration = scaled_configuration(shipped, factor)
    for job in configuration["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = list(targets[job["job_name"]][group.get("labels", {}).get("service", "")])
    for path in (path for pattern in configuration["rule_files"] for path in SHIPPED.glob(pattern)):
        rules, copy = yaml.safe_load(path.read_text("utf-8")), folder / path.relative_to(SHIPPED)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(yaml.safe_dump(scaled_rules(rules, factor), sort_keys=False), "utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration, sort_keys=False), "utf-8")
    shutil.rmtree(folder / "data", ignore_errors=True)
    return configuration


async def _is_ready(prometheus: Prometheus) -> bool:
    try:
        async with prometheus.http.get(f"{prometheus.url}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _all_scraped(prometheus: Prometheus) -> bool:
    return not await prometheus.targets_down()
