"""Creates many vhosts with one command."""

import re
from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9_-]+")
# What `rabbitmqctl add_vhost` and `set_permissions` call inside the node, without starting two programs per vhost.
_SCRIPT = """
All = <<".*">>, By = <<"tools.broker">>,
lists:foreach(fun(Vhost) ->
    ok = rabbit_vhost:add(Vhost, By),
    ok = rabbit_auth_backend_internal:set_permissions(<<"%(user)s">>, Vhost, All, All, All, By)
end, [%(names)s]).
"""


def script_for_vhosts(names: Sequence[str], *, user: str) -> str:
    """The Erlang for `rabbitmqctl eval` that creates vhosts and gives `user` all rights in them.

    Raises ValueError for a name with other characters than letters, digits, `-` and `_`.
    """
    unfit = [name for name in names if not _NAME.fullmatch(name)]
    if unfit:
        raise ValueError(f"a vhost's name consists of letters, digits, - and _, not {unfit[0]!r}")
    return _SCRIPT % {"names": ",".join(f'<<"{name}">>' for name in names), "user": user}
