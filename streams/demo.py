"""`baton demo`: the service at work on an invented month of leads, which ends in the present.

The feed is planned from a seed. On a terminal a few days go by in a second, and
elsewhere all at once; then the service goes on in real time. The feed is kept as a
file as well, so that `baton replay` can be tried on it.
"""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

from rules.decisions import Assigned, Breached, Decision, Met, Retracted, StageChanged
from rules.events import Event
from rules.vocabulary import STAGES, Stage
from rules.wording import printable
from streams.arguments import read_agreement_text, read_settings, refuse
from streams.codec import encode_event
from streams.feed import Feed

if TYPE_CHECKING:
    from rich.console import Console

    from rules.agreement import Agreement
    from streams.demo_clock import DemoClock, ServedEngine
    from streams.running import Running
    from streams.settings import Settings

SPEED: Final = "BATON_DEMO_SPEED"
SEED: Final = 11
LEADS: Final = 30
DAYS: Final = 42
DIRECTORY: Final = Path("build/demo")
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


def perform(
    engine: Decides, feed: Feed, start_at: datetime, end_at: datetime
) -> Iterator[Event | Decision]:
    """Every event of the feed and every decision up to `end_at`, in order, as it happens."""
    now = start_at
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


@dataclass(slots=True)
class Play:
    """The month as it is played to the service, in a thread of its own."""

    screen: Screen
    feed: Feed
    clock: "DemoClock"
    start_at: datetime
    directory: Path
    agreement_path: Path
    once: bool
    """Stop the service when the month is over."""
    tally: Tally = field(default_factory=Tally)
    engine: "ServedEngine | None" = None
    live: bool = False
    unseen: OSError | None = None
    """Why lines can't be shown any more."""
    stop: Callable[[], object] = lambda: None

    def told(self, decisions: Sequence[Decision]) -> None:
        """Hear of decisions, from the writer's thread: later ones are shown as they come."""
        if self.engine is not None and not self.live:
            self.engine.tell(decisions)
        elif self.live and self.unseen is None:
            try:
                for decision in decisions:
                    self.screen.show(decision)
            except OSError as error:
                self._end(error)

    def begin(self, running: "Running") -> None:
        """The service answers: say where, and begin to play."""
        from streams.demo_clock import ServedEngine

        _introduce(self.screen.console, running, self.agreement_path)
        self.engine = ServedEngine(running.writer, self.clock, running.loop)
        self.stop = running.stopping.ask
        threading.Thread(target=self._run, args=(running,), name="demo", daemon=True).start()

    def _end(self, error: OSError) -> None:
        self.unseen = error
        self.stop()

    def _run(self, running: "Running") -> None:
        try:
            self._play(running)
        except OSError as error:
            self._end(error)

    def _play(self, running: "Running") -> None:
        from streams import clock

        engine = self.engine
        assert engine is not None
        end_at = clock.now()
        with (self.directory / "events.jsonl").open("wb") as kept:
            for each in perform(engine, self.feed, self.start_at, end_at):
                if running.stopping.asked:
                    return
                if isinstance(each, Event):
                    kept.write(encode_event(each) + b"\n")
                else:
                    self.tally.take(each)
                self.screen.show(each)
        _summarise(self.screen.console, self.tally, running.agreement)
        self.live = True
        self.screen.speed = 0
        self.clock.go_live()
        told = self.tally.told
        lead = max(told, key=lambda each: told[each], default="lead-01")
        if self.once:
            running.stopping.ask()
        else:
            _what_next(self.screen.console, running, self.agreement_path, lead)


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
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (127.0.0.1:8080).")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DIRECTORY,
    show_default=True,
    help="Where its store and its events are kept; what was there is removed.",
)
@click.option("--once", is_flag=True, help="Stop when the month is over.")
def command(
    agreement: Path | None,
    seed: int,
    leads: int,
    listen: str | None,
    directory: Path,
    once: bool,
) -> None:
    """Show the service at work on an invented month of leads."""
    from rich.console import Console

    from streams import clock
    from streams.demo_clock import DemoClock
    from streams.logs import configure
    from streams.settings import beyond_loopback_fault

    console = Console(highlight=False, markup=False, emoji=False)
    speed = _speed(console)
    path = agreement or _sample()
    text, loaded = read_agreement_text(path)
    store = directory / "baton.db"
    settings = read_settings(listen=listen, store=store)
    fault = beyond_loopback_fault(settings)
    if fault is not None:
        refuse(fault)
    configure("warning" if settings.log_level == "info" else settings.log_level, "console")
    start_at = _start_of_day(clock.now() - timedelta(days=DAYS), loaded)
    feed = Feed(loaded, seed=seed, leads=leads, start_at=start_at, days=DAYS)
    screen = Screen(console, loaded, speed)
    play = Play(screen, feed, DemoClock(start_at), start_at, directory, path, once)
    _serve(settings, (text, loaded), play)


def _serve(settings: "Settings", agreement: "tuple[bytes, Agreement]", play: Play) -> None:
    from streams.clock import LogClock
    from streams.listening import ListenError
    from streams.running import Hooks, run
    from streams.storage import StorageError

    play.directory.mkdir(parents=True, exist_ok=True)
    hooks = Hooks(
        ready=play.begin,
        told=play.told,
        clock=lambda newest: LogClock(newest, play.clock.now, play.clock.steady_s),
        fresh=True,
    )
    try:
        well = run(settings, agreement, hooks)
    except (ListenError, StorageError) as error:
        refuse(str(error))
    if play.unseen is not None:
        raise play.unseen
    if not well:
        sys.exit(1)


def _start_of_day(at: datetime, agreement: "Agreement") -> datetime:
    day = at.astimezone(agreement.timezone).date()
    return datetime.combine(day, time_of_day(), agreement.timezone).astimezone(UTC)


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


def _introduce(console: "Console", running: "Running", agreement: Path) -> None:
    console.print(
        f"baton is up at {running.url}, with {printable(running.agreement.name)}, version "
        f"{running.agreement.version} ({agreement}).\n"
        f"{DAYS} invented days go by, up to the present. Meanwhile, in another terminal:\n"
        f"  curl '{running.url}/leads?stage=sql'\n"
        f"  curl -N -H 'accept: text/event-stream' {running.url}/decisions\n",
        soft_wrap=True,
    )


def _what_next(console: "Console", running: "Running", agreement: Path, lead: str) -> None:
    baton, url, store = _baton(), running.url, running.store
    console.print(
        f"\nFrom here on it is the present, and the service goes on. Try next:\n"
        f"  {baton} explain {lead} --store {store}\n"
        f"  curl {url}/leads/{lead}\n"
        f"  {_example(url)}\n"
        f"  open {url}/docs in a browser\n"
        f"Then change the agreement, for instance `within: 15m` to `5m`, ask `{baton} check "
        f"{agreement}`, and run it again. Ctrl-C stops the service.",
        soft_wrap=True,
    )


def _example(url: str) -> str:
    """A request for a demonstration by a lead of one's own, as a shell command."""
    event = (
        '{"specversion": "1.0", "id": "mine-1", "source": "/shell", "type": "demo.requested", '
        '"subject": "my-lead", "time": "\'$(date -u +%FT%TZ)\'"}'
    )
    header = "content-type: application/cloudevents+json"
    return f"curl {url}/events -H '{header}' -d '{event}'"


def _baton() -> str:
    """How this program was called, shorter where it can be."""
    path = Path(sys.argv[0])
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else "baton"
