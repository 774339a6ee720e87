"""The bill of materials names all that the lock and Debian put into the image, and is always the same."""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tools.image.__main__ import missing
from tools.image.images import CHECKOUT

PYTHON = CHECKOUT / ".venv-sbom" / "bin" / "python"
pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.timeout(900),  # the first one downloads Debian, beside the build of Kubernetes
    pytest.mark.skipif(bool(missing()), reason=f"no image: {missing()}"),
]


def written(out: Path) -> Any:
    assert PYTHON.exists(), "the environment of the bill of materials is missing: run `make .venv-sbom/installed`"
    command: list[str | Path] = [PYTHON, "-W", "ignore", "-m", "tools.image.sbom", out]
    subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True)
    return json.loads(out.read_text("utf-8"))


def test_the_bill_names_the_images_packages_with_hashes_and_licences_and_is_always_the_same(tmp_path: Path) -> None:
    bill = written(tmp_path / "one.json")
    written(tmp_path / "two.json")
    packages = {each["purl"].partition("?")[0].partition("@")[0]: each for each in bill["components"]}

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert {"pkg:pypi/aio-pika", "pkg:pypi/pydantic", "pkg:deb/debian/libc6", "pkg:deb/debian/openssl"} <= set(packages)
    assert "pkg:pypi/pip" not in packages
    python = [each for purl, each in packages.items() if purl.startswith("pkg:pypi/")]
    assert [each["name"] for each in python if not each.get("hashes")] == []
    assert [each["name"] for each in bill["components"] if not each.get("licenses")] == []
    assert {"name": "Apache-2.0"} in [each["license"] for each in packages["pkg:deb/debian/openssl"]["licenses"]]
    assert find_spec("cyclonedx") is None, "the library stays out of the environment of the tests"
