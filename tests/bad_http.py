"""Requests that are no HTTP, or HTTP that no server of the gateway serves, and what each must answer."""

import re

from tests.e2e.raw import RawAnswer

NOT_HTTP = {
    "no HTTP at all": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "an unknown method": b"B@D / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a request line of 100 KB": b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of 100 KB": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    "a header of control characters": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
"""What the parser of HTTP rejects."""
STRANGE = {
    "an Expect that nobody knows": b"GET /known HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n",
    "an Expect at an unknown path": b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n",
    "an unknown path": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path of bytes": b"GET /%ff%00%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path up": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is not allowed": b"DELETE /known HTTP/1.1\r\nHost: x\r\n\r\n",
    "the server itself": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a proxy's request": b"GET http://elsewhere/ HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
    "an upgrade": b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "no host": b"GET /nowhere HTTP/1.1\r\n\r\n",
    "HTTP/1.0": b"GET /nowhere HTTP/1.0\r\n\r\n",
    "a handler that fails": b"GET /defect HTTP/1.1\r\nHost: x\r\n\r\n",
}
"""What is HTTP, and no call of an application."""
SOFTWARE = re.compile(rb"python|aiohttp|cpython|3\.1[0-9]\.|traceback|exception|a-miracle|elsewhere", re.IGNORECASE)


def bytes_of(answer: RawAnswer) -> bytes:
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers if name != "Date")
    return headers.encode() + b"\n\n" + answer.content


def assert_generic(answer: RawAnswer) -> None:
    assert answer.status >= 400
    assert SOFTWARE.search(bytes_of(answer)) is None, bytes_of(answer)
    assert dict(answer.headers)["Content-Type"].startswith("application/json")
    assert dict(answer.headers)["Server"] == "gateway"
    assert answer.body["success"] is False
    assert {"error", "message"} <= set(answer.body)
