"""The release is that of the project, in an installed package and in a source tree."""

import tomllib
from pathlib import Path

from libs.chassis.version import VERSION


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == VERSION
