"""The release is that of the project, in an installed package and in a source tree."""

import tomllib
from pathlib import Path

from libs.chassis.version import VERSION, version_from


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == VERSION


def test_an_image_runs_as_the_release_that_it_was_built_as(tmp_path: Path) -> None:
    release = tmp_path / "VERSION"
    release.write_text("2.3.4\n")

    assert version_from(release, tmp_path / "none") == "2.3.4"


def test_an_image_that_was_built_without_a_version_runs_as_the_projects(tmp_path: Path) -> None:
    release, project = tmp_path / "VERSION", tmp_path / "pyproject.toml"
    release.write_text("")
    project.write_text('[project]\nversion = "1.0"\n')

    assert version_from(release, project) == "1.0"
