"""The pinned tz database decides, whatever the system has."""

import importlib.metadata
import os
import subprocess
import sys
import zoneinfo
from pathlib import Path

from libs.contracts.time_zones import TZ_DATABASE, use_pinned_time_zones

ZONE = "Asia/Riyadh"
ASK = """
import zoneinfo
from datetime import datetime
{first}
print(datetime(2025, 7, 1, tzinfo=zoneinfo.ZoneInfo("Asia/Riyadh")).utcoffset())
"""
PINNED = "from libs.contracts.time_zones import use_pinned_time_zones; use_pinned_time_zones()"


def offset(folder: Path, first: str) -> str:
    """What a process says whose system has another offset for Riyadh."""
    environ = os.environ | {"PYTHONTZPATH": str(folder)}
    command = [sys.executable, "-c", ASK.format(first=first)]
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout.strip()


def test_the_systems_database_does_not_count_once_the_package_is_chosen(tmp_path: Path) -> None:
    other = tmp_path / ZONE
    other.parent.mkdir()
    tokyo = Path(str(importlib.metadata.distribution("tzdata").locate_file("tzdata/zoneinfo/Asia/Tokyo")))
    other.write_bytes(tokyo.read_bytes())

    assert offset(tmp_path, "") == "9:00:00"
    assert offset(tmp_path, PINNED) == "3:00:00"


def test_a_zone_that_was_read_before_is_read_again() -> None:
    before = zoneinfo.ZoneInfo(ZONE)

    use_pinned_time_zones()

    assert zoneinfo.ZoneInfo(ZONE) is not before
    assert zoneinfo.TZPATH == ()


def test_the_version_is_the_one_of_the_pinned_package() -> None:
    pinned = next(
        line for line in Path("requirements.txt").read_text("utf-8").splitlines() if line.startswith("tzdata==")
    )
    year, release = pinned.removeprefix("tzdata==").split()[0].split(".")[:2]

    assert f"{year}{chr(ord('a') + int(release) - 1)}" == TZ_DATABASE
