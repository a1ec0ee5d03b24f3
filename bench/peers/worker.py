"""A contestant in a process of its own: what crashes, hangs or prints there costs one layer of one peer, not the run.

One JSON object a line goes in, one comes back. Tensors pass through files. See serve.py and native/serve.cpp, which are
the other end.

    {"op": "hello"}                                     -> {"version": "1.2.3"}
    {"op": "prepare", "layer": {...}, "layout": "nhwc",
     "input": FILE, "filter": FILE, "bias": FILE|null,
     "output": FILE}                                    -> {"ns": first run after a warm one, ...} or {"skip": "reason"}
    {"op": "time", "seconds": 0.05, "warm": true}       -> {"ns": [of each run, ...]}
    {"op": "release"}                                   -> {}
"""

import json
import os
import pathlib
import selectors
import signal
import subprocess
import tempfile
import time


class WorkerFailed(Exception):
    """The process ended, answered nothing in time, or said something else than JSON."""


class Worker:
    def __init__(self, command: list[str], environment: dict[str, str] | None = None):
        self.command = [str(word) for word in command]
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen | None = None

    def ask(self, timeout: float, **request) -> dict:
        """The answer. Starts the process if none is alive; after a WorkerFailed the next call gets another one."""
        self.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(self._epitaph()) from None
        line = self._line(timeout)
        try:
            return json.loads(line)
        except ValueError:
            self.stop()
            raise WorkerFailed(f"answered no JSON: {line[:200]!r}") from None

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                pipe.close()
            self.log.close()
            self.process = None

    def start(self) -> None:
        """Starts the process, if none is alive, and does not wait for it."""
        if self.process is not None:
            return
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.environment, bufsize=0)

    def _line(self, timeout: float) -> bytes:
        line, end = b"", time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.stop()
                    raise WorkerFailed(f"no answer within {timeout:.0f} s")
                chunk = self.process.stdout.read(1 << 16)
                if not chunk:
                    raise WorkerFailed(self._epitaph())
                line += chunk
        return line

    def _epitaph(self) -> str:
        """How the process ended, with the last line that it printed."""
        code = self.process.wait()
        self.log.seek(0)
        printed = self.log.read().decode(errors="replace").strip().splitlines()
        self.stop()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{how}: {printed[-1][:200]}" if printed else how


def thread_environment(threads: int) -> dict[str, str]:
    """For the thread pools that libraries make by themselves: as many threads, which spin no longer than a turn's pause."""
    return {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "KMP_BLOCKTIME": "1"}


def scratch_folder() -> tempfile.TemporaryDirectory:
    """In memory where the system has such a place: tensors are up to a few hundred megabytes."""
    memory = pathlib.Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="tconv-peers-", dir=memory if os.access(memory, os.W_OK) else None)
