"""The gateway alone and a setting take turns, and who is first changes."""

from types import SimpleNamespace
from typing import Any, cast

from bench.gateway import Measured, Site
from bench.results import FULL, Results, closed
from bench.stand import Bench, Extent
from bench.timing import Timing
from tools.stack import Stack


class Noted(Site):
    """A site that notes its turns."""

    def __init__(self, name: str, turns: list[str]) -> None:
        self.name, self.turns = name, turns

    async def closed(self, *, in_flight: int, seconds: float) -> Measured:
        self.turns.append(self.name)
        return Measured(Timing(count=10, failed=0, seconds=seconds, p50=0.1, p99=0.2), [], {})


async def test_the_gateway_and_a_setting_take_turns() -> None:
    turns: list[str] = []
    stack: Any = SimpleNamespace(processes=[], broker=None, ingress_urls=[])
    bench = Bench(cast(Stack, stack), [], Results(), Extent(rounds=3, seconds=1.0, quick=False))
    bench.site = Noted("alone", turns)

    await bench.in_turn(FULL, Noted("full", turns))

    assert turns == ["alone", "full", "full", "alone", "alone", "full"]
    assert len(bench.results.of(FULL, closed(64)).timings) == 3
