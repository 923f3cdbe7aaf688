"""The chapter `clauses`: deadlines and attempt limits (contract, section 2)."""

from collections.abc import Mapping
from typing import Final

from rules.agreement import (
    AttemptClause,
    CalendarRef,
    Clause,
    DeadlineClause,
    Ends,
    Step,
)
from rules.calendars import ALWAYS, Calendar
from rules.loading.diagnostics import Code
from rules.loading.fields import DATA, LEAD
from rules.loading.ladders import read_ladder
from rules.loading.reading import Reading
from rules.loading.shapes import AgreementShape, AttemptsShape, ClauseShape, EndsShape
from rules.wording import did_you_mean, listed, printable

CHANNELS: Final = ("call", "voicemail", "email", "message", "meeting")
_DEADLINE_KEYS: Final = ("starts", "ends", "within")
_CLOCK_KEYS: Final = (*_DEADLINE_KEYS, "warn")
_LIMIT_KEYS: Final = ("attempts", "then")


class ClauseReader:
    """Reads clauses with the calendars and ladders of the same file."""

    def __init__(
        self,
        calendars: Mapping[str, Calendar],
        ladders: Mapping[str, tuple[Step, ...]],
        reading: Reading,
    ) -> None:
        self._calendars = calendars
        self._ladders = ladders
        self._reading = reading

    def read(self, whole: AgreementShape) -> tuple[Clause, ...]:
        """All sound clauses, in the file's order."""
        clauses: list[Clause] = []
        lines: dict[str, int] = {}
        for shape in whole.clauses:
            at = shape.place("clause")
            if shape.clause in lines:
                name, line = printable(shape.clause), lines[shape.clause]
                sentence = f"A clause `{name}` stands at line {line} already. Rename one."
                self._reading.add(Code.DUPLICATE_NAME, at, sentence)
            lines.setdefault(shape.clause, at.line)
            clause = self._clause(shape)
            if clause is not None:
                clauses.append(clause)
        self._check_limits(whole)
        return tuple(clauses)

    def _clause(self, shape: ClauseShape) -> Clause | None:
        reading = self._reading
        if "parties" in reading.names.chapters:
            reading.names.check("party", shape.by, shape.place("by"))
        calendar = self._calendar(shape)
        ladder = self._ladder(shape)
        when = reading.condition(shape, "when", LEAD)
        if not self._has_one_form(shape):
            return None
        if shape.attempts is not None:
            self._check_attempts(shape, shape.attempts)
            return AttemptClause(
                name=shape.clause,
                party=shape.by,
                when=when,
                at_least=shape.attempts.at_least,
                at_most=shape.attempts.at_most,
                per_channel=shape.attempts.per_channel,
                recycle_after=shape.then.recycle_after if shape.then else None,
                calendar=calendar,
                ladder=ladder,
            )
        ends = self._ends(shape)
        if shape.starts is not None:
            reading.events.trigger(shape.starts, shape.place("starts"))
        if shape.starts is None or shape.within is None or ends is None:
            return None
        return DeadlineClause(
            name=shape.clause,
            party=shape.by,
            when=when,
            starts=shape.starts,
            ends=ends,
            within=shape.within,
            calendar=calendar,
            warn=self._warnings(shape),
            ladder=ladder,
        )

    def _has_one_form(self, shape: ClauseShape) -> bool:
        """Whether the clause is a deadline or an attempt limit, entirely; if not, reported.

        A key that was cut out for a fault of its own counts as written, since
        nothing can be said of it any more.
        """
        clock = [key for key in _CLOCK_KEYS if shape.has(key)]
        limit = [key for key in _LIMIT_KEYS if shape.has(key)]
        name = f"`{printable(shape.clause)}`"
        if clock and limit:
            sentence = (
                f"{name} is both a deadline ({listed(clock)}) and a limit on attempts "
                f"({listed(limit)}). Make two clauses of it."
            )
            self._reading.add(Code.CONTRADICTION, shape.key_place(limit[0]), sentence)
            return False
        if not shape.is_whole():
            return bool(clock or limit)
        if not clock and not limit:
            sentence = f"{name} promises nothing. Add `starts`, `ends` and `within`, or `attempts`."
            self._reading.add(Code.MISSING_KEY, shape.place(), sentence)
            return False
        needed = ("attempts",) if limit else _DEADLINE_KEYS
        missing = [key for key in needed if not shape.has(key)]
        if missing:
            kind = "a limit on attempts" if limit else "a deadline"
            sentence = f"{name} is {kind} and lacks {listed(missing)}."
            self._reading.add(Code.MISSING_KEY, shape.place(), sentence)
        return True

    def _calendar(self, shape: ClauseShape) -> CalendarRef:
        name = shape.calendar
        if name is None or name == "always":
            return ALWAYS
        if name == "owner":
            return "owner"
        words = ("always", "owner")
        self._reading.names.check("calendar", name, shape.place("calendar"), words)
        return self._calendars.get(name, ALWAYS)

    def _ladder(self, shape: ClauseShape) -> tuple[Step, ...]:
        if shape.escalate is None:
            return ()
        at = shape.place("escalate")
        if isinstance(shape.escalate, str):
            self._reading.names.check("ladder", shape.escalate, at)
            return self._ladders.get(shape.escalate, ())
        if not shape.escalate and not shape.is_whole("escalate"):
            return ()
        return read_ladder(shape.escalate, at, self._reading)

    def _warnings(self, shape: ClauseShape) -> tuple[float, ...]:
        for index, fraction in enumerate(shape.warn):
            if fraction in shape.warn[:index]:
                sentence = f"{fraction:.0%} is in the list twice. Remove one."
                self._reading.add(Code.DUPLICATE_NAME, shape.place("warn", index), sentence)
        return tuple(sorted(set(shape.warn)))

    def _ends(self, shape: ClauseShape) -> Ends | None:
        ends = shape.ends
        if isinstance(ends, str):
            sound = self._reading.events.trigger(ends, shape.place("ends"))
            return Ends(ends, 1, None, None) if sound else None
        return None if ends is None else self._counted_ends(shape, ends)

    def _counted_ends(self, shape: ClauseShape, ends: EndsShape) -> Ends | None:
        reading = self._reading
        if ends.event is not None:
            reading.events.trigger(ends.event, ends.place("event"))
        where = reading.condition(ends, "where", DATA)
        if ends.event is None and ends.touches is None:
            if ends.is_whole():
                sentence = "Say what ends it: an `event`, or a number of `touches`."
                reading.add(Code.EMPTY, ends.place(), sentence)
            return None
        if ends.touches is not None:
            for key in ("event", "count"):
                if ends.has(key):
                    sentence = f"`touches` counts touches of any type, so `{key}` says otherwise."
                    reading.add(Code.CONTRADICTION, ends.key_place(key), sentence)
            return Ends(None, ends.touches, ends.distinct, where)
        count = ends.count or 1
        if ends.distinct == "type" and count > 1:
            sentence = f"There is one type, `{ends.event}`: {count} different ones never come."
            reading.add(Code.IMPOSSIBLE, ends.place("distinct"), sentence)
        elif ends.distinct is not None and count == 1 and ends.is_whole():
            sentence = "With a count of 1 `distinct` changes nothing."
            reading.add(Code.NO_EFFECT, ends.key_place("distinct"), sentence)
        return Ends(ends.event, count, ends.distinct, where)

    def _check_attempts(self, shape: ClauseShape, attempts: AttemptsShape) -> None:
        least, most = attempts.at_least, attempts.at_most
        if least is None and most is None and not attempts.per_channel and attempts.is_whole():
            sentence = "Give a limit: `at_least`, `at_most` or `per_channel`."
            self._reading.add(Code.EMPTY, shape.place("attempts"), sentence)
        if least is not None and most is not None and least > most:
            sentence = f"Nobody can try at least {least} and at most {most} times."
            self._reading.add(Code.IMPOSSIBLE, attempts.key_place("at_least"), sentence)
        if shape.then is not None and most is None and attempts.is_whole():
            sentence = "`recycle_after` follows the last allowed attempt, so it needs `at_most`."
            self._reading.add(Code.CONTRADICTION, shape.then.place(), sentence)
        for channel, limit in attempts.per_channel.items():
            at = attempts.key_place("per_channel", channel)
            if channel not in CHANNELS:
                hint = did_you_mean(channel, CHANNELS) or f" Known are {listed(CHANNELS)}."
                sentence = f"Attempts have no channel `{printable(channel)}`.{hint}"
                self._reading.add(Code.UNKNOWN_CHANNEL, at, sentence)
            if most is not None and limit > most:
                sentence = f"{limit} is never reached: {most} attempts are allowed in all."
                self._reading.add(Code.NO_EFFECT, at, sentence)

    def _check_limits(self, whole: AgreementShape) -> None:
        """Two clauses that hold for every lead must leave room between them."""
        limits = [
            each.attempts
            for each in whole.clauses
            if each.attempts is not None and not each.has("when") and each.is_whole()
        ]
        caps = [each for each in limits if each.at_most is not None]
        if not caps:
            return
        tightest = min(caps, key=lambda each: each.at_most or 0)
        for each in limits:
            most = tightest.at_most or 0
            if each is not tightest and each.at_least is not None and each.at_least > most:
                sentence = (
                    f"At least {each.at_least} attempts are wanted, but line "
                    f"{tightest.place('at_most').line} allows {most}."
                )
                self._reading.add(Code.CONTRADICTION, each.key_place("at_least"), sentence)
