"""The operators and stages that the MongoDB adapters use: each is one that every engine of the protocol knows.

An operator that only some engines know stops every message on the others. Add one here when MongoDB has had it since
4.4 and the engines that speak its protocol list it too; otherwise write the change with those that are here.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ADAPTERS = (*Path("libs/store/mongo").glob("*.py"), Path("services/ingress/adapters/window_removals.py"))
QUERIES = {
    "$and",
    "$eq",
    "$exists",
    "$gt",
    "$gte",
    "$in",
    "$lt",
    "$lte",
    "$ne",
    "$nor",
    "$not",
    "$or",
    "$regex",
    "$type",
}
UPDATES = {
    *("$addToSet", "$currentDate", "$each", "$inc", "$max", "$pop", "$pull", "$push", "$set", "$setOnInsert", "$slice"),
    "$unset",
}
STAGES = {
    *("$group", "$limit", "$lookup", "$match", "$project", "$replaceRoot", "$set", "$sort", "$unionWith", "$unset"),
    "$unwind",
}
EXPRESSIONS = {
    *(
        "$add",
        "$and",
        "$arrayElemAt",
        "$arrayToObject",
        "$concat",
        "$concatArrays",
        "$cond",
        "$divide",
        "$eq",
        "$filter",
        "$first",
        "$indexOfArray",
    ),
    *("$gt", "$gte", "$ifNull", "$in", "$literal", "$lt", "$lte", "$map", "$max", "$min", "$multiply", "$ne"),
    *("$objectToArray", "$size", "$subtract", "$sum"),
}
KNOWN = QUERIES | UPDATES | STAGES | EXPRESSIONS


def names_in(tree: ast.AST) -> Iterator[str]:
    """What a module uses as a key and begins with a dollar, and the variables of the server, such as `$$NOW`."""
    for node in ast.walk(tree):
        keys = node.keys if isinstance(node, ast.Dict) else [getattr(node, "key", None), getattr(node, "slice", None)]
        for key in keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.startswith("$"):
                yield key.value
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(".")[0]
            if name.startswith("$$") and name[2:3].isupper():
                yield name


@cache
def used_by(path: Path) -> frozenset[str]:
    return frozenset(names_in(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", ADAPTERS, ids=str)
def test_an_adapter_uses_known_operators_alone(path: Path) -> None:
    assert used_by(path) <= KNOWN


def test_the_list_names_nothing_that_no_adapter_uses() -> None:
    assert set().union(*map(used_by, ADAPTERS)) == KNOWN


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{'touched_at': '$$NOW'}", {"$$NOW"}),
        ("{'$setWindowFields': {}}", {"$setWindowFields"}),
        ("query['$text'] = words", {"$text"}),
        ("{'a': '$field', 'b': '$$each.key'}", set()),
    ],
)
def test_what_is_an_operator(source: str, found: set[str]) -> None:
    assert set(names_in(ast.parse(source))) == found
