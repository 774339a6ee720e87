"""What was shipped is read from files, and a file that cannot be read does not end a verification."""

from pathlib import Path

import orjson
import pytest

from libs.record.log_checkpoints import log_checkpoint
from libs.record.log_exports import SHIPPED
from services.console.adapters.shipped_checkpoints import ShippedCheckpointFiles, ShippedLogFiles
from tests.unit.record.chains import KEY, a_chain


@pytest.fixture
def sink(tmp_path: Path) -> Path:
    """A sink's file with two checkpoints of a chain and one of the log."""
    note = str(log_checkpoint("gateway.example/log", 5, b"r" * 32, KEY).note)
    told = [each.as_json() for each in a_chain(10).checkpoints]
    lines = [orjson.dumps(each) for each in [*told, {"kind": SHIPPED, "note": note, "at": 1}]]
    (tmp_path / "sink").write_bytes(b"\n".join(lines))
    return tmp_path / "sink"


async def test_checkpoints_of_chains_and_of_the_log_are_read_from_every_file(sink: Path) -> None:
    files = [sink.with_name("missing"), sink]

    assert [each.last for each in await ShippedCheckpointFiles(files)()] == [5, 10]
    assert [each.size for each in await ShippedLogFiles(files)()] == [5]


async def test_a_file_that_cannot_be_read_holds_none_and_the_others_count(
    sink: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sink.with_name("folder")
    folder.mkdir()

    assert [each.last for each in await ShippedCheckpointFiles([folder, sink])()] == [5, 10]
    assert [each.size for each in await ShippedLogFiles([folder, sink])()] == [5]
    assert "shipped checkpoints cannot be read" in capsys.readouterr().out + capsys.readouterr().err
