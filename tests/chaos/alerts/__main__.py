"""Runs the fault table by hand.

python -m tests.chaos.alerts run --factor 1 --part dependencies --fault "broker killed" --out var/alerts-1.jsonl
python -m tests.chaos.alerts page var/alerts-15.jsonl var/alerts-1.jsonl        # writes docs/alerts.md
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.alerts import table
from tests.chaos.alerts.catalogue import PARTS
from tests.chaos.alerts.drill import drill
from tests.chaos.alerts.world import running_world


async def run(factor: float, part: str, faults: list[str], out: Path) -> bool:
    """Run a part of the table, or some of its faults; whether every row holds."""
    holds = True
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        async with running_world(Path(folder), factor) as world:
            for group in PARTS[part]:
                chosen = [fault for fault in group if not faults or fault.name in faults]
                rows = await drill(world, *chosen) if chosen else []
                table.written(rows, out)
                sys.stdout.write("\n".join([*table.printed(rows), ""]))
                sys.stdout.flush()
                holds &= all(row.holds for row in rows)
    return holds


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.alerts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="cause faults and print their rows")
    running.add_argument("--factor", type=float, default=1.0, help="all durations are divided by it; 1: as shipped")
    running.add_argument("--part", choices=PARTS, required=True)
    running.add_argument("--fault", action="append", default=[], help="one of the part's faults; default: all")
    running.add_argument("--out", type=Path, required=True, help="a file of JSON lines, to which the rows are added")
    commands.add_parser("page", help=f"write {table.PAGE} from the rows in {table.FIGURES}")
    given = parser.parse_args()
    if given.command == "page":
        table.PAGE.write_text(table.page(table.read(table.SCALED), table.read(table.REAL)), "utf-8")
        return 0
    return 0 if asyncio.run(run(given.factor, given.part, given.fault, given.out)) else 1


if __name__ == "__main__":
    sys.exit(main())
