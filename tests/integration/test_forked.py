"""A program that is forked ends as one that `python -m` starts: its code, its words, its arguments, its signals."""

import os
import signal
from pathlib import Path

from tests.integration.forked import Forked


async def test_it_says_and_answers_what_the_program_does(tmp_path: Path) -> None:
    good, bad, said = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "said"
    good.write_text('{"a": [1]}')
    bad.write_text("{")

    codes = [
        await (await Forked.start("json.tool", "--compact", str(each), environ={}, output=said)).wait()
        for each in (good, bad)
    ]

    assert codes == [0, 1]
    assert said.read_text().startswith('{"a":[1]}\nExpecting property name')


async def test_it_has_its_own_session_and_a_signal_is_its_code() -> None:
    process = await Forked.start("http.server", "0", "--bind", "127.0.0.1", environ={"TZ": "UTC"})
    session = os.getsid(process.pid)

    process.kill()

    assert session == process.pid
    assert await process.wait() == -signal.SIGKILL
