"""The sentences that the policy's data is tested with, read from the files beside this one."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def corpus(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def digest_of(document: Any) -> str:
    """A digest of what a data file says, blind to its comments and layout."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
