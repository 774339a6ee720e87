"""Large blocks go back to the system, in a process of its own whose memory is read from /proc."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from libs.chassis.memory import return_large_blocks
from libs.store.do_not_contact import scrypt

def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024

if sys.argv[1] == "returned":
    return_large_blocks()
before = resident()
with ThreadPoolExecutor(2) as threads:
    list(threads.map(lambda each: scrypt(b"%d" % each), range(8)))
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library returns memory by rules of its own")
def test_the_memory_of_slow_hashes_is_returned() -> None:
    def megabytes(how: str) -> int:
        run = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert megabytes("returned") < 8 <= megabytes("kept")
