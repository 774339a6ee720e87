import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.processes import end, is_alive, run, running_pid, start, start_time, wait_until

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "records" / "sleep.json"


def test_a_started_process_is_ended_by_its_record_and_by_another_process(tmp_path: Path, record: Path) -> None:
    pid = start(SLEEP, record=record, log=tmp_path / "log")
    assert running_pid(record) == pid

    script = "import sys, pathlib, tools.kubernetes.processes as p; p.end([pathlib.Path(sys.argv[1])])"
    subprocess.run([sys.executable, "-c", f"{script}", str(record)], check=False, timeout=30)
    end([record])

    assert not is_alive(pid)
    assert not record.exists()


def test_a_process_that_got_the_id_of_one_that_ended_is_left_alone(tmp_path: Path, record: Path) -> None:
    pid = start(SLEEP, record=record, log=tmp_path / "log")
    recorded = json.loads(record.read_text())
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"pid": pid, "started": recorded["started"] - 1}))

    end([before])

    assert is_alive(pid)
    end([record])


def test_a_record_that_was_written_in_part_names_no_process(record: Path) -> None:
    record.parent.mkdir()
    record.write_text('{"pid": 1, "sta')

    assert running_pid(record) is None


def test_a_name_with_brackets_and_spaces_does_not_shift_the_fields_of_a_process(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([program, "600"])

    assert is_alive(process.pid)
    assert start_time(process.pid) == int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
    process.kill()
    process.wait()


async def test_a_command_that_fails_tells_what_it_said() -> None:
    with pytest.raises(ClusterFailed, match=r"failed with 3: the reason"):
        await run("sh", "-c", "echo the reason >&2; exit 3")


async def test_a_command_gets_its_input_and_its_output_is_returned() -> None:
    assert await run("cat", stdin="text") == "text"


async def test_waiting_goes_on_while_the_look_fails_and_ends_with_what_it_said_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("the last line\n")

    async def look() -> bool:
        await asyncio.sleep(0)
        raise ClusterFailed("not there")

    with pytest.raises(ClusterFailed, match=r"(?s)A node: not within 0 s \(not there\)\..*the last line"):
        await wait_until(look, seconds=0, what="A node", log=log)
