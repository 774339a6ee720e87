"""`Uploads` in MongoDB: one document per upload, one per chunk; both end by a time to live too."""

from collections.abc import Mapping
from datetime import datetime

from libs.store.instants import instant_from, micros_from
from libs.store.mongo.database import TOUCH, Database, aggregate, run
from libs.store.uploads import KEPT, MAX_KEPT_OF_ACCOUNT, MAX_UPLOAD, ROW_KEPT, Upload

_FIELDS = ("account_id", "bytes", "sha256", "mime_type", "deleted")


class MongoUploads:
    """`Uploads`."""

    def __init__(self, database: Database) -> None:
        self._uploads = database["uploads"]
        self._chunks = database["upload_chunks"]

    async def begin(self, upload: Upload, *, most: int = MAX_KEPT_OF_ACCOUNT) -> bool:
        """As `Uploads.begin`."""
        since = micros_from(upload.at - KEPT)
        size = {"$cond": [{"$eq": ["$sha256", ""]}, MAX_UPLOAD, "$bytes"]}
        kept = await aggregate(
            self._uploads,
            [
                {"$match": {"account_id": upload.account_id, "deleted": False, "at": {"$gt": since}}},
                {"$group": {"_id": None, "bytes": {"$sum": size}}},
            ],
        )
        if (kept[0]["bytes"] if kept else 0) + MAX_UPLOAD > most:
            return False
        fields = {name: getattr(upload, name) for name in _FIELDS}
        update = {"$set": {**fields, "at": micros_from(upload.at)}, **TOUCH}
        await run(self._uploads.update_one({"_id": upload.id}, update, upsert=True))
        return True

    async def add_chunk(self, upload_id: str, position: int, sealed: bytes, *, at: datetime) -> None:
        """As `Uploads.add_chunk`."""
        fields = {"upload_id": upload_id, "sealed": sealed, "at": micros_from(at)}
        update = {"$set": fields, **TOUCH}
        await run(self._chunks.update_one({"_id": _chunk_id(upload_id, position)}, update, upsert=True))

    async def complete(self, upload: Upload) -> None:
        """As `Uploads.complete`."""
        fields = {"bytes": upload.bytes, "sha256": upload.sha256, "mime_type": upload.mime_type}
        await run(self._uploads.update_one({"_id": upload.id}, {"$set": fields}))

    async def find(self, upload_id: str) -> Upload | None:
        """As `Uploads.find`."""
        found = await run(self._uploads.find_one({"_id": upload_id}))
        if found is None:
            return None
        return Upload(id=upload_id, at=instant_from(found["at"]), **{name: found[name] for name in _FIELDS})

    async def chunk(self, upload_id: str, position: int) -> bytes | None:
        """As `Uploads.chunk`."""
        found = await run(self._chunks.find_one({"_id": _chunk_id(upload_id, position)}))
        return None if found is None else bytes(found["sealed"])

    async def delete(self, upload_id: str) -> None:
        """As `Uploads.delete`; the row first, so that a cut deletion leaves no upload with half of its content."""
        await run(self._uploads.update_one({"_id": upload_id}, {"$set": {"deleted": True}}))
        await run(self._chunks.delete_many({"upload_id": upload_id}))

    async def delete_ended(self, now: datetime) -> Mapping[str, int]:
        """As `Uploads.delete_ended`."""
        chunks = await run(self._chunks.delete_many({"at": {"$lte": micros_from(now - KEPT)}}))
        uploads = await run(self._uploads.delete_many({"at": {"$lte": micros_from(now - ROW_KEPT)}}))
        return {"chunks": chunks.deleted_count, "uploads": uploads.deleted_count}


def _chunk_id(upload_id: str, position: int) -> str:
    return f"{upload_id}:{position}"
