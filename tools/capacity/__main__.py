"""`python -m tools.capacity`: how many replicas a rate of messages needs.

python -m tools.capacity --rate 300 --p99 0.5     replicas, cores and the latency to expect
python -m tools.capacity --check                  the model against the measured runs of one and two replicas
"""

import argparse
import sys
from pathlib import Path

from tools.capacity.comparison import compare
from tools.capacity.measured_times import MEASURED, read, service_times
from tools.capacity.sizes import OutOfReachError, Sizing, size


def _print_sizing(found: Sizing, rate: float) -> None:
    deployment, outcome = found.deployment, found.outcome
    for name, count in deployment.replicas.items():
        print(f"  {name:<9} {count:3} replicas   {outcome.busy[name]:4.0%} busy without the spare ones")
    print(f"  {'rabbitmq':<9} {deployment.broker:3} cores on each node   {outcome.busy['rabbitmq']:4.0%} busy")
    p50, p99 = outcome.percentile(0.5) * 1000, outcome.percentile(0.99) * 1000
    print(f"  p50 {p50:.0f} ms, p99 {p99:.0f} ms at {rate:g} messages a second, with no replica to spare")


def main() -> int:
    """Parse the flags, answer, and return the exit code: 1 when no number of replicas is enough."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.capacity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second in the busiest minute")
    parser.add_argument("--p99", type=float, default=2.0, help="seconds that 99 of 100 answers may take")
    parser.add_argument("--whatsapp", type=float, default=0.3, help="seconds that WhatsApp takes for an answer")
    parser.add_argument("--spare", type=int, default=1, help="replicas of each service that may be away")
    parser.add_argument("--measured", type=Path, default=MEASURED, help="results of python -m bench --json FILE")
    parser.add_argument("--check", action="store_true", help="compare the model with the measured runs")
    flags = parser.parse_args()
    results = read(flags.measured)
    if flags.check:
        for line in compare(results):
            print(line.text)
        return 0
    try:
        found = size(service_times(results), rate=flags.rate, p99=flags.p99, whatsapp=flags.whatsapp, spare=flags.spare)
    except OutOfReachError as error:
        print(f"No number of replicas is enough: {error}.", file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    _print_sizing(found, flags.rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
