"""Reads of several collections in one aggregation: each row says which source it is from."""

from collections import defaultdict
from collections.abc import Iterable

from libs.store.mongo.database import Document


def select(source: str, wanted: Document, fields: Document | None = None) -> list[Document]:
    """The stages that read what is `wanted` of a collection, with these `fields` or all."""
    projection = [{"$project": fields}] if fields else []
    return [{"$match": wanted}, *projection, {"$set": {"source": source}}]


def union(collection: str, pipeline: list[Document]) -> Document:
    """The stage that adds the rows of another collection."""
    return {"$unionWith": {"coll": collection, "pipeline": pipeline}}


def by_source(rows: Iterable[Document]) -> defaultdict[str, list[Document]]:
    """The rows of each source."""
    by: defaultdict[str, list[Document]] = defaultdict(list)
    for row in rows:
        by[row["source"]].append(row)
    return by
