"""What a run has started ends with it, however it ends; and the next run waits for that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.waiting import eventually
from tools.stack.guardian import MARK, guarded, new_mark, processes_with, stop
from tools.stack.lock import AlreadyRunning, only_one

LEFT = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: time.sleep({drain}) or exit()); time.sleep(600)"
RUN = """
import subprocess, sys, time
from pathlib import Path
from tools.stack.guardian import guarded
from tools.stack.lock import only_one

folder, mark, program = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with only_one(folder) as lock, guarded(mark, folder, lock=lock):
    left = subprocess.Popen([sys.executable, "-c", program], env={"STACK_RUN": mark}, start_new_session=True)
    print(left.pid, flush=True)
    time.sleep(600)
"""


def a_run(folder: Path, mark: str, *, drain: float = 0.0) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A process with a guarded child, as `make run` is one."""
    command = [sys.executable, "-c", RUN, str(folder), mark, LEFT.format(drain=drain)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    return run, psutil.Process(int(run.stdout.readline()))


async def test_what_a_killed_run_has_started_is_stopped_and_the_next_run_waits_for_it(tmp_path: Path) -> None:
    run, child = a_run(tmp_path, new_mark()[MARK], drain=0.5)
    said: list[str] = []

    run.kill()
    run.wait()
    with only_one(tmp_path, say=said.append):
        ended = await _ended(child)

    assert ended
    assert said in ([f"Waiting until what process {run.pid} has left in {tmp_path} is stopped …"], [])


async def test_a_closed_terminal_and_ctrl_c_do_not_end_the_guardian_first(tmp_path: Path) -> None:
    mark = new_mark()[MARK]
    run, child = a_run(tmp_path, mark)
    [guardian] = [each for each in psutil.Process(run.pid).children() if each.pid != child.pid]

    assert os.getsid(guardian.pid) == guardian.pid != os.getsid(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert await eventually(lambda: _ended(child), seconds=30)


async def _ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_run_that_is_alive_is_never_waited_for(tmp_path: Path) -> None:
    run, child = a_run(tmp_path, new_mark()[MARK])
    try:
        with pytest.raises(AlreadyRunning, match=f"process {run.pid}: stop it"), only_one(tmp_path, seconds=600.0):
            pytest.fail("two hold it")
        assert child.is_running()
    finally:
        run.kill()
        run.wait()
        with only_one(tmp_path):
            pass


def test_only_processes_of_the_run_are_stopped_and_those_that_do_not_end_are_killed() -> None:
    mine, other = new_mark(), new_mark()
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    processes = [
        subprocess.Popen([sys.executable, "-c", deaf], env=mark, stdout=subprocess.PIPE) for mark in (mine, other)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    try:
        stop(lambda: processes_with(f"{MARK}={mine[MARK]}"), seconds=0.3)

        assert processes[0].wait(30) == -signal.SIGKILL
        assert processes[1].poll() is None
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_run_that_ends_by_itself_leaves_no_guardian(tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    with guarded(new_mark()[MARK], tmp_path):
        guardians = set(psutil.Process().children()) - others

    assert guardians
    assert [each for each in guardians if each.is_running()] == []
