"""Cursors of lists that are ordered by time and id: opaque text that names the last row of a page."""

import base64

import orjson

from libs.contracts.errors import GatewayError, OperatorCode


def cursor_from(at: int, row_id: str) -> str:
    """The cursor for the rows after this one; `at` in microseconds."""
    return base64.urlsafe_b64encode(orjson.dumps([at, row_id])).decode()


def position_from(cursor: str) -> tuple[int, str]:
    """The time and id in a cursor. Raises GatewayError(invalid_request) for text that `cursor_from` did not make."""
    try:
        at, row_id = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        at, row_id = None, None
    if type(at) is not int or type(row_id) is not str or abs(at) >= 2**63:
        problem = "not a cursor of this list"
        raise GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": "cursor", "problem": problem}]})
    return at, row_id
