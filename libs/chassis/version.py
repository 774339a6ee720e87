"""`VERSION`: the release that runs, for metrics and traces."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_PROJECT: Final = "whatsapp-gateway-3cx"
_PYPROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"


def _version() -> str:
    """The version of the installed package, else that of the source tree; `unknown` in a copy without either."""
    try:
        return version(_PROJECT)
    except PackageNotFoundError:
        pass
    try:
        return str(tomllib.loads(_PYPROJECT.read_text("utf-8"))["project"]["version"])
    except (OSError, ValueError, KeyError):
        return "unknown"


VERSION: Final = _version()
