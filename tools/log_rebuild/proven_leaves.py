"""The leaves of the log as they were signed: the rule is that they lead to the root of every signed checkpoint."""

from collections.abc import Mapping, Sequence

from libs.record.log_checkpoints import LogCheckpoint
from libs.record.merkle import Tree


class NotRebuilt(RuntimeError):  # noqa: N818 -- reads as what happened
    """The log cannot be rebuilt; the text says where it differs, or what is missing."""


def proven_leaves(sources: Mapping[str, Mapping[int, bytes]], checkpoints: Sequence[LogCheckpoint]) -> list[bytes]:
    """The leaves up to the largest checkpoint, from one source or from several. Raises NotRebuilt."""
    size = max(each.size for each in checkpoints)
    found = {name: [leaves.get(index) for index in range(size)] for name, leaves in sources.items()}
    orders = (list(found.values()), list(reversed(found.values())))
    for number, order in enumerate(orders, 1):
        found[f"all together ({number})"] = [next(filter(None, each), None) for each in zip(*order, strict=True)]
    problems = []
    for name, leaves in found.items():
        problem = _problem(leaves, checkpoints)
        if problem is None:
            return [leaf for leaf in leaves if leaf is not None]
        problems.append(f"{name}: {problem}")
    raise NotRebuilt("no source leads to the signed checkpoints; " + "; ".join(problems))


def _problem(leaves: Sequence[bytes | None], checkpoints: Sequence[LogCheckpoint]) -> str | None:
    """Where these are not the signed leaves; None when they are."""
    tree, sound = Tree(), 0
    for each in sorted(checkpoints, key=lambda each: each.size):
        run = leaves[tree.size : each.size]
        if None in run:
            return f"entry {tree.size + run.index(None)} is missing"
        tree.extend([leaf for leaf in run if leaf is not None])
        if tree.root() != each.root:
            return f"it differs between entry {sound} and the checkpoint of {each.size} entries"
        sound = each.size
    return None
