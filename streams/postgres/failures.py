"""What PostgreSQL's errors mean to whoever runs the service.

Only failures of the outside world become a `StorageError`: a server that is away,
full, locked or damaged. A wrong statement or a broken constraint is a programmer's
error and crashes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from streams.storage import StorageError, StorageReason

_EXACT: Final[dict[str, StorageReason]] = {
    "25006": "read_only",  # read_only_sql_transaction
    "25P03": "unreachable",  # idle_in_transaction_session_timeout: it has ended the session
    "3D000": "not_openable",  # invalid_catalog_name
    "40001": "locked",  # serialization_failure
    "40P01": "locked",  # deadlock_detected
    "42501": "read_only",  # insufficient_privilege
    "53100": "full",  # disk_full
    "53300": "unreachable",  # too_many_connections
    "55P03": "locked",  # lock_not_available
    "57014": "locked",  # query_canceled: statement_timeout
    "XX001": "damaged",  # data_corrupted
    "XX002": "damaged",  # index_corrupted
}
_OF_CLASS: Final[dict[str, StorageReason]] = {
    "08": "unreachable",  # connection exceptions
    "28": "not_openable",  # invalid authorization
    "53": "io",  # insufficient resources
    "57": "unreachable",  # operator intervention: shut down, crashed, starting
    "58": "io",  # system errors
    "XX": "io",  # internal errors
}
_SENTENCES: Final[dict[StorageReason, str]] = {
    "full": "its disk is full. Free some space or give it more; the service goes on by itself, and"
    " nothing that was confirmed is lost",
    "read_only": "it may only be read. Look whether BATON_DATABASE names the primary and not a"
    " standby, and whether its user owns baton's schema",
    "not_openable": "it lets nobody in by that name. Look at the database, user and password in"
    " BATON_DATABASE",
    "unreachable": "it can't be reached, or has ended the connection. Look whether PostgreSQL runs"
    " and has connections left, and whether host and port in BATON_DATABASE are right; the service"
    " tries again by itself, and nothing that was confirmed is lost",
    "locked": "somebody else holds a lock for too long, or it is overloaded. The service tries"
    " again by itself; if that lasts, look at pg_stat_activity and pg_locks",
    "damaged": "it is damaged. Stop the service, keep a copy of the database's files, look after"
    " the disk, and restore the latest backup of the database",
    "not_ours": "its schema is no store of baton. Name another schema with BATON_DATABASE_SCHEMA",
    "too_new": "a newer version of baton wrote it. Install that version",
    "io": "its disk or memory failed, or PostgreSQL itself. Look at PostgreSQL's log; what was"
    " confirmed is in the database",
}


def storage_error(reason: StorageReason, doing: str, where: str, detail: str = "") -> StorageError:
    """The error that says what could not be done, why, and what to do."""
    known = f" ({detail})" if detail else ""
    return StorageError(f"Could not {doing} {where}: {_SENTENCES[reason]}{known}.", reason)


def translated(error: psycopg.Error, doing: str, where: str) -> StorageError | None:
    """`error` as a `StorageError`; None if it is a programmer's, not the outside world's."""
    state = error.sqlstate
    if state is not None:
        reason = _EXACT.get(state) or _OF_CLASS.get(state[:2])
    else:
        # Without a code it comes from the client's side: there is no connection (any more).
        reason = "unreachable" if isinstance(error, psycopg.OperationalError) else None
    detail = " ".join(str(error).split()).rstrip(".")
    return None if reason is None else storage_error(reason, doing, where, detail)


@contextmanager
def failures(doing: str, where: str) -> Iterator[None]:
    """Turn what the outside world does wrong inside into a `StorageError`.

    `doing` completes 'Could not …' and is followed by the database: 'write to'.
    """
    try:
        yield
    except psycopg.Error as error:
        failure = translated(error, doing, where)
        if failure is None:
            raise
        raise failure from error
