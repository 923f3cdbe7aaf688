"""A server in a process of its own, which never outlives the process that started it.

How it ends with the session, even if pytest is killed: the kernel kills the server when the thread
that started it ends (PR_SET_PDEATHSIG, set by `setpriv` just before it becomes the server). A test
may restart a server from a thread that soon ends; therefore one thread, which lives as long as this
process, starts them all. The server has a session of its own: Ctrl-C reaches the tests only.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.servers.lacking import LackingError

STOP_S: Final = 30.0
ASK_EVERY_S: Final = 0.05
TAIL_LINES: Final = 40

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-servers")


class StartError(RuntimeError):
    """The server ended or did not answer in time; the message has the tail of its log."""


class Process:
    """A program that can be started, stopped, killed and started again; its log is one file."""

    def __init__(self, command: Sequence[str], log: Path, *, cwd: Path, user: str = "") -> None:
        """`user`: run as this user (we must be root then); by default as who we are."""
        self.log: Final = log
        self._command: Final = list(command)
        self._bound: Final = _bound_to_us(user)
        self._cwd: Final = cwd
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; it must have been started."""
        assert self._popen is not None, "not started"
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended; a frozen one counts."""
        return self._popen is not None and self._popen.poll() is None

    def start(
        self, is_ready: Callable[[], bool], within_s: float, environment: Mapping[str, str]
    ) -> None:
        """Start it and wait until it is ready.

        Raises StartError if it ends or is not ready within that time; it does not run then.
        """
        assert not self.is_running, "already running"
        self._popen = popen = _starter.submit(self._open, environment).result()
        until = time.monotonic() + within_s
        try:
            while not is_ready():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = popen.wait(ASK_EVERY_S)
                    raise StartError(self._explained(f"ended with status {status}"))
                if time.monotonic() > until:
                    raise StartError(self._explained(f"did not answer within {within_s:g} s"))
        except BaseException:
            self.kill()
            raise

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end by a signal, and wait; kill it if it has not ended after 30 s."""
        if self._popen is None:
            return
        # The order matters: a frozen process sees the signal when it goes on.
        self.signal(number)
        self.signal(signal.SIGCONT)
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it by SIGKILL, and wait until it is gone."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(STOP_S)

    def signal(self, number: int) -> None:
        """Send it a signal; one that has ended gets none."""
        if self._popen is not None:
            self._popen.send_signal(number)

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def _open(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self._bound, *self._command],
                cwd=self._cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _explained(self, what: str) -> str:
        return f"{self._command[0]} {what}. The end of {self.log}:\n{self.tail()}"


def run(command: Sequence[str], *, cwd: Path, user: str = "", within_s: float = 120.0) -> None:
    """Run a program to its end, as that user.

    Raises StartError with what it said if it fails.
    """
    done = subprocess.run(
        [*_bound_to_us(user), *command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise StartError(f"{command[0]} failed with status {done.returncode}:\n{said}")


def environment(**more: str) -> dict[str, str]:
    """What a server sees of our environment: nothing but where programs are, and these."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"} | more


def _bound_to_us(user: str) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LackingError(
            "There is no 'setpriv' here, which ends servers with the tests. It is part of "
            "util-linux. On Debian and Ubuntu: apt-get install util-linux"
        )
    other: list[str] = []
    if user:
        entry = pwd.getpwnam(user)
        other = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    # The shell looks whether we still live: we may have ended before the kernel was told.
    orphaned = 'test "$PPID" = "$0" && exec "$@"'
    return [setpriv, "--pdeathsig=KILL", *other, "--", "sh", "-c", orphaned, str(os.getpid())]
