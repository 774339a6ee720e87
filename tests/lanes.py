"""Which lane of a parallel run gets which tests: `Lanes`, a scheduler of pytest-xdist.

A lane is a process. The rule: while there are tests of both kinds, one lane computes and the others wait, so that the
processors always have something to do, and tests with time limits run beside few that keep them busy.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

WHOLE = ("chaos", "e2e")
"""Folders whose tests share one gateway, in their order: with several lanes each of them stays in one."""
OWN_GATEWAY = "tests/chaos/own_gateway/"
"""Each file in it starts a gateway of its own, so its files need no common lane."""
WAITING = (*WHOLE, "tests/chaos/", "tests/e2e/", "tests/integration/")
"""Tests of processes: more than half of their time passes with waiting for them. The others compute."""


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # untyped library
    """Keeps a file's tests in one lane, and those of a whole folder where they share a gateway."""

    def _split_scope(self, nodeid: str) -> str:
        file, *_ = nodeid.split("::")
        if file.startswith(OWN_GATEWAY):
            return file
        if file.count("/") > 2 and file.startswith(("tests/chaos/", "tests/e2e/")):
            return file.rpartition("/")[0]  # a folder with an environment of its own
        return next((folder for folder in WHOLE if file.startswith(f"tests/{folder}/")), file)

    def _assign_work_unit(self, node: Any) -> None:
        waiting = sum(self._waits(each) for each in self.nodes if each is not node)
        waits = waiting < len(self.nodes) - 1
        chosen = next((scope for scope in self.workqueue if scope.startswith(WAITING) is waits), None)
        if chosen is not None:
            self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)

    def _waits(self, node: Any) -> bool:
        """Whether the newest that a lane was given is of tests that wait, and has not ended."""
        scope, tests = next(reversed(self.assigned_work[node].items()), ("", {}))
        return scope.startswith(WAITING) and not all(tests.values())
