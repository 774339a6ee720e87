"""Writes docs/performance.md from the results of one run of the benchmark."""

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from bench.profile_page import section_in, with_section
from bench.results import CEILING, FASTSTREAM, GATEWAY, MANY, closed
from bench.targets import INTEGRATIONS, MANY_CUSTOMERS
from tools.stack.stack import SERVICES

PAGE: Final = Path("docs/performance.md")
MOST_MB: Final = 120
"""The most memory that a service may take, also in bursts."""
_HEAD: Final = """# Performance

`make bench` writes this page. **Compare ratios, never rates**: the machine may be shared, and the same
machine gives other rates an hour later. All figures are medians of one run (rounds: {rounds}), in which ceiling
and gateway take turns, and so do the gateway in each other setting and the gateway alone ("gateway, in turn").

- **Ceiling**: request and reply with aio-pika alone over two hops, with quorum queues, publisher confirms, the
  services' event loop, message properties and grouped acknowledgements (`bench/ceiling.py`). It validates nothing,
  stores nothing and calls nobody.
- **Gateway**: agents' replies over HTTP, from the webhook to the answer `sent`: ingress, policy, sender, the simulator
  as WhatsApp, and the record, on SQLite ({customers} customers, {integrations} integrations).
- **FastStream**: the same path as its documentation shows it, on its defaults (`bench/faststream_app.py`): HTTP, two
  services behind request and reply, the simulator as WhatsApp. Its queues do not survive the broker and its messages
  are not persistent; it keeps no store, checks no limit and no opt-out, may send twice, and records nothing.
- **Open loop**: requests come at random times whether or not earlier ones are answered, and latency counts from the
  time at which a request was due, so a pause hides nothing (coordinated omission). The share is of the throughput with
  64 in flight in the same run.
- **10,000 integrations**: a second gateway beside, whose store has so many more. Then **1,000,000 conversations**
  besides, and last the **full store**: 1,000,000 records as well.
- **Accounts with do-not-contact entries**: an erasure has left an opt-out in each account, so each customer's first
  message costs policy and sender a slow hash each ("first message to each customer"); later ones find it in memory.
  They are accounts of the gateway that is measured alone, after its last round.
- **On MongoDB**: the gateway on the server that `GATEWAY_TEST_STORE_URL` names, when one is named.

Jasmin (PyPI `jasmin`), whose HTTP API also feeds AMQP, is not measured: {jasmin}

Measured on {day}: {machine}.
"""


def write(results: Mapping[str, Any], *, rounds: int, jasmin: str) -> None:
    """Write the page. `results` is what `Results.as_json` returns; `jasmin` says why it has no row."""
    text = _HEAD.format(
        rounds=rounds,
        customers=f"{MANY_CUSTOMERS.count:,}",
        integrations=f"{INTEGRATIONS:,}",
        jasmin=jasmin,
        day=datetime.now(UTC).date().isoformat(),
        machine=_machine(),
    )
    parts = (*_ratios(results), *_left_out(results), *_timings(results), *_costs(results), *_memory(results))
    kept = section_in(PAGE.read_text("utf-8")) if PAGE.exists() else ""
    PAGE.write_text(with_section(text + "\n" + "\n".join(parts), kept), "utf-8")


def _machine() -> str:
    gib = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores ({_processor()}), {gib:.0f} GiB, {system}, Python {platform.python_version()}"


def _processor() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _ratios(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Ratios", "", "| ratio | value |", "|---|---|")
    for name, value in results["ratios"].items():
        yield f"| {name} | {value:.2f} |"
    yield ""
    yield "A throughput ratio with the name of a setting compares the gateway in that setting with the gateway alone."
    yield f"It is the median of the ratios of rounds, in each of which both were measured in turn, {closed(MANY)}."
    yield ""


def _left_out(results: Mapping[str, Any]) -> Iterator[str]:
    for line in results["left_out"]:
        yield f"- Not in this run: {line}"
    if results["left_out"]:
        yield ""


def _timings(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Rates and latencies", "", "| what | how | a second | p50 ms | p99 ms | wrong answers |")
    yield "|---|---|---|---|---|---|"
    beside = {(run["what"], run["how"]): run for run in results["beside"]}
    for run in results["runs"]:
        yield _timing(run["what"], run)
        if alone := beside.get((run["what"], run["how"])):
            yield _timing(f"{GATEWAY}, in turn", alone)
    yield ""


def _timing(what: str, run: Mapping[str, Any]) -> str:
    times = f"{run['p50'] * 1000:.1f} | {run['p99'] * 1000:.1f}"
    return f"| {what} | {run['how']} | {run['rate']:.0f} | {times} | {run['failed']} |"


def _costs(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## CPU of each process, 64 in flight", "", "| what | process | CPU ms a message |", "|---|---|---|")
    for run in results["runs"]:
        if run["how"] == closed(MANY):
            for cost in run["costs"]:
                yield f"| {run['what']} | {cost['name']} | {cost['cpu_us'] / 1000:.2f} |"
            yield f"| {run['what']} | together | {run['cpu_us'] / 1000:.2f} |"
    yield ""


def _memory(results: Mapping[str, Any]) -> Iterator[str]:
    yield from ("## Memory", "", "The most that each process held from its start on, through all runs of its rows")
    yield "(those of the gateway and of the full store have 512 in flight), as Linux counts it (`VmHWM`): with the"
    yield "pages of libraries' files, which all services on a machine share. Its own memory is without the pages of"
    yield f"files that it had at the end. A service is to stay below {MOST_MB} MB, with these pages."
    yield from ("", "| what | process | MB | its own, MB |", "|---|---|---|---|")
    for what, processes in results["peak_mb"].items():
        for name, most in processes.items():
            if what not in {CEILING, FASTSTREAM} or name != "rabbitmq":
                yield f"| {what} | {name} | {most:.0f} | {results['own_peak_mb'][what][name]:.0f} |"


def services_above(results: Mapping[str, Any]) -> list[str]:
    """The services of the gateway that held more memory than they are to, in any setting."""
    return [
        f"{name}, {what}: {most:.0f} MB"
        for what, processes in results["peak_mb"].items()
        for name, most in processes.items()
        if what not in {CEILING, FASTSTREAM} and name.startswith(SERVICES) and most > MOST_MB
    ]
