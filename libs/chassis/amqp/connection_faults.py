"""`connection_fault`: why a connection to the broker failed, in words that help and hold no credentials.

The library wraps every failure in the same class; the reason is in the chain of causes.
"""

import errno
import socket
import ssl
from collections.abc import Iterator

from aiormq.exceptions import (
    AuthenticationError,
    ConnectionNotAllowed,
    InvalidFrameError,
    ProbableAuthenticationError,
)

_LONGEST_CHAIN = 8
_NO_OPEN = "Connection.OpenOk"
"""In the library's complaint when the broker closes the connection in place of opening the virtual host."""
_NOT_ALLOWED = "NOT_ALLOWED: the virtual host does not exist, or the user may not use it"
_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        (AuthenticationError, ProbableAuthenticationError),
        "ACCESS_REFUSED: the broker refuses the user name or the password of GATEWAY_AMQP_URL",
    ),
    (ConnectionNotAllowed, _NOT_ALLOWED),
    (ssl.SSLError, "TLS failed"),
    (socket.gaierror, "host not found"),
    (ConnectionRefusedError, "connection refused: nothing listens on the port"),
    (ConnectionResetError, "connection reset"),
    (TimeoutError, "time-out: no answer"),
)
"""The most telling first."""


def connection_fault(error: BaseException) -> str:
    """The innermost cause that says something: TLS, credentials, host name, refused, time-out; else the class."""
    chain = list(_chain_of(error))
    for failure in chain:
        if isinstance(failure, ssl.SSLCertVerificationError):
            return f"TLS certificate not accepted: {failure.verify_message}"
    if any(isinstance(failure, InvalidFrameError) and _NO_OPEN in str(failure) for failure in chain):
        return _NOT_ALLOWED
    for kinds, words in _WORDS:
        found = next((failure for failure in chain if isinstance(failure, kinds)), None)
        if found is not None:
            reason = getattr(found, "reason", None) if isinstance(found, ssl.SSLError) else None
            return f"{words}: {reason}" if isinstance(reason, str) else words
    numbers = [failure.errno for failure in chain if isinstance(failure, OSError) and isinstance(failure.errno, int)]
    return errno.errorcode.get(numbers[-1], type(error).__name__) if numbers else type(chain[-1]).__name__


def _chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, the outermost first. The library passes on some causes as arguments only."""
    current: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if current is None:
            return
        yield current
        inner = next((argument for argument in current.args if isinstance(argument, BaseException)), None)
        current = current.__cause__ or inner or (None if current.__suppress_context__ else current.__context__)
