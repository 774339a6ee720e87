"""Lanes share a run's tests so that one computes while the others wait."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lanes import Lanes

FOLDERS = {"tests/chaos": "ab", "tests/e2e": "cd", "tests/e2e/edge": "e", "tests/integration": "fgh"}
WAITS = [f"{folder}/test_{name}.py::test_{n}" for folder, names in FOLDERS.items() for name in names for n in range(5)]
COMPUTES = [f"tests/unit/test_{name}.py::test_{n}" for name in "ijk" for n in range(5)]


@dataclass(eq=False)
class Lane:
    """A process that keeps what it is given until a test says that it did it."""

    name: str
    tests: Sequence[str]
    given: list[str] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def gateway(self) -> Any:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.given += [self.tests[index] for index in indices]

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def waits(self) -> bool:
        return self.given[-1] in WAITS


def started(tests: Sequence[str], lanes: int = 3) -> tuple[Lanes, list[Lane]]:
    config: Any = SimpleNamespace(getvalue=lambda _: [f"{lanes}*popen"], option=SimpleNamespace(loadscopereorder=False))
    scheduler = Lanes(config)
    made = [Lane(f"gw{number}", tests) for number in range(lanes)]
    for lane in made:
        scheduler.add_node(lane)
        scheduler.add_node_collection(lane, tests)
    scheduler.schedule()
    return scheduler, made


def done(scheduler: Lanes, lane: Lane, test: str) -> None:
    scheduler.mark_test_complete(lane, list(lane.tests).index(test))


@pytest.mark.parametrize("tests", [[*WAITS, *COMPUTES], [*COMPUTES, *WAITS]], ids=["first", "last"])
def test_all_lanes_but_one_wait_wherever_the_tests_stand_that_do(tests: list[str]) -> None:
    scheduler, lanes = started(tests)
    beginning = [lane.waits for lane in lanes]

    for lane in lanes[:2]:  # their folders are done, and those of the third lane are not
        for test in list(lane.given):
            done(scheduler, lane, test)

    assert beginning == [True, True, False]
    assert [lane.waits for lane in lanes] == [True, True, False]
    assert {test.rpartition("/")[0] for test in lanes[2].given} == {"tests/unit"}


@pytest.mark.parametrize("tests", [WAITS, COMPUTES])
def test_every_lane_has_work_while_there_is_some_of_one_kind(tests: list[str]) -> None:
    _, lanes = started(tests)

    assert all(lane.given for lane in lanes)


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_every_test_runs_once_and_those_that_share_a_gateway_in_one_lane(lanes: int) -> None:
    tests = [*WAITS, *COMPUTES]
    scheduler, made = started(tests, lanes)

    finished = set[str]()
    while scheduler.has_pending:
        lane, test = next((lane, each) for lane in made for each in lane.given if each not in finished)
        finished.add(test)
        done(scheduler, lane, test)

    assert sorted(test for lane in made for test in lane.given) == sorted(tests)
    for folder in ("tests/chaos", "tests/e2e"):
        assert sum(any(test.rpartition("/")[0] == folder for test in lane.given) for lane in made) == 1
