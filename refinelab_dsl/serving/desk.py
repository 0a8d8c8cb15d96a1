"""Files and batches of the simulated endpoint: routes that the server adds to its own.

A batch is worked off when it is asked about often enough, so nothing here waits in the background; `wait` is what the
endpoint asks a client to wait between two questions. What can go wrong with a batch is scripted.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from aiohttp import web

from refinelab_dsl.providers.batches import ENDPOINT, FULL, MOST_REQUESTS
from refinelab_dsl.providers.draw import Draw
from refinelab_dsl.serving.batches import BatchBehaviour, BatchFault
from refinelab_dsl.serving.wording import refuse

_BYTES_PER_TOKEN = 4

Answer: TypeAlias = Callable[[Mapping[str, Any]], tuple[int, dict[str, Any], str]]
"""A request's body -> status, body and request id of its answer."""


class BatchDesk:
    """The state of one server. sizes: requests of each batch, in the order in which they were made."""

    def __init__(
        self, behaviour: BatchBehaviour, answer: Answer, note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """answer: of one request. note: told what happens, by the batch's or file's name."""
        self.behaviour = behaviour
        self._clock = clock
        self.sizes: list[int] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._answer = answer
        self._note = note
        self._script = deque(behaviour.script)
        self._faults: dict[str, BatchFault | None] = {}
        self._polls: dict[str, int] = {}
        self._made_at: dict[str, float] = {}
        self._late: dict[str, int] = {}  # batch or file -> questions that were answered as if it were not there yet

    def routes(self) -> list[web.RouteDef]:
        """What is answered under `/v1`."""
        return [
            web.post("/v1/files", self._upload),
            web.get("/v1/files/{id}/content", self._content),
            web.delete("/v1/files/{id}", self._delete),
            web.post("/v1/batches", self._create),
            web.get("/v1/batches", self._list),
            web.get("/v1/batches/{id}", self._retrieve),
            web.post("/v1/batches/{id}/cancel", self._cancel),
        ]

    # ---- files ---------------------------------------------------------------------------------------------------

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = form.get("file")
        if form.get("purpose") != "batch" or not isinstance(given, web.FileField):
            return refuse(400, "a file with the purpose `batch` is wanted")
        content = given.file.read()
        self._note("", "uploaded")
        return web.json_response(self._describe_file(self._keep(content, "in"), content))

    async def _content(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        content = self.files.get(name)
        if content is not None and name in self._late:
            self._late[name] += 1
            content = (None, b"", content[: len(content) // 2], content)[min(self._late[name], 4) - 1]
        if content is None:
            return refuse(404, "no such file")
        return web.Response(body=content, content_type="application/octet-stream")

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if self.files.pop(name, None) is None:
            return refuse(404, "no such file")
        self._note(name, "deleted")
        return web.json_response({"id": name, "object": "file", "deleted": True})

    def _keep(self, content: bytes, kind: str) -> str:
        name = f"file-{kind}-{len(self.files) + 1}"
        self.files[name] = content
        return name

    def _describe_file(self, name: str, content: bytes) -> dict[str, Any]:
        return {
            "id": name, "object": "file", "bytes": len(content), "created_at": 0, "filename": "requests.jsonl",
            "purpose": "batch", "status": "processed",
        }

    # ---- batches -------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("endpoint") != ENDPOINT or body.get("completion_window") != "24h":
            return refuse(400, "endpoint or completion_window is not supported")
        name = f"batch_{len(self.batches) + 1}"
        fault = self._script.popleft() if self._script else None
        if fault is not None and fault.kind == "unmade":
            self._note("", "unmade")
            await asyncio.sleep(3_600)
        content = self.files.get(body.get("input_file_id"))
        lines = [] if content is None else content.splitlines()
        refused = "the input file does not exist" if content is None else _find_fault(lines)
        batch: dict[str, Any] = {
            "id": name, "object": "batch", "endpoint": body["endpoint"], "completion_window": "24h",
            "input_file_id": body.get("input_file_id"), "status": "validating", "created_at": 2**33 + len(self.batches),
            "metadata": body.get("metadata"), "output_file_id": None, "error_file_id": None, "errors": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        if fault is not None and fault.kind == "fail":
            refused = fault.message
        code = "invalid_request"
        if refused is None and content is not None and not self._takes(content):
            code, refused = FULL, (
                f"Enqueued token limit reached for {_name_model(lines)}. Limit: {self.behaviour.queue:,} enqueued "
                "tokens. Please try again once some in_progress batches have been completed."
            )
        if refused is not None:
            batch["status"] = "failed"
            batch["errors"] = {
                "object": "list", "data": [{"code": code, "message": refused, "line": None, "param": None}]
            }
        self.batches[name] = batch
        self.sizes.append(len(lines))
        self._faults[name] = fault
        slow = fault.factor if fault is not None and fault.kind == "slow" else 1
        self._polls[name] = self.behaviour.polls * slow
        self._made_at[name] = self._clock()
        self._note(name, "made")
        if fault is not None and fault.kind == "lost_id":
            await asyncio.sleep(3_600)
        if fault is not None and fault.kind == "dropped_id" and request.transport is not None:
            request.transport.abort()
        if fault is not None and fault.kind == "refused_id":
            return refuse(502, "bad gateway")
        if fault is not None and fault.kind == "late":
            self._late[name] = 0
        return self._tell(batch)

    def _takes(self, content: bytes) -> bool:
        """Whether the queue has room for a file beside those that wait in it."""
        if self.behaviour.queue is None:
            return True
        waiting = [
            self.files[batch["input_file_id"]]
            for batch in self.batches.values()
            if batch["status"] in ("validating", "in_progress")
        ]
        return sum(len(each) // _BYTES_PER_TOKEN for each in (content, *waiting)) <= self.behaviour.queue

    async def _retrieve(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return refuse(404, "no such batch")
        self._note(batch["id"], "polled")
        late = self._late.get(batch["id"])
        if late == 0:
            self._late[batch["id"]] = 1
            return refuse(404, "no such batch")
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            self._polls[batch["id"]] -= 1
            if self._polls[batch["id"]] <= 0 and self._clock() - self._made_at[batch["id"]] >= self.behaviour.seconds:
                self._work_off(batch, self._faults[batch["id"]])
                if late is not None:
                    self._late[batch["output_file_id"]] = 0
                    return self._tell(batch | {"output_file_id": None})
        return self._tell(batch)

    async def _list(self, request: web.Request) -> web.Response:
        newest_first = list(self.batches.values())[::-1]
        after, limit = request.query.get("after"), int(request.query.get("limit", "20"))
        if after is not None:
            places = [place for place, batch in enumerate(newest_first) if batch["id"] == after]
            newest_first = newest_first[places[0] + 1 :] if places else []
        page = newest_first[:limit]
        return web.json_response({
            "object": "list", "data": page, "has_more": len(newest_first) > limit,
            "first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None,
        })

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return refuse(404, "no such batch")
        self._note(batch["id"], "cancelled")
        self._work_off(batch, BatchFault("cancel", share=0.0))
        return self._tell(batch)

    def _tell(self, batch: Mapping[str, Any]) -> web.Response:
        return web.json_response(batch, headers={"retry-after-ms": str(self.behaviour.wait)})

    def _work_off(self, batch: dict[str, Any], fault: BatchFault | None) -> None:
        kind, share = (None, 0.0) if fault is None else (fault.kind, fault.share)
        answers: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for number, raw in enumerate(self.files[batch["input_file_id"]].splitlines()):
            line = json.loads(raw)
            key = line["custom_id"]
            is_hit = Draw("batch", batch["id"], number).unit() < share
            if kind in ("expire", "cancel") and not is_hit:
                code = "batch_expired" if kind == "expire" else "batch_cancelled"
                errors.append(_line(key, None, {"code": code, "message": "this request could not be made in time"}))
                continue
            if kind == "missing" and is_hit:
                continue
            if kind == "status" and is_hit and fault is not None:
                error = {"message": fault.message, "type": "error", "code": None, "param": None}
                said = {"status_code": fault.status, "request_id": "", "body": {"error": error}}
                errors.append(_line(key, said, None))
                continue
            status, body, request_id = self._answer(line["body"])
            body = {"choices": []} if kind == "broken" and is_hit else body
            found = _line(key, {"status_code": status, "request_id": request_id, "body": body}, None)
            (answers if status == 200 else errors).append(found)
        answers.sort(key=lambda line: Draw("order", line["custom_id"]).unit())  # as the work ended
        content = [json.dumps(line).encode() for line in answers]
        if kind == "duplicate":
            content += [json.dumps(line).replace("?", "?!").encode() for line in answers]
        if kind == "garbage":
            namesakes = [json.dumps(_line(answer["custom_id"], None, None)).encode() for answer in answers]
            pairs = zip(namesakes, content, strict=True)
            content = [part for pair in pairs for part in (b"{not json", b'{"custom_id": 7}', b"", *pair)]
            content.append(json.dumps(_line("0" * 64, None, None)).encode())
        batch["status"] = {"expire": "expired", "cancel": "cancelled"}.get(str(kind), "completed")
        batch["output_file_id"] = self._keep(b"\n".join(content) + b"\n", "out") if content else None
        if errors:
            batch["error_file_id"] = self._keep(b"".join(json.dumps(line).encode() + b"\n" for line in errors), "err")
        batch["request_counts"] = {
            "total": len(answers) + len(errors), "completed": len(answers), "failed": len(errors)
        }
        if kind == "too_late":
            for name in ("output_file_id", "error_file_id"):
                self.files.pop(batch[name], None)


def _line(key: str, response: dict[str, Any] | None, error: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": f"batch_req_{key[:12]}", "custom_id": key, "response": response, "error": error}


def _name_model(lines: Sequence[bytes]) -> str:
    return str(json.loads(lines[0])["body"]["model"])


def _find_fault(lines: Sequence[bytes]) -> str | None:
    """What an endpoint checks of a file before it starts."""
    if not lines or len(lines) > MOST_REQUESTS:
        return f"a batch has 1 to {MOST_REQUESTS} requests"
    keys, models = set(), set()
    for number, raw in enumerate(lines, 1):
        try:
            line = json.loads(raw)
            keys.add(line["custom_id"])
            models.add(line["body"]["model"])
            if line["method"] != "POST" or line["url"] != ENDPOINT or len(line["custom_id"]) > 64:
                return f"line {number} is no request of this batch"
        except (ValueError, KeyError, TypeError):
            return f"line {number} is no request"
    if len(keys) != len(lines):
        return "a custom_id stands twice"
    return "a batch asks one model" if len(models) > 1 else None
