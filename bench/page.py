"""Writes docs/performance.md from the results of one run of the benchmark."""

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

PAGE = Path("docs/performance.md")
_HEAD = """# Performance

`python -m bench --page` writes this page. **Compare ratios, never rates**: the machine may be shared, and the same
machine gives other rates an hour later. All figures are medians of one run (rounds: {rounds}), in which ceiling
and gateway take turns.

- **Ceiling**: request and reply with aio-pika alone over two hops, with quorum queues, publisher confirms, the
  services' event loop, message properties and grouped acknowledgements (`bench/ceiling.py`). It validates nothing,
  stores nothing and calls nobody.
- **Gateway**: agents' replies over HTTP, from the webhook to the answer `sent`: ingress, policy, sender, the simulator
  as WhatsApp, and the record, on {store} ({customers} customers, {integrations} integrations).
- **Open loop**: requests come at random times whether or not earlier ones are answered, and latency counts from the
  time at which a request was due.

Measured on {day}: {machine}.
"""


def write(results: Mapping[str, Any], *, rounds: int, store: str, customers: int, integrations: int) -> None:
    """Write the page. `results` is what `Results.as_json` returns."""
    text = _HEAD.format(
        rounds=rounds,
        store=store,
        customers=f"{customers:,}",
        integrations=f"{integrations:,}",
        day=datetime.now(UTC).date().isoformat(),
        machine=_machine(),
    )
    PAGE.write_text(text + "\n" + "\n".join((*_ratios(results), *_timings(results), *_costs(results))) + "\n", "utf-8")


def _machine() -> str:
    gib = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def _ratios(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Ratios", "", "| ratio | value |", "|---|---|")
    for name, value in results["ratios"].items():
        yield f"| {name} | {value:.2f} |"
    yield ""
    yield "A throughput ratio with the name of a setting compares the gateway in that setting with the gateway alone."
    yield ""


def _timings(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Rates and latencies", "", "| what | how | a second | p50 ms | p99 ms | wrong answers |")
    yield "|---|---|---|---|---|---|"
    for run in results["runs"]:
        times = f"{run['p50'] * 1000:.1f} | {run['p99'] * 1000:.1f}"
        yield f"| {run['what']} | {run['how']} | {run['rate']:.0f} | {times} | {run['failed']} |"
    yield ""


def _costs(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## CPU and memory of each process, 64 in flight", "", "| what | process | CPU ms a message | MB |")
    yield "|---|---|---|---|"
    for run in results["runs"]:
        if run["how"] == "64 in flight":
            for cost in run["costs"]:
                yield f"| {run['what']} | {cost['name']} | {cost['cpu_us'] / 1000:.2f} | {cost['rss_mb']:.0f} |"
            yield f"| {run['what']} | together | {run['cpu_us'] / 1000:.2f} | |"
