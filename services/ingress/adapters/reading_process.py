"""`ReadingProcess`: a process beside ingress that reads providers' large posts.

Reading a post of 4 MB takes a second. A thread would hold the interpreter's lock for up to 0.15 s of it at a time (the
JSON parser and the garbage collector do not let go of it), and the event loop with it. The process starts with the
first large post, and again after it has ended; it ends with ingress.
"""

import asyncio
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Self, overload

from multidict import CIMultiDict

from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode, GatewayError
from libs.providers.inbound import Inbound, InboundEvent, Skip, UnreadablePost, WebhookRequest, WebhookSource
from services.ingress.adapters.reading import EVENTS_OF_A_FRAME, LENGTH, count_and_rest_in, events_in

log = logger(__name__)
PROGRAM: Final = (sys.executable, "-m", "services.ingress.adapters.reading")
SECONDS: Final = 60.0
"""For one post, with the start of the process. Then the provider is told to repeat it."""
TRIES: Final = 2
"""A post that has ended the process this often is kept as unreadable: what ended it once may have been the machine."""


@dataclass(frozen=True, slots=True)
class PickledEvents(Sequence[InboundEvent]):
    """The events of a large post, of which only those that are asked for are unpickled."""

    length: int
    frames: tuple[bytes, ...] = field(repr=False)

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> InboundEvent: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[InboundEvent]: ...
    def __getitem__(self, index: int | slice) -> InboundEvent | Sequence[InboundEvent]:
        if isinstance(index, slice):
            wanted = range(self.length)[index]
            first, last = min(wanted, default=0), max(wanted, default=-1)
            frames = self.frames[first // EVENTS_OF_A_FRAME : last // EVENTS_OF_A_FRAME + 1]
            found = [event for frame in frames for event in events_in(frame)]
            return tuple(found[each - first // EVENTS_OF_A_FRAME * EVENTS_OF_A_FRAME] for each in wanted)
        frame, place = divmod(range(self.length)[index], EVENTS_OF_A_FRAME)
        return events_in(self.frames[frame])[place]


class ReadingProcess:
    """Reads one post at a time; implements `PostReader`."""

    def __init__(self, program: Sequence[str] = PROGRAM, *, seconds: float = SECONDS) -> None:
        self._program = program
        self._seconds = seconds
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def pid(self) -> int | None:
        """The running process's id; None before the first post and after its end."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def read(self, source: WebhookSource, request: WebhookRequest) -> Inbound:
        """What a post holds, as `source.parse`; a post that ends the process is unreadable as a whole.

        Raises GatewayError(gateway_unavailable) when the process cannot be started or takes too long.
        """
        # A reader needs no headers, and a server's are bound to its connection.
        sent = pickle.dumps((source, replace(request, headers=CIMultiDict())), pickle.HIGHEST_PROTOCOL)
        for _ in range(TRIES):
            try:
                return await self._read(sent)
            except EOFError:
                status = await self._end()
                log.warning("the process that reads large posts has ended", exit_status=status, bytes=len(request.body))
        return Inbound(skipped=Counter([Skip.UNREADABLE]), unreadable=(UnreadablePost(request.body),))

    async def _read(self, sent: bytes) -> Inbound:
        """Raises EOFError when the process ends before it has answered."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchanged(await self._started(), sent)
        except (EOFError, ConnectionError):  # asyncio.IncompleteReadError is an EOFError
            raise EOFError from None
        except (TimeoutError, OSError) as error:
            await self._end()
            log.warning("a large post could not be read in time", error_type=type(error).__name__)
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE) from None
        except BaseException:  # cancelled: an answer on its way would be taken for the next post's
            await self._end()
            raise

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                start_new_session=True,  # Ctrl-C is for ingress, which still reads posts while it drains
            )
        return self._process

    async def _exchanged(self, process: Process, sent: bytes) -> Inbound:
        if process.stdin is None or process.stdout is None:  # both were asked for
            raise EOFError
        process.stdin.writelines((LENGTH.pack(len(sent)), sent))
        await process.stdin.drain()
        count, rest = count_and_rest_in(await _frame(process.stdout))
        frames = [await _frame(process.stdout) for _ in range(0, count, EVENTS_OF_A_FRAME)]
        return replace(rest, events=PickledEvents(count, tuple(frames)))

    async def _end(self) -> int | None:
        """End the process if there is one; its exit status, which is what ended it if it had ended by itself."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(ProcessLookupError):
            process.kill()
        return await asyncio.shield(process.wait())


async def _frame(answers: asyncio.StreamReader) -> bytes:
    [length] = LENGTH.unpack(await answers.readexactly(LENGTH.size))
    return await answers.readexactly(length)
