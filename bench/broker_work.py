"""`reductions`: how much RabbitMQ has worked so far, by kind of Erlang process."""

import re

from tools.broker import BrokerNode

_COUNT = """
Kind = fun(I) ->
  case proplists:get_value('$initial_call', proplists:get_value(dictionary, I, []), none) of
    {M, _, _} -> M;
    _ -> case proplists:get_value(registered_name, I, []) of
      [] -> element(1, proplists:get_value(initial_call, I));
      Name -> Name
    end
  end
end,
Counts = lists:foldl(fun(P, Found) ->
  case erlang:process_info(P, [reductions, registered_name, dictionary, initial_call]) of
    undefined -> Found;
    I -> R = proplists:get_value(reductions, I),
      maps:update_with(Kind(I), fun(Old) -> Old + R end, R, Found)
  end
end, #{}, erlang:processes()),
[{K, V} || {K, V} <- maps:to_list(Counts)].
"""


async def reductions(broker: BrokerNode) -> dict[str, int]:
    """Reductions (function calls, roughly) of the processes that exist, by the module that they run."""
    text = await broker.rabbitmqctl("eval", _COUNT)
    return {kind.strip("'"): int(count) for kind, count in re.findall(r"\{('[^']*'|\w+),(\d+)\}", text)}
