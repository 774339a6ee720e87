"""Text from outside, made safe to store: control characters are removed."""

import re
from typing import Final

# C0 and C1 controls except tab, line feed and carriage return: databases, terminals and PDF reject them.
CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def without_controls(text: str) -> str:
    """Remove control characters; tabs and line breaks stay."""
    return CONTROLS.sub("", text) if not text.isprintable() else text
