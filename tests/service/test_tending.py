"""The service keeps its file in bounds by itself, a little at a time."""

from datetime import UTC, datetime, timedelta

from rules.events import Event
from streams.codec import encode_event
from streams.sqlite.database import Database
from streams.sqlite.tending import Tending
from streams.storage import Accepted

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KEEP = timedelta(days=40)


def _accepted(number: int) -> Accepted:
    event = Event(f"e{number}", "/web", "page.viewed", "lead-1", NOW, {})
    return Accepted(event, encode_event(event))


def _kept(database: Database) -> int:
    return int(database.connection.execute("SELECT count(*) FROM events").fetchone()[0])


def test_old_events_go_in_small_steps_and_the_newest_stays(tmp_path):
    with Database(tmp_path / "baton.db") as database:
        records = database.log.append([_accepted(number) for number in range(1200)], NOW)
        database.connection.execute("UPDATE position SET offset = ?", (records[-1].offset,))
        tend = Tending(database, KEEP)
        tend(NOW + timedelta(days=39))
        assert _kept(database) == 1200
        later = NOW + timedelta(days=41)
        left = []
        for _ in range(4):
            tend(later)
            left.append(_kept(database))
        assert left[0] > left[1] > left[2] == left[3] == 1


def test_after_a_failure_it_goes_on_with_the_reopened_store(tmp_path):
    with Database(tmp_path / "baton.db") as database:
        tend = Tending(database, KEEP)
        tend(NOW)
        database.reopen()
        tend(NOW)
        assert _kept(database) == 0
