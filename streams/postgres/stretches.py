"""Tables that are kept in stretches of time: decisions by month, names by week.

A stretch is a table of its own, made ahead by whoever writes, and dropped as a
whole when it is old. It is made beside the big table and then attached, which
keeps nobody from reading or writing meanwhile.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from psycopg import sql

from streams.postgres.connect import Session
from streams.postgres.schema import lock

_WEEK: Final = timedelta(days=7)
_EPOCH: Final = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday."""


class Stretch(NamedTuple):
    """One table: what is from `from_at` on and before `until_at`."""

    parent: str
    from_at: datetime
    until_at: datetime

    @property
    def name(self) -> str:
        """The table's name."""
        return f"{self.parent}_{self.from_at:%Y%m%d}"


def month(at: datetime) -> Stretch:
    """The stretch of decisions in which `at` lies."""
    first = datetime(at.year, at.month, 1, tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    return Stretch("decisions", first, following)


def week(at: datetime) -> Stretch:
    """The stretch of names in which `at` lies."""
    first = _EPOCH + (at - _EPOCH) // _WEEK * _WEEK
    return Stretch("names", first, first + _WEEK)


class Stretches:
    """Which stretches are known to be there; makes those that are not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._there: set[str] = set()

    def make(
        self, of: Callable[[datetime], Stretch], first_at: datetime, last_at: datetime
    ) -> None:
        """See to what is written from `first_at` to `last_at`; outside of a transaction.

        `of` is `month` or `week`. The stretch that follows is made as well, so that
        nobody has to wait for it when its time comes. Raises `StorageError`.
        """
        wanted = [of(first_at)]
        while wanted[-1].from_at <= last_at:
            wanted.append(of(wanted[-1].until_at))
        missing = [each for each in wanted if each.name not in self._there]
        if missing:
            make(self._session, missing)
            self._there |= {each.name for each in missing}


def make(session: Session, stretches: list[Stretch]) -> None:
    """Make those stretches that are not there, in one transaction."""
    with session.transaction("make tables in") as connection:
        lock(connection, session.schema)
        known = {name for _, name in _attached(session)}
        for each in stretches:
            if each.name in known:
                continue
            table, parent = sql.Identifier(each.name), sql.Identifier(each.parent)
            connection.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS)").format(table, parent)
            )
            connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    parent, table, sql.Literal(each.from_at), sql.Literal(each.until_at)
                )
            )


def left_over(session: Session) -> list[str]:
    """Tables that were detached and then not dropped, because whoever did it died."""
    attached = {name for _, name in _attached(session)}
    rows = session.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND relkind = 'r' AND relname ~ '^(names|decisions)_[0-9]{8}$'"
    )
    return [name for (name,) in rows if name not in attached]


def stretches(session: Session, parent: str) -> list[Stretch]:
    """The stretches of `parent` that are there, oldest first."""
    of = month if parent == "decisions" else week
    names = sorted(name for table, name in _attached(session) if table == parent)
    return [of(_from_at(name)) for name in names]


def _attached(session: Session) -> list[tuple[str, str]]:
    """Big table and stretch, by their names."""
    rows = session.rows(
        "SELECT parent.relname, stretch.relname FROM pg_inherits"
        " JOIN pg_class AS parent ON parent.oid = inhparent"
        " JOIN pg_class AS stretch ON stretch.oid = inhrelid"
        " WHERE parent.relkind = 'p' AND parent.relnamespace = current_schema()::regnamespace"
    )
    return [(parent, name) for parent, name in rows]


def _from_at(name: str) -> datetime:
    return datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC)
