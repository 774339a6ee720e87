"""Where the next page of a list begins, as a word that callers hand back unread: the time and id of its last row."""

import base64

import orjson

from libs.contracts.errors import GatewayError, OperatorCode


def cursor_from(at: int, row_id: str) -> str:
    """The cursor that leads to the rows after this one; `at` in microseconds."""
    return base64.urlsafe_b64encode(orjson.dumps([at, row_id])).decode()


def position_from(cursor: str) -> tuple[int, str]:
    """Time and id that a cursor was made of. Raises GatewayError(invalid_request) for one that is none of ours."""
    try:
        at, row_id = orjson.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, TypeError):
        at, row_id = None, None
    if type(at) is not int or type(row_id) is not str or abs(at) >= 2**63:
        raise GatewayError(OperatorCode.INVALID_REQUEST, {"errors": [{"field": "cursor", "problem": "not ours"}]})
    return at, row_id
