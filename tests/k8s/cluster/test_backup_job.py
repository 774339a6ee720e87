"""The CronJob that backs up every night, run once under traffic: what it writes to its claim is a whole backup."""

import shutil
from pathlib import Path

import pytest

from libs.record.keys import key_ring_from
from libs.store.backups import MANIFEST, STORE, SUBJECTS, manifest_in, require_whole
from libs.store.factory import open_store
from libs.store.sqlite.store import files_of
from libs.store.verification import verify
from tests.k8s.cluster.deployed import Deployed

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOB = "backup-now"


async def test_the_job_of_the_cronjob_writes_a_whole_backup_under_traffic(deployed: Deployed, tmp_path: Path) -> None:
    kubectl = deployed.deployment.kubectl
    await kubectl("delete", "job", JOB, "--ignore-not-found")

    async with deployed.traffic("a backup by the CronJob") as traffic:
        await kubectl("create", "job", JOB, "--from=cronjob/backup")
        await kubectl("wait", "--for=condition=Complete", f"job/{JOB}", "--timeout=180s")

    found = [each.parent for each in deployed.cluster.layout.volumes.glob(f"*/*/{MANIFEST}")]
    newest = max(found, key=lambda each: each.name)
    manifest = manifest_in(newest)
    require_whole(newest / STORE, manifest)
    require_whole(newest / SUBJECTS, manifest_in(newest / SUBJECTS))
    records = await _verified_records(newest, tmp_path, deployed.deployment.secret("verifying-keys"))
    assert records == sum(chain.seq for chain in manifest.chains) > 0
    assert traffic.failed == {}


async def _verified_records(backup: Path, folder: Path, keys: str) -> int:
    """How many records a copy of the backup holds, which verify as a whole."""
    path = folder / "gateway.db"
    for name, file in files_of(path).items():
        shutil.copyfile(backup / (SUBJECTS if name == "subjects" else STORE) / f"{name}.db", file)
    store = await open_store(f"sqlite:///{path}")
    try:
        result = await verify(store.chains, store.checkpoints, keys=key_ring_from(keys).keys)
    finally:
        await store.close()
    assert result.ok, result.first_fault
    return result.records
