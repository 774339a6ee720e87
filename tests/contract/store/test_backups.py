"""`gateway backup` and `gateway restore` on every adapter, through the command line.

The trap: a restore never brings back an erased person, never loses a STOP, and never silently shortens the record.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from libs.chassis.clock import utc_now
from libs.contracts.events import LegalHoldChanged
from libs.record.exports import shipped_checkpoints_from
from libs.record.keys import PublicKeys, key_ring_from
from libs.store.backups import MANIFEST, PARTIAL, STORE, SUBJECTS
from libs.store.factory import open_store
from libs.store.verification import verify
from tests.contract.store.conftest import DATABASES
from tests.contract.store.deployments import (
    ACCOUNT,
    Deployment,
    a_deployment,
    key_of,
    later_by,
    statements_in,
)
from tools.cli.console_client import ExitCode
from tools.restore.restore import Restore

ERASED, STOPPED, STARTED, ALLOWED, KEPT = (f"+96650000000{n}" for n in range(5))
READ = LegalHoldChanged(account_id=ACCOUNT, actor="admin", held=False)
SECRETS = (b"s" * 32, b"p" * 32, b"i" * 32, b"h" * 43, bytes(range(32)))


@pytest.fixture(params=DATABASES)
async def urls(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """Two empty places of one kind."""
    async with AsyncExitStack() as stack:
        made = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            made.append(await stack.enter_async_context(DATABASES[request.param](tmp_path / name)))
        yield made[0], made[1]


@pytest.fixture
async def deployment(
    urls: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Deployment]:
    async with a_deployment(urls[0], tmp_path, capsys) as found:
        yield found


async def test_a_restore_neither_brings_back_an_erased_person_nor_loses_a_stop_nor_shortens_the_record_silently(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    pseudonyms = {phone: await deployment.customer(phone) for phone in (ERASED, STOPPED, STARTED, ALLOWED, KEPT)}
    before = utc_now() - timedelta(minutes=30)
    start_before = await deployment.opts_out(STARTED, at=before)
    allow_before = await deployment.opts_out(ALLOWED, at=before, source="operator")
    await deployment.happened(READ, READ)
    taken = await deployment.done("backup", str(tmp_path / "backup"))
    await deployment.opts_out(STOPPED)
    await deployment.opts_out(ERASED)
    await deployment.lifted(STARTED, start_before, source="keyword", at=later_by(1))
    await deployment.lifted(ALLOWED, allow_before, source="operator", at=later_by(1))
    await deployment.erased(ERASED, pseudonyms[ERASED])
    await deployment.happened(READ, READ, READ)
    await deployment.is_lost(urls[1])
    command = ("restore", str(tmp_path / "backup"), "--verify", "--sink", str(deployment.sink))

    refused, sentence = await deployment.cli(*command)
    restored = await deployment.done(*command, "--allow-loss", "the disk was lost")
    waiting = await deployment.starts()

    store = deployment.store
    shipped = shipped_checkpoints_from(deployment.sink.read_bytes().splitlines())
    result = await verify(store.chains, store.checkpoints, keys=_keys(deployment), shipped=shipped)
    assert refused is ExitCode.REFUSED
    assert "older than the shipped checkpoints" in sentence
    assert (taken["records"], restored["records"]) == (4, 4)
    assert (restored["erasures_applied"], [each["chain"] for each in restored["lost"]]) == (1, [ACCOUNT])
    assert await store.subjects.find(customer_keys=[key_of(ERASED)], pseudonyms=[pseudonyms[ERASED]]) == []
    assert (await store.personal_data.find(ACCOUNT, [key_of(ERASED)])).windows == []
    assert (await store.personal_data.find(ACCOUNT, [key_of(KEPT)])).windows != []
    assert {phone: await deployment.is_suppressed(phone) for phone in pseudonyms} == {
        ERASED: True,
        STOPPED: True,
        STARTED: False,
        ALLOWED: False,
        KEPT: False,
    }
    assert [each.reason for each in statements_in(waiting)] == ["the disk was lost"]
    assert result.ok
    assert [each.reason for each in result.restorations] == ["the disk was lost"]


async def test_what_a_restore_applied_is_in_the_sink_for_the_next_one(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    pseudonym = await deployment.customer(ERASED)
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "backup"))
    await deployment.opts_out(STOPPED)
    await deployment.erased(ERASED, pseudonym)
    await deployment.is_lost(urls[1])
    command = ("restore", str(tmp_path / "backup"), "--sink", str(deployment.sink), "--allow-loss", "lost")
    await deployment.done(*command)
    await deployment.starts()
    lines = [orjson.loads(line) for line in deployment.sink.read_bytes().splitlines()]

    ids = [each["id"] for each in lines if "id" in each]
    assert {ids.count(each) for each in ids} == {2}


async def test_a_restore_can_stop_at_any_step_and_goes_on(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    pseudonym = await deployment.customer(ERASED)
    await deployment.opts_out(ERASED)
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "backup"))
    await deployment.opts_out(STOPPED)
    await deployment.erased(ERASED, pseudonym)
    await deployment.is_lost(urls[1])
    stops = 0

    while not await _restored_until(deployment, tmp_path / "backup", stops):
        stops += 1
        if stops > 1:  # before that, nothing is there yet
            with pytest.raises(RuntimeError):  # no service opens a store that is half restored
                await _opened(deployment.url)
    waiting = await deployment.starts()

    assert stops > 5
    assert await deployment.is_suppressed(STOPPED)
    assert await deployment.is_suppressed(ERASED)
    assert await deployment.store.subjects.find(customer_keys=[key_of(ERASED)]) == []
    assert len(statements_in(waiting)) == 1
    assert sorted(each.name for each in waiting) == ["record.restored", "subject.erased", "suppression.added"]


class Stop(BaseException):
    """The process ends here."""


async def _restored_until(deployment: Deployment, backup: Path, stop_at: int) -> bool:
    """Restore, and end at the step with this number; False when it ended there."""
    from tools.cli.commands.restore import RestoreSettings  # noqa: PLC0415 -- one test

    steps = 0

    def say(_: str) -> None:
        nonlocal steps
        if steps == stop_at:
            raise Stop
        steps += 1

    settings = RestoreSettings.from_environ(deployment.environ)
    restore = Restore(
        url=deployment.url, backup=backup, sink=deployment.sink, keys=settings.keys, say=say, allow_loss="lost"
    )
    try:
        await restore()
    except Stop:
        return False
    return True


async def _opened(url: str) -> None:
    if url.startswith("sqlite:") and not Path(url.removeprefix("sqlite:///")).exists():
        raise RuntimeError("there is no store")
    await (await open_store(url)).close()


async def test_a_backup_holds_no_secret_overwrites_nothing_and_keeps_persons_keys_apart(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.customer(KEPT)
    await deployment.happened(READ)
    target = tmp_path / "backup"

    await deployment.done("backup", str(target))
    code, sentence = await deployment.cli("backup", str(target))

    content = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    [subject] = await deployment.store.subjects.find(customer_keys=[key_of(KEPT)])
    sealed = [path for path, found in content.items() if subject.sealed_key.encode() in found]
    assert (code, "exists: a backup overwrites nothing" in sentence) == (ExitCode.REFUSED, True)
    assert not [path for path, found in content.items() if any(secret in found for secret in SECRETS)]
    assert [path.parent.name for path in sealed] == [SUBJECTS]
    assert {oct(path.stat().st_mode & 0o777) for path in content} == {"0o600"}
    assert orjson.loads(content[target / MANIFEST])["keys"][0]["id"] == "k1"


async def test_a_backup_that_was_cut_off_is_recognised_and_replaced_by_the_next(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.happened(READ)
    half = tmp_path / f"backup{PARTIAL}"
    (half / STORE).mkdir(parents=True)
    (half / STORE / "records.db").write_bytes(b"half")

    refused, sentence = await deployment.cli("restore", str(half), "--sink", str(deployment.sink))
    await deployment.done("backup", str(tmp_path / "backup"))

    assert (refused, "half a backup" in sentence) == (ExitCode.REFUSED, True)
    assert not half.exists()


async def test_records_are_written_while_a_backup_is_taken_and_it_is_sound(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    busy = True

    async def write() -> None:
        while busy:
            await deployment.happened(READ, READ, READ)

    writing = asyncio.create_task(write())
    for number in range(3):
        await deployment.done("backup", str(tmp_path / f"backup-{number}"))
    busy = False
    await writing
    await deployment.is_lost(urls[1])

    restored = await deployment.done(
        *("restore", str(tmp_path / "backup-2"), "--sink", str(deployment.sink), "--allow-loss", "lost")
    )

    assert restored["records"] > 0
    await deployment.starts()


def _aged(folder: Path) -> None:
    manifest = folder / SUBJECTS / MANIFEST
    body = orjson.loads(manifest.read_bytes())
    manifest.write_bytes(orjson.dumps(body | {"taken_at": (utc_now() - timedelta(days=31)).isoformat()}))


def _of_another_backup(folder: Path) -> None:
    manifest = folder / SUBJECTS / MANIFEST
    manifest.write_bytes(orjson.dumps(orjson.loads(manifest.read_bytes()) | {"backup_id": "another"}))


def _changed(folder: Path) -> None:
    file = next((folder / STORE).glob("records.*"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _incomplete(folder: Path) -> None:
    next((folder / STORE).glob("records.*")).unlink()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        pytest.param(_aged, "older than 30 days", id="persons' keys of 31 days ago"),
        pytest.param(_of_another_backup, "belongs to another backup", id="persons' keys of another backup"),
        pytest.param(lambda folder: shutil.rmtree(folder / SUBJECTS), "is not there", id="no persons' keys"),
        pytest.param(_changed, "its digest differs", id="a file that was changed"),
        pytest.param(_incomplete, "does not hold the files of its manifest", id="a file that is missing"),
        pytest.param(lambda folder: (folder / MANIFEST).unlink(), "is no backup", id="no manifest"),
    ],
)
async def test_a_backup_that_is_not_as_it_was_taken_is_refused(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path, harm: Callable[[Path], None], sentence: str
) -> None:
    await deployment.customer(KEPT)
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "backup"))
    await deployment.is_lost(urls[1])
    harm(tmp_path / "backup")

    code, told = await deployment.cli("restore", str(tmp_path / "backup"), "--sink", str(deployment.sink))

    assert code is ExitCode.REFUSED
    assert sentence in " ".join(told.split())
    deployment.store = await open_store(urls[0])


async def test_a_store_that_is_in_use_is_never_replaced(deployment: Deployment, tmp_path: Path) -> None:
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "backup"))

    code, told = await deployment.cli("restore", str(tmp_path / "backup"), "--sink", str(deployment.sink))

    assert (code, "replaces nothing" in " ".join(told.split())) == (ExitCode.REFUSED, True)
    assert len(await deployment.store.chains.ends()) == 1


async def test_a_record_that_contradicts_the_sink_is_refused_whatever_is_allowed(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "before"))
    await deployment.happened(READ)
    honest = deployment.sink.read_bytes()
    await deployment.is_lost(urls[1])
    command = ("--sink", str(deployment.sink), "--allow-loss", "lost")
    await deployment.done("restore", str(tmp_path / "before"), *command)
    deployment.store = await open_store(deployment.url)
    await deployment.happened(READ)  # without the statement, it takes the place of the lost one
    await deployment.done("backup", str(tmp_path / "forged"))
    await deployment.store.close()
    deployment.sink.write_bytes(honest)

    async with DATABASES["mongo" if urls[0].startswith("mongodb") else "sqlite"](tmp_path / "third") as third:
        environ = {"GATEWAY_STORE_URL": third}
        code, told = await deployment.cli("restore", str(tmp_path / "forged"), *command, **environ)

    assert (code, "contradicts the shipped checkpoints" in " ".join(told.split())) == (ExitCode.REFUSED, True)


async def test_a_sink_that_was_changed_or_is_another_ones_is_refused(
    deployment: Deployment, urls: tuple[str, str], tmp_path: Path
) -> None:
    await deployment.happened(READ)
    await deployment.done("backup", str(tmp_path / "backup"))
    await deployment.opts_out(STOPPED)
    await deployment.is_lost(urls[1])
    honest = deployment.sink.read_text()
    forged = honest.replace('"kind":"suppression.added"', '"kind":"suppression.lifted"')
    assert forged != honest
    told = []
    for content in (forged, "", honest):
        deployment.sink.write_text(content)
        environ = {"GATEWAY_SINK_KEYS": f"k1:{'A' * 43}="} if content == honest else {}
        told.append(
            await deployment.cli("restore", str(tmp_path / "backup"), "--sink", str(deployment.sink), **environ)
        )

    assert [code for code, _ in told] == [ExitCode.REFUSED] * 3
    assert "cannot be opened" in told[0][1]
    assert "holds nothing that audit ships" in " ".join(told[1][1].split())
    assert "cannot be opened" in told[2][1]
    deployment.store = await open_store(urls[0])


async def test_no_line_of_the_sink_holds_a_phone_a_key_or_a_message_id(deployment: Deployment) -> None:
    pseudonym = await deployment.customer(ERASED)
    await deployment.opts_out(STOPPED)
    await deployment.erased(ERASED, pseudonym)

    text = deployment.sink.read_text()
    kinds = [json.loads(line).get("kind") for line in text.splitlines()]
    assert [kind for kind in kinds if kind] == ["suppression.added", "subject.erased"]
    assert not [word for word in (STOPPED[1:], key_of(STOPPED), key_of(ERASED), "wamid", "•") if word in text]


async def test_old_backups_lose_their_persons_keys_and_too_many_go(deployment: Deployment, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    await deployment.happened(READ)
    for number in range(3):
        await deployment.done("backup", str(folder / f"old-{number}"))
    for path in (folder / "old-0" / MANIFEST, folder / "old-1" / MANIFEST):
        body = orjson.loads(path.read_bytes())
        path.write_bytes(orjson.dumps(body | {"taken_at": (utc_now() - timedelta(days=31)).isoformat()}))

    await deployment.done("backup", str(folder), "--timestamped", "--keep", "3")

    left = {path.name: (path / SUBJECTS).exists() for path in sorted(folder.iterdir())}
    assert len(left) == 3
    assert left["old-2"]
    assert sorted(left.values()) == [False, True, True]


def _keys(deployment: Deployment) -> PublicKeys:
    return key_ring_from(deployment.environ["GATEWAY_SIGNING_KEYS"]).keys
