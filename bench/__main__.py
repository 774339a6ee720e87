"""`make bench`: measures the ceiling and the gateway in turn on one broker, prints their ratios, and writes the page.

Compare ratios of one run only: the machine may be shared, so absolute numbers vary.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path

import uvloop

from bench import alternatives, page, variants
from bench.results import GATEWAY, Results
from bench.stand import Bench, Extent, stack_under_load
from tools.capacity import page as capacity_page


async def run(extent: Extent) -> Results:
    """Measure, and print each measurement."""
    results = Results()
    async with stack_under_load(results, extent) as bench:
        for _ in range(extent.rounds):
            await bench.round_with_ceiling()
            if not extent.quick:
                await bench.open_loops(GATEWAY)
                await _faststream(bench, results)
        if not extent.quick:
            await variants.measure(bench, results, extent)
    return results


async def _faststream(bench: Bench, results: Results) -> None:
    if alternatives.faststream_is_installed():
        await bench.faststream()
    else:
        results.leave_out("FastStream, which `make bench` installs into .venv-bench where it can")


def main() -> None:
    """Parse the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds of each measurement")
    parser.add_argument("--quick", action="store_true", help="ceiling and gateway with callers that wait, no more")
    parser.add_argument("--json", type=Path, help="write all medians to this file")
    parser.add_argument(
        "--page", action="store_true", help=f"write {page.PAGE}, and keep the results for tools.capacity"
    )
    flags = parser.parse_args()
    extent = Extent(rounds=flags.rounds, seconds=flags.seconds, quick=flags.quick)
    start = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(run(extent)).as_json()
    for name, value in results["ratios"].items():
        print(f"{name:<52} {value:.2f}")
    for line in page.services_above(results):
        print(f"more than {page.MOST_MB} MB: {line}")
    print(f"took {time.monotonic() - start:.0f} s")
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if flags.page:
        page.write(results, rounds=extent.rounds, jasmin=alternatives.WHY_NO_JASMIN)
        capacity_page.keep(results)


if __name__ == "__main__":
    main()
