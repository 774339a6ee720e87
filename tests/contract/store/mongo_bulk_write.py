"""MongoDB 8.0's command `bulkWrite` for the stand-in, which knows that of 7.0: updates alone, in order."""

from typing import Any

from mongoeco.wire.executor import WireCommandExecutor
from mongoeco.wire.proxy import AsyncMongoEcoProxyServer
from mongoeco.wire.requests import WireRequestContext
from mongoeco.wire.surface import WIRE_SUPPORTED_COMMANDS, WireSurface

WIRE_VERSION = 25
"""That of MongoDB 8.0, by which drivers know that there is the command."""
COMMAND = "bulkWrite"


class Executor(WireCommandExecutor):
    """Executes `bulkWrite` as one command `update` after the other, up to the first that fails."""

    async def execute_prepared(self, context: WireRequestContext) -> dict[str, Any]:
        if context.command_name != COMMAND:
            return await super().execute_prepared(context)
        given = context.command_document
        if not given["ordered"]:
            raise ValueError("the stand-in has no unordered bulkWrite")
        rows: list[dict[str, Any]] = []
        for index, write in enumerate(given["ops"]):
            rows.append(await self._updated(index, write, given["nsInfo"][write["update"]]["ns"], context))
            if not rows[-1]["ok"]:
                break
        upserted = sum("upserted" in row for row in rows)
        return {
            "ok": 1.0,
            "cursor": {"id": 0, "ns": "admin.$cmd.bulkWrite", "firstBatch": rows},
            "nErrors": sum(not row["ok"] for row in rows),
            "nInserted": 0,
            "nDeleted": 0,
            "nUpserted": upserted,
            "nMatched": sum(row["n"] for row in rows) - upserted,
            "nModified": sum(row.get("nModified", 0) for row in rows),
        }

    async def _updated(
        self, index: int, write: dict[str, Any], namespace: str, context: WireRequestContext
    ) -> dict[str, Any]:
        database, _, collection = namespace.partition(".")
        update = {"q": write["filter"], "u": write["updateMods"], "upsert": write.get("upsert", False), "multi": False}
        result: dict[str, Any] = await self._client.get_database(database).command(
            {"update": collection, "updates": [update]},
            session=context.session,
            execution_context=context.execution_context,
        )
        if errors := result.get("writeErrors"):
            return {"ok": 0.0, "idx": index, "n": 0, **{name: errors[0][name] for name in ("code", "errmsg")}}
        row = {"ok": 1.0, "idx": index, "n": result["n"], "nModified": result["nModified"]}
        if upserted := result.get("upserted"):
            row["upserted"] = {"_id": upserted[0]["_id"]}
        return row


class Server(AsyncMongoEcoProxyServer):
    """The stand-in's server, as of 8.0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        commands = (*WIRE_SUPPORTED_COMMANDS, COMMAND)
        self._surface = WireSurface(max_wire_version=WIRE_VERSION, supported_commands=commands)
        self._executor = Executor(
            self._client, self._cursor_store, self._session_store, surface=self._surface, auth=self._auth
        )
