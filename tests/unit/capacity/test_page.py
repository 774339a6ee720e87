"""The production guide shows what the model says of the runs that it knows."""

import json
import shutil
from pathlib import Path

import pytest

from tools.capacity import page
from tools.capacity.measured_times import read


def test_the_guide_has_the_table_of_the_measured_runs() -> None:
    text = page.PAGE.read_text("utf-8")

    shown = text.partition(page.BEGIN)[2].partition(page.END)[0]
    assert shown == page.table(read())


def test_a_new_measurement_is_kept_and_replaces_the_table_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = page.PAGE.read_text("utf-8")
    monkeypatch.setattr(page, "PAGE", Path(shutil.copy(page.PAGE, tmp_path)))
    measured = tmp_path / "measured.json"
    monkeypatch.setattr(page, "MEASURED", measured)

    page.keep(read() | {"day": "2027-01-31"})

    after = page.PAGE.read_text("utf-8")
    assert json.loads(measured.read_text("utf-8"))["day"] == "2027-01-31"
    assert "  Measured on 2027-01-31, " in after
    assert after.partition(page.END)[2] == before.partition(page.END)[2]
    assert after.partition(page.BEGIN)[0] == before.partition(page.BEGIN)[0]
