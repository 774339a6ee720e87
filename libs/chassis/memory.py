"""Returns large blocks of memory to the system as soon as they are free.

glibc's malloc keeps freed blocks of up to 32 MiB in its arenas once one such block was freed ("dynamic mmap threshold",
mallopt(3)). Each thread that makes a slow hash (`libs.store.do_not_contact`, 16 MiB for 50 ms) would hold its 16 MiB
for good.
"""

import ctypes
from contextlib import suppress
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
"""The parameter's number in glibc's malloc.h. Setting it ends the adjustment."""
LARGE: Final = 4 * 2**20
"""Bytes. Far above what messages, pages of a database and answers need, so their memory is kept for the next one."""


def return_large_blocks() -> None:
    """Have blocks of `LARGE` bytes and more mapped one by one; does nothing where the C library is another one."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
