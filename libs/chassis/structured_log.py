"""structlog, imported without rich.

structlog loads rich, where it is installed, for a console that services do not write to: 4 MB in each of them. The
rule: import structlog from here.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without(package: str) -> Generator[None, None, None]:
    """While the block runs, importing `package` raises ImportError, as when it is not installed."""
    loaded = sys.modules.pop(package, None)
    sys.modules[package] = None  # type: ignore[assignment]  # the import system: None makes an import fail
    try:
        yield
    finally:
        del sys.modules[package]
        if loaded is not None:
            sys.modules[package] = loaded


with without("rich"):
    import structlog

__all__ = ["structlog", "without"]
