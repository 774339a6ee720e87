"""What the port `Uploads` promises, on every adapter."""

from dataclasses import replace

from libs.store.store import Store
from libs.store.uploads import MAX_UPLOAD, Upload
from tests.contract.store.builders import NOW, after

DAY = 24 * 3600
FILE = Upload(id="upl_1", account_id="acc-1", at=NOW)
DONE = replace(FILE, bytes=9, sha256="ab" * 32, mime_type="image/png")


async def stored(store: Store, upload: Upload = DONE) -> None:
    assert await store.uploads.begin(replace(upload, bytes=0, sha256="", mime_type=""))
    for position, part in enumerate((b"one", b"two", b"\x00\xff!")):
        await store.uploads.add_chunk(upload.id, position, part, at=upload.at)
    await store.uploads.complete(upload)


async def test_a_file_is_read_as_it_was_written(store: Store, other: Store) -> None:
    await stored(store)

    assert await other.uploads.find("upl_1") == DONE
    assert [await other.uploads.chunk("upl_1", n) for n in range(4)] == [b"one", b"two", b"\x00\xff!", None]
    assert await other.uploads.find("upl_2") is None


async def test_an_upload_is_not_complete_before_all_of_it_is_there(store: Store) -> None:
    await store.uploads.begin(FILE)

    found = await store.uploads.find("upl_1")

    assert found is not None
    assert not found.complete


async def test_a_sent_file_is_gone_and_its_row_says_so(store: Store, other: Store) -> None:
    await stored(store)
    await store.uploads.delete("upl_1")
    await other.uploads.delete("upl_1")

    found = await other.uploads.find("upl_1")
    assert found is not None
    assert found.ended_at(NOW)
    assert await other.uploads.chunk("upl_1", 0) is None


async def test_content_ends_after_a_day_and_the_row_after_two(store: Store) -> None:
    await stored(store)
    later = replace(DONE, id="upl_2", at=after(DAY - 1))
    await stored(store, later)

    assert dict(await store.uploads.delete_ended(after(DAY - 1))) == {"chunks": 0, "uploads": 0}
    assert dict(await store.uploads.delete_ended(after(DAY))) == {"chunks": 3, "uploads": 0}
    found = await store.uploads.find("upl_1")
    assert found is not None
    assert found.ended_at(after(DAY))
    assert await store.uploads.chunk("upl_1", 0) is None
    assert await store.uploads.chunk("upl_2", 0) == b"one"
    assert dict(await store.uploads.delete_ended(after(2 * DAY)))["uploads"] == 1
    assert await store.uploads.find("upl_1") is None


async def test_an_account_keeps_no_more_than_its_room(store: Store) -> None:
    room = 2 * MAX_UPLOAD
    assert await store.uploads.begin(FILE, most=room)
    assert await store.uploads.begin(replace(FILE, id="upl_2"), most=room)
    assert not await store.uploads.begin(replace(FILE, id="upl_3"), most=room)
    assert await store.uploads.find("upl_3") is None
    assert await store.uploads.begin(replace(FILE, id="upl_4", account_id="acc-2"), most=room)

    await store.uploads.complete(DONE)
    await store.uploads.delete("upl_2")

    assert await store.uploads.begin(replace(FILE, id="upl_5"), most=room)
