"""`growth`: how much memory a process of its own takes for a step, as Linux counts it (`VmRSS`)."""

import subprocess
import sys

_SCRIPT = """
from pathlib import Path

def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024

{before}
start = resident()
{step}
print(resident() - start)
"""


def growth(before: str, step: str) -> int:
    """Run `before`, then `step`, as Python statements; the bytes that `step` added to what is resident."""
    command = [sys.executable, "-c", _SCRIPT.format(before=before, step=step)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
