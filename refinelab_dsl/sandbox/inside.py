"""Runs one program inside the strict sandbox, by the machine's own Python (3.8 or newer); refinec reads this file as
text.

Standard input holds one line of JSON (bounds, the name of the wanted variable, a token) and then the program. What
became of it goes to the file descriptor that the first argument names, behind the token: a program that ends the
process itself leaves no such line.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import sys


def main() -> None:
    channel = int(sys.argv[1])
    order = json.loads(sys.stdin.buffer.readline())
    source = sys.stdin.buffer.read()
    os.close(0)
    os.open("/null", os.O_RDONLY)
    seconds = order["seconds"]
    for bound, value, hard in (
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_AS, order["memory"], order["memory"]),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 16, 16),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        resource.setrlimit(bound, (value, hard))
    random.seed(0)
    report = _run(source, order["answer"], order["output"])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    line = (order["token"] + json.dumps(report) + "\n").encode()
    while line:
        line = line[os.write(channel, line) :]
    os._exit(0)


def _run(source: bytes, name: str | None, bound: int) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": __builtins__}
    value = None
    try:
        exec(compile(source, "program", "exec", dont_inherit=True), names)
        if name is not None:
            value = str(names[name] if name in names else _missing(name))
            if len(value) > bound:
                return {"kind": "", "message": "", "output": True}
    except MemoryError:
        return {"kind": "MemoryError", "message": ""}
    except BaseException as error:
        kind = type(error)
        try:
            message = str(error)[:1000]
        except BaseException:
            message = ""
        own = kind.__module__ == "builtins"
        return {"kind": kind.__name__ if own else "", "message": message.encode("utf-8", "replace").decode()}
    return {"value": None if value is None else value.encode("utf-8", "replace").decode()}


def _missing(name: str) -> object:
    raise NameError(f"name {name!r} is not defined")


if __name__ == "__main__":
    main()
