"""Reads providers' large posts, in a process of its own: `python -m services.ingress.adapters.reading`.

It takes posts from its standard input and writes what they hold to its standard output, one post after the other. It
ends with its parent, whose end closes the input. Nobody else writes to it: what it unpickles is ingress's own.
"""

import gc
import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from libs.providers.inbound import Inbound, InboundEvent

LENGTH: Final = struct.Struct(">Q")
"""Stands before each frame: its length in bytes."""
EVENTS_OF_A_FRAME: Final = 8
"""To unpickle so many takes 0.1 ms."""
MEMORY: Final = 256 * 1024 * 1024
"""Bytes of data that the process may have; a post of 4 MB takes 130 MB."""
CPU_SECONDS: Final = 30.0
"""For one post, of which 4 MB take 1.5 s."""
NICENESS: Final = 15
"""Requests of callers come first where processors are short: beside one busy process, this one has a thirtieth of a
processor, and still reads a post of 4 MB within the minute that ingress waits for it."""
FAILED: Final = 70
"""The exit status after an error of a reader (EX_SOFTWARE of sysexits.h)."""


def frames_of(inbound: Inbound) -> Iterator[bytes]:
    """The frames of what a post holds: everything but its events, and then those, a few in each."""
    events = inbound.events
    rest = Inbound((), inbound.skipped, inbound.fields, inbound.unreadable)
    yield pickle.dumps((len(events), rest), pickle.HIGHEST_PROTOCOL)
    for start in range(0, len(events), EVENTS_OF_A_FRAME):
        yield pickle.dumps(events[start : start + EVENTS_OF_A_FRAME], pickle.HIGHEST_PROTOCOL)


def events_in(frame: bytes) -> Sequence[InboundEvent]:
    """The events of one of those frames."""
    return pickle.loads(frame)  # type: ignore[no-any-return]  # noqa: S301 -- of ingress's own process


def count_and_rest_in(frame: bytes) -> tuple[int, Inbound]:
    """The number of a post's events, and everything else of it, of the first frame."""
    return pickle.loads(frame)  # type: ignore[no-any-return]  # noqa: S301 -- of ingress's own process


def _serve(posts: IO[bytes], answers: IO[bytes]) -> None:
    """Read posts until there are no more."""
    while len(head := posts.read(LENGTH.size)) == LENGTH.size:
        source, request = pickle.loads(posts.read(*LENGTH.unpack(head)))  # noqa: S301 -- of ingress itself
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # its signal ends the process
        for frame in frames_of(source.parse(request)):
            answers.write(LENGTH.pack(len(frame)) + frame)
        answers.flush()
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold texts
    os.nice(NICENESS)
    with suppress(OSError):  # where Linux divides processors among sessions, niceness counts within one alone
        Path("/proc/self/autogroup").write_text(f"{NICENESS}", "utf-8")
    gc.disable()  # what a post is read into has no cycles
    with suppress(OSError):  # where memory is short, this process goes before ingress
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")


def main() -> int:
    """Serve until the parent closes the input; an error ends the process without a word, as it may quote a text."""
    _limit()
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer)
    except Exception:  # noqa: BLE001 -- told by the exit status
        return FAILED
    return 0


if __name__ == "__main__":
    os._exit(main())  # nothing is left to flush, and a closed output is no error
