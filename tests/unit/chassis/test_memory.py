"""What goes back to the system, in processes of their own whose memory is read from /proc."""

import platform
import subprocess
import sys

import pytest

from libs.chassis.memory import unchanged_mappings

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


UNMAPPING = """
import hashlib
from pathlib import Path
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from libs.chassis.memory import unmap_pages_of_libraries
from libs.contracts.events import WebhookReceived

def mapped():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile"))
    return int(line.split()[1])

before = mapped()
unmap_pages_of_libraries()
print(before / mapped())
assert AESGCM(bytes(32)).decrypt(bytes(12), AESGCM(bytes(32)).encrypt(bytes(12), b"text", None), None) == b"text"
assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442")
assert WebhookReceived.model_json_schema()
"""

SMAPS = """\
1000-3000 r--p 00000000 fe:00 17 /usr/lib/libcrypto.so.3
Rss:                   8 kB
Anonymous:             0 kB
Swap:                  0 kB
3000-4000 r-xp 00002000 fe:00 17 /usr/lib/libcrypto.so.3
Anonymous:             0 kB
Swap:                  0 kB
4000-5000 r--p 00003000 fe:00 17 /usr/lib/libcrypto.so.3
Anonymous:             4 kB
Swap:                  0 kB
5000-6000 r--p 00004000 fe:00 17 /usr/lib/libcrypto.so.3
Anonymous:             0 kB
Swap:                  4 kB
6000-7000 rw-p 00005000 fe:00 17 /usr/lib/libcrypto.so.3
Anonymous:             0 kB
7000-8000 r--s 00000000 fe:00 18 /data/gateway.db-shm
Anonymous:             0 kB
8000-9000 r--p 00000000 00:00 0
Anonymous:             0 kB
9000-a000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's mappings")
def test_pages_of_libraries_are_unmapped_and_found_again() -> None:
    run = subprocess.run([sys.executable, "-c", UNMAPPING], capture_output=True, text=True, check=True)

    assert float(run.stdout) > 2


def test_only_mappings_that_their_file_restores_are_unmapped() -> None:
    assert list(unchanged_mappings(SMAPS)) == [(0x1000, 0x3000), (0x3000, 0x4000)]
