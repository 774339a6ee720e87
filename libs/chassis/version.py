"""`VERSION`: the release that runs, for metrics and traces."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PROJECT: Final = "whatsapp-gateway-3cx"
_RELEASE: Final = Path(__file__).parents[2] / "VERSION"
"""Written by the image's build argument VERSION."""
_PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"


def version_from(release: Path, pyproject: Path) -> str:
    """What the image was built as; else the installed package's version, else the source tree's, or `unknown`."""
    if release.is_file() and (name := release.read_text("utf-8").strip()):
        return name
    try:
        return version(_PROJECT)
    except PackageNotFoundError:
        pass
    try:
        return str(tomllib.loads(pyproject.read_text("utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"


VERSION: Final = version_from(_RELEASE, _PYPROJECT)
