"""A machine whose clock a test sets: `python -m tests.service.machine FILE up …` runs on it.

The real command in a process of its own, but that the log's clock reads FILE in
the place of the system's clocks. Time stands still there until the test moves it,
so that what is stamped and what falls due is known to the microsecond. There is
the true time, with which steady seconds go, and the wall clock, which may be wrong.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from streams.clock import LogClock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Machine:
    """The clocks of a machine that a test holds; every change is there for the next look."""

    def __init__(self, directory: Path, true_at: datetime) -> None:
        self.path = directory / "clock"
        self.true_at = true_at
        self._wrong = timedelta(0)
        self._write()

    @property
    def command(self) -> tuple[str, ...]:
        """What runs `baton` on this machine."""
        return (sys.executable, "-m", "tests.service.machine", str(self.path))

    def pass_by(self, span: timedelta) -> None:
        """Let time pass, by all clocks."""
        self.set_to(self.true_at + span)

    def set_to(self, at: datetime) -> None:
        """Let time pass until `at`."""
        assert at >= self.true_at, "true time never goes back"
        self.true_at = at
        self._write()

    def jump(self, span: timedelta) -> None:
        """Somebody sets the wall clock by so much; no time passes."""
        self._wrong += span
        self._write()

    def _write(self) -> None:
        new = self.path.with_suffix(".new")
        wrong, true = self._wrong // _MICROSECOND, (self.true_at - _EPOCH) // _MICROSECOND
        new.write_text(f"{true} {wrong}")
        # At once, so that nobody reads half a file.
        new.replace(self.path)


def _run(path: Path) -> None:
    """Run the command line with the log's clock on the machine of `path`."""

    def look() -> tuple[int, int]:
        true, wrong = path.read_text().split()
        return int(true), int(wrong)

    def wall() -> datetime:
        return _EPOCH + sum(look()) * _MICROSECOND

    def steady() -> float:
        return look()[0] / 1e6

    LogClock.__init__.__defaults__ = (wall, steady)
    from streams.cli import main

    main()


if __name__ == "__main__":
    clock = Path(sys.argv.pop(1))
    _run(clock)
