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
import struct
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
    _forbid()
    random.seed(0)
    report = _run(source, order["answer"], order["output"])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    line = (order["token"] + json.dumps(report) + "\n").encode()
    while line:
        line = line[os.write(channel, line) :]
    os._exit(0)


# Of x86_64. No program that computes needs one of these: other programs, other processes, namespaces, mounts, sockets
# (those to the machine under a virtual one are in no namespace), and what kernels have had holes in.
_FORBIDDEN = (
    41, 56, 57, 58, 59, 101, 103, 135, 155, 161, 163, 165, 166, 167, 169, 175, 176, 179, 246, 248, 249, 250, 272, 298,
    303, 304, 308, 310, 311, 313, 319, 321, 322, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 435, 442,
)  # fmt: skip
_X86_64 = 0xC000003E


def _forbid() -> None:
    """Has the kernel refuse system calls, where that can be had: a seccomp filter that answers EPERM."""
    if os.uname().machine != "x86_64":
        return
    try:
        import ctypes
    except ImportError:  # a smaller Python: the namespaces and the limits hold without it
        return
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse, allow = 0x00050000 | 1, 0x7FFF0000
    count = len(_FORBIDDEN)
    code = [(load, 0, 0, 4), (equal, 0, count + 2, _X86_64), (load, 0, 0, 0), (at_least, count, 0, 0x40000000)]
    code += [(equal, count - index - 1, 0, number) for index, number in enumerate(_FORBIDDEN)]
    code[-1] = (equal, 0, 1, _FORBIDDEN[-1])
    code += [(answer, 0, 0, refuse), (answer, 0, 0, allow)]
    text = b"".join(struct.pack("HBBI", *each) for each in code)
    filter_ = ctypes.create_string_buffer(text, len(text))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(code), ctypes.addressof(filter_))
    set_seccomp, filter_mode = 22, 2
    ctypes.CDLL(None, use_errno=True).prctl(set_seccomp, filter_mode, ctypes.byref(program), 0, 0)


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
