"""`baton demo`: an invented month of leads, replayed with an agreement as it goes by.

Virtual time runs a few days a second on a terminal and at once elsewhere. The
feed is kept as a file, so that `baton explain` and `baton replay` can be tried
on it.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

from rules.decisions import Assigned, Breached, Decision, Met, Retracted, StageChanged
from rules.events import Event
from rules.vocabulary import STAGES, Stage
from rules.wording import printable
from streams.arguments import read_agreement
from streams.codec import encode_event
from streams.feed import Feed

if TYPE_CHECKING:
    from rich.console import Console

    from rules.agreement import Agreement

SPEED: Final = "BATON_DEMO_SPEED"
SEED: Final = 11
LEADS: Final = 30
DAYS: Final = 42
START_AT: Final = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
"""Midnight of Sunday 1 March 2026 in Rome; the hour changes on the 29th."""
FEED_FILE: Final = Path("build/demo/events.jsonl")
_STEP: Final = timedelta(minutes=10)
"""How soon the invented people see what time alone decided."""
_PAUSE_S: Final = 0.06
"""Between two lines on a terminal, at speed 1."""
_NOT_SHOWN: Final = frozenset({"page.viewed"})


class Decides(Protocol):
    """What the demonstration needs of `streams.engine.Engine`."""

    def take(self, event: Event, now: datetime) -> list[Decision]: ...

    def run_until(self, at: datetime) -> list[Decision]: ...


@dataclass(slots=True)
class Tally:
    """What became of everything, counted from the decisions alone."""

    stages: dict[str, Stage] = field(default_factory=dict)
    assigned: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)

    def take(self, decision: Decision) -> None:
        """Count one decision. A breach that is taken back is not a broken promise."""
        self.told[decision.subject] += 1
        self.stages.setdefault(decision.subject, "contact")
        match decision.data:
            case StageChanged(stage=stage):
                self.stages[decision.subject] = stage
            case Assigned(rep=rep):
                self.assigned[rep] += 1
            case Met(clause=clause, due=due, met_at=met_at) if due is None or met_at < due:
                self.kept[clause] += 1
            case Breached(clause=clause):
                self.broken[clause] += 1
            case Retracted(clause=clause):
                self.broken[clause] -= 1
            case _:
                pass


@dataclass(slots=True)
class Screen:
    """Where lines go by: page views and events that come twice are left out."""

    console: "Console"
    agreement: "Agreement"
    speed: float
    _shown: set[tuple[str, str]] = field(default_factory=set)

    def show(self, each: Event | Decision) -> None:
        """Print one line and, at a speed above 0, wait a little."""
        from alerts.console import print_line

        if isinstance(each, Event):
            name = (each.source, each.id)
            if each.type in _NOT_SHOWN or name in self._shown:
                return
            self._shown.add(name)
        print_line(self.console, each, self.agreement)
        if self.speed:
            time.sleep(_PAUSE_S / self.speed)


def perform(engine: Decides, feed: Feed, end_at: datetime) -> Iterator[Event | Decision]:
    """Every event of the feed and every decision up to `end_at`, in order, as it happens."""
    now = START_AT
    while now < end_at:
        event_at = feed.next_at()
        if event_at is not None and event_at <= now + _STEP:
            event = feed.next_event()
            assert event is not None
            now = event_at
            yield event
            decisions = engine.take(event, now)
        else:
            now = min(now + _STEP, end_at)
            decisions = engine.run_until(now)
        for decision in decisions:
            feed.saw(decision, now)
            yield decision


@click.command("demo")
@click.option(
    "--agreement",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An agreement of your own instead of the sample.",
)
@click.option("--seed", default=SEED, show_default=True, help="Another number, another month.")
@click.option(
    "--leads", type=click.IntRange(1, 500), default=LEADS, show_default=True, help="How many leads."
)
def command(agreement: Path | None, seed: int, leads: int) -> None:
    """Show the product at work on an invented month of leads."""
    from rich.console import Console

    from streams.engine import Engine

    console = Console(highlight=False, markup=False, emoji=False)
    speed = _speed(console)
    path = agreement or _sample()
    loaded = read_agreement(path)
    feed = Feed(loaded, seed=seed, leads=leads, start_at=START_AT, days=DAYS)
    tally = Tally()
    screen = Screen(console, loaded, speed)
    name = printable(loaded.name)
    console.print(f"{name}, version {loaded.version}: {leads} invented leads, {DAYS} days.\n")
    FEED_FILE.parent.mkdir(parents=True, exist_ok=True)
    with FEED_FILE.open("wb") as kept:
        for each in perform(Engine(loaded), feed, START_AT + timedelta(days=DAYS)):
            if isinstance(each, Event):
                kept.write(encode_event(each) + b"\n")
            else:
                tally.take(each)
            screen.show(each)
    _summarise(console, tally, loaded)
    _what_next(console, path, max(tally.told, key=lambda lead: tally.told[lead], default="lead-01"))


def _sample() -> Path:
    """The sample agreement, as a path that can be edited where that is short to write."""
    path = Path(str(files("rules") / "agreements" / "acme.yaml"))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _speed(console: "Console") -> float:
    """How fast lines go by: 1 as meant, 2 twice as fast, 0 without waiting."""
    written = os.environ.get(SPEED)
    if written is None:
        return 1.0 if console.is_terminal else 0.0
    try:
        speed = float(written)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 1000:
        raise click.UsageError(
            f"{SPEED} is {written!r}; write a number from 0 (no waiting) to 1000."
        )
    return speed


def _summarise(console: "Console", tally: Tally, agreement: "Agreement") -> None:
    from rich.table import Table

    stages = Counter(tally.stages.values())
    by_stage = [f"{stages[stage]} {stage}" for stage in STAGES if stages[stage]]
    console.print(f"\nLeads by stage: {', '.join(by_stage) or 'none yet'}.")
    names = {key: person.name for key, person in agreement.people.items()}
    given = [f"{names.get(rep, rep)} {count}" for rep, count in sorted(tally.assigned.items())]
    console.print(f"Assignments: {', '.join(given) or 'none'}.\n")
    table = Table("promise", box=None, pad_edge=False)
    table.add_column("kept", justify="right")
    table.add_column("broken", justify="right")
    for clause in agreement.clauses:
        name = clause.name
        table.add_row(name, str(tally.kept[name]), str(tally.broken[name]))
    console.print(table)


def _what_next(console: "Console", agreement: Path, lead: str) -> None:
    baton = Path(sys.argv[0]).absolute()
    name = str(baton.relative_to(Path.cwd())) if baton.is_relative_to(Path.cwd()) else "baton"
    console.print(
        f"\nThese events are in {FEED_FILE}. Try next:\n"
        f"  {name} explain {lead} --agreement {agreement} {FEED_FILE}\n"
        f"  {name} check {agreement}\n"
        f"and then change the agreement, for instance `within: 15m` to `5m`, and run it again.",
        soft_wrap=True,
    )
