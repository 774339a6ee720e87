"""Returns memory to the system that a service does not need: large freed blocks, and libraries' pages after the start.

glibc's malloc keeps freed blocks of up to 32 MiB in its arenas once one such block was freed ("dynamic mmap threshold",
mallopt(3)). A thread that makes a slow hash (`libs.store.do_not_contact`, 16 MiB for 50 ms) would hold its 16 MiB
for good.

Of the 27 MB of libraries' files that are mapped once a service is imported, it uses some 10 to 20 MB afterwards; the
rest was needed to load them (docs/decisions/0080-memory-and-profiles.md).
"""

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""The parameter's number in glibc's malloc.h. Setting it ends the adjustment."""
LARGE: Final = 4 * 2**20
"""Bytes. Far above what messages, pages of a database and answers need, so their memory is kept for the next one."""
_MADV_DONTNEED: Final = 4
"""The advice's number in Linux's mman.h."""
_SMAPS: Final = Path("/proc/self/smaps")
_READ_ONLY_FILE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +/")
"""The first line of a private mapping of a file that nobody can write to (proc_pid_smaps(5))."""
_MAPPING: Final = re.compile(r"[0-9a-f]+-[0-9a-f]+ ")
_CHANGED: Final = re.compile(r"(?:Anonymous|Swap): +[1-9]")
"""A page was changed before the mapping became read-only, such as by the dynamic linker: the file cannot restore it."""


def return_large_blocks() -> None:
    """Have blocks of `LARGE` bytes and more mapped one by one; does nothing where the C library is another one."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)


def unmap_pages_of_libraries() -> None:
    """Unmap the pages of libraries' files; each page that is used again is mapped from its file again.

    They stay in the system's cache, so that this costs some microseconds for each page. Does nothing where there is no
    such list of mappings. Call it while the process has one thread.
    """
    with suppress(AttributeError, OSError):
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for start, end in unchanged_mappings(_SMAPS.read_text("utf-8", "replace")):
            madvise(start, end - start, _MADV_DONTNEED)


def unchanged_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """First address, and the address after the last, of each read-only mapping whose pages are all as in its file."""
    found: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if _MAPPING.match(line):
            if found is not None:
                yield found
            match = _READ_ONLY_FILE.match(line)
            found = (int(match[1], 16), int(match[2], 16)) if match else None
        elif _CHANGED.match(line):
            found = None
    if found is not None:
        yield found
