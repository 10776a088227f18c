"""`opsatlas` without waiting for its imports: every call is a fork of a process that has them.

A call is as real as the console script's: a process of its own with its own arguments, folder,
environment and standard streams, which runs the script's `main` and ends with its code. Only what
Python does before `main` is shared, which is most of the time of a short command.

    python -m tests.cli.warm SOCKET     answers at a Unix socket until its standard input ends
"""

import atexit
import functools
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

_IMPORTED = (
    "api.app",
    "api.cli.main",
    "cmdb.importers.registry",
    "kb.suggest",
    "opsatlas.db.migrate",
    "rich.progress",
    "rich.table",
    "search.embedder",
    "search.retriever",
)

_kept: list[subprocess.Popen[bytes]] = []
"""Its standard input stays open as long as this process lives, and so does it."""

_CALLER = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(line, [len(call).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(call)
    code = line.recv(4)
sys.exit(int.from_bytes(code, "big") if code else 70)
"""


@functools.cache
def script() -> Path:
    """An executable `opsatlas` that has such a process, started now, do what it is called for."""
    folder = Path(tempfile.mkdtemp(prefix="opsatlas-warm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address, path = folder / "socket", folder / "opsatlas"
    path.write_text(_CALLER.format(python=sys.executable, address=str(address)), encoding="utf-8")
    path.chmod(0o755)
    command = [sys.executable, "-m", "tests.cli.warm", str(address)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"COLUMNS": "80"}, stdin=subprocess.PIPE
    )
    while not address.exists():
        assert process.poll() is None, "the warm process ended before it listened"
        time.sleep(0.02)
    _kept.append(process)
    return path


def main() -> None:
    """Answer calls, several at once, until whoever started this closes its standard input."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that a child's end wakes `select`
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        waiting: dict[int, socket.socket] = {}
        while True:
            ready, _, _ = select.select([listener.fileno(), wake, 0], [], [])
            if wake in ready:
                os.read(wake, 4096)
                _tell_who_ended(waiting)
            if 0 in ready:
                return
            if listener.fileno() in ready:
                line, _ = listener.accept()
                child = os.fork()
                if not child:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    break
                waiting[child] = line
    _run(line)


def _tell_who_ended(waiting: dict[int, socket.socket]) -> None:
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        code = os.waitstatus_to_exitcode(status)
        with waiting.pop(child) as line:
            line.sendall((code if code >= 0 else 128 - code).to_bytes(4, "big"))


def _run(line: socket.socket) -> None:
    head, streams, _, _ = socket.recv_fds(line, 4, 3)
    size = int.from_bytes(head, "big")
    call = b""
    while len(call) < size:
        call += line.recv(size - len(call))
    line.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Anew, as they remember of what kind the streams of this process were.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    arguments, folder, environment = json.loads(call)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["opsatlas", *arguments]
    from api.cli.main import main as opsatlas

    code: object = 0
    try:
        opsatlas()
    except SystemExit as end:
        code = end.code
    if not isinstance(code, int | None):
        sys.exit(str(code))
    _end(code or 0)


def _end(code: int) -> None:
    """What Python does at its end, but for taking apart every module: after a fork that copies all
    memory and takes a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120  # as Python ends where nobody reads what it writes
    os._exit(code)


if __name__ == "__main__":
    main()
