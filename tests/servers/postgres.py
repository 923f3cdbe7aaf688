"""A real PostgreSQL: Debian's, a cluster of its own in a temporary folder, on loopback.

As used by tests:

    with Postgres() as postgres:
        postgres.start()
        url = postgres.create_database("leads")
        psycopg.connect(url)
        postgres.kill()
        postgres.restart()  # the same port; what was committed is there
"""

import contextlib
import os
import pwd
import secrets
import select
import shutil
import signal
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, LiteralString, Self

import psycopg
from psycopg import sql

from tests.servers.lacking import LackingError
from tests.servers.loopback import HOST, free_port
from tests.servers.process import STOP_S, Process, environment, run

START_S: Final = 180.0
ASK_S: Final = 5
OWNER: Final = "baton"
DEBIAN: Final = Path("/usr/lib/postgresql")
SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
}
# For tests that never crash it. What is committed then waits for no disk.
NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One cluster; it doesn't run before `start()`, and `close()` removes its data.

    It refuses to run as root: then it runs as `postgres`, or `nobody` where that is missing. Raises
    LackingError from the constructor if it is not installed, and StartError from what starts it.
    """

    def __init__(
        self, *, is_durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        """`settings` of postgresql.conf come over ours; `is_durable=False` turns fsync off."""
        programs = installed()
        self._initdb: Final = programs / "initdb"
        self._user: Final = _other_user()
        self.port: Final = free_port()
        self._password: Final = secrets.token_urlsafe(16)
        self.folder: Final = Path(tempfile.mkdtemp(prefix="baton-postgres-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        self._data: Final = self.folder / "data"
        given = SETTINGS | ({} if is_durable else NOT_DURABLE) | dict(settings or {})
        command = [str(programs / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        command += [f"--{name}={value}" for name, value in given.items()]
        log = self.folder / "postgres.log"
        self.process: Final = Process(command, log, cwd=self.folder, user=self._user)

    @property
    def url(self) -> str:
        """For psycopg: the database `postgres`, as superuser."""
        return self.url_of("postgres")

    @property
    def log(self) -> Path:
        """The file that the server logs to."""
        return self.process.log

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self.process.is_running

    def url_of(self, database: str, *, port: int | None = None) -> str:
        """For psycopg: that database; `port`, if a proxy is between."""
        return f"postgresql://{OWNER}:{self._password}@{HOST}:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, the first time with a new cluster, and wait until it answers."""
        if not self._data.exists():
            self._create_cluster()
        self.process.start(self._is_ready, START_S, environment())

    def stop(self) -> None:
        """End it in an orderly way and cut its clients; harmless if it doesn't run."""
        self.process.stop(signal.SIGINT)

    def kill(self) -> None:
        """`kill -9` of all its processes at once.

        What they had written the kernel still has: this is the death of processes, not of power.
        """
        if not self.is_running:
            return
        # Frozen first: it can't start another process, or tidy up, while we kill the rest.
        self.process.signal(signal.SIGSTOP)
        others = _opened(_children(self.process.pid))
        try:
            for each in others:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(each, signal.SIGKILL)
            self.process.kill()
            for each in others:
                # Readable once that process has ended; only then the next start finds nobody.
                assert select.select([each], [], [], STOP_S)[0], "a backend outlives SIGKILL"
        finally:
            for each in others:
                os.close(each)

    def restart(self) -> None:
        """Start it again on the same port and data; stops it first if it runs."""
        self.stop()
        self.start()

    def create_database(self, name: str) -> str:
        """Create a database, empty and new: one of that name is dropped. Returns its URL."""
        self.drop_database(name)
        self._execute("CREATE DATABASE {}", name)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, also if somebody is connected to it."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def cut_connections(self, database: str | None = None) -> int:
        """End the sessions of all clients, or those on one database; returns how many."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                " AND (%(database)s::text IS NULL OR datname = %(database)s)",
                {"database": database},
            ).fetchone()
        assert ended is not None
        return int(ended[0])

    def close(self) -> None:
        """Kill it if it runs, and remove its data."""
        self.kill()
        shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _execute(self, statement: LiteralString, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def _create_cluster(self) -> None:
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        if self._user:
            shutil.chown(password, self._user)
        command = [str(self._initdb), "-D", str(self._data), f"--username={OWNER}"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync"]  # losing a new, empty cluster loses nothing
        run(command, cwd=self.folder, user=self._user)
        password.unlink()

    def _is_ready(self) -> bool:
        """Whether it lets a client in: it doesn't while it recovers from a crash."""
        try:
            psycopg.connect(self.url, connect_timeout=ASK_S).close()
        except psycopg.OperationalError:
            return False
        return True


def installed() -> Path:
    """The folder of the newest `postgres`: Debian keeps it out of PATH."""
    versions = [each for each in DEBIAN.glob("*/bin") if (each / "initdb").exists()]
    if versions:
        return max(versions, key=lambda each: int(each.parent.name))
    found = shutil.which("postgres")
    if found is None or shutil.which("initdb") is None:
        raise LackingError(
            "There is no PostgreSQL here (no 'postgres' and 'initdb' in PATH or under "
            f"{DEBIAN}). On Debian and Ubuntu: apt-get install postgresql"
        )
    return Path(found).parent


def _other_user() -> str:
    """Whom to run it as: nobody else, unless we are root."""
    if os.geteuid():
        return ""
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _children(parent: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            # "pid (name) state parent ...", and a name may hold brackets and blanks
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _opened(pids: Iterable[int]) -> list[int]:
    """A handle on each that still lives: its number may be another's a moment later."""
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            found.append(os.pidfd_open(pid))
    return found
