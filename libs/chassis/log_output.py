"""Where log lines go: standard output, in a way that can lose a line and cannot raise.

A full disk, a closed pipe or a value that cannot be serialized costs the line and is counted; the work that was being
logged goes on (docs/decisions/0026-consumers-never-wedge.md).
"""

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

from libs.chassis import metrics
from libs.chassis.structured_log import structlog


class LogOutput:
    """Writes whole lines to standard output without a buffer, so that nothing is left over when a write fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._torn = False
        self._write = _unbuffered(stream) or self._write_text

    def line(self, text: str) -> None:
        """Write one line; a line that cannot be written is counted in `gateway_log_lines_lost_total`."""
        try:
            line = f"{text}\n".encode("utf-8", "replace")
            with self._lock:
                self._write_all(b"\n" + line if self._torn else line)
        except Exception:  # noqa: BLE001 -- there is nowhere to tell it
            _lost()

    def _write_all(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                count = self._write(line[written:])
                if count is None:
                    raise BlockingIOError  # a pipe that is full and set not to wait
                written += count
        finally:
            # A line that was cut off is ended before the next one, so that the next one can be read.
            self._torn = 0 < written < len(line) or (self._torn and not written)

    def _write_text(self, line: bytes) -> int:
        self._stream.write(line.decode())
        self._stream.flush()
        return len(line)

    # The methods of structlog's loggers.
    msg = debug = info = warning = warn = error = critical = fatal = exception = log = line


class LogOutputHandler(logging.Handler):
    """Passes the records of libraries to a `LogOutput`; the standard handler prints a failure with its values."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._output.line(self.format(record))
        except Exception:  # noqa: BLE001 -- there is nowhere to tell it
            _lost()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 -- as in logging
        """Count the record as lost."""
        _lost()


def never_raising(bound_logger: type[Any]) -> type[Any]:
    """The class of structlog loggers `bound_logger`, whose calls count a line as lost where they would raise."""

    class NeverRaising(bound_logger):  # type: ignore[misc]  # structlog makes the class at run time
        def _proxy_to_logger(self, method_name: str, event: str | None = None, *args: Any, **fields: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, *args, **fields)
            except structlog.DropEvent:
                return None
            except Exception:  # noqa: BLE001 -- whatever was logged must go on
                _lost()
                return None

    return NeverRaising


def log_last_resorts() -> None:
    """Log what Python itself would print: uncaught exceptions of threads, destructors and of the program.

    Python's own lines hold the exception's text, which may hold personal data, and are no JSON.
    """
    log = structlog.get_logger(__name__)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        _guarded(lambda: log.error("unhandled exception in a thread", exc_info=args.exc_value))

    def of_destructor(args: "sys.UnraisableHookArgs") -> None:
        _guarded(lambda: log.warning("exception ignored", exc_info=args.exc_value))

    def of_program(kind: type[BaseException], failure: BaseException, _: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            _guarded(lambda: log.error("stopped by an exception", failure=kind.__name__, exc_info=failure))

    threading.excepthook, sys.unraisablehook, sys.excepthook = of_thread, of_destructor, of_program


def _guarded(write: Callable[[], object]) -> None:
    try:
        write()
    except Exception:  # noqa: BLE001 -- the interpreter would print it
        _lost()


def _unbuffered(stream: TextIO) -> Callable[[bytes], int | None] | None:
    """A raw writer to the stream's file; None for a stream without one, as in tests."""
    try:
        raw = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115 -- open for as long as the process
    except (OSError, ValueError, AttributeError):
        return None
    return raw.write


def _lost() -> None:
    metrics.LOG_LINES_LOST.inc()
