"""Diagnostics: what is wrong or doubtful in an agreement, where, and what to do about it.

The codes are closed: each has a severity, a sentence for the documentation and
a fixture in the tests. A sentence says what was read, why it cannot stand and
what to write instead (contract, section 2).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, NamedTuple

Severity = Literal["error", "warning"]


class Mark(NamedTuple):
    """A place in the file; line and column count from 1."""

    line: int
    column: int


class Code(StrEnum):
    """The closed set of diagnostic codes; see `MEANINGS` and `WARNINGS`."""

    SYNTAX = "syntax"
    BAD_CHARACTER = "bad_character"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    ALIAS = "alias"
    TAG = "tag"
    MERGE_KEY = "merge_key"
    SEVERAL_DOCUMENTS = "several_documents"
    BAD_KEY = "bad_key"
    DUPLICATE_KEY = "duplicate_key"
    UNKNOWN_KEY = "unknown_key"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    EMPTY = "empty"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_WORD = "unknown_word"
    BAD_DURATION = "bad_duration"
    BAD_PERCENT = "bad_percent"
    BAD_DATE = "bad_date"
    BAD_DAY = "bad_day"
    BAD_HOURS = "bad_hours"
    NEVER_OPEN = "never_open"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    UNKNOWN_HOLIDAYS = "unknown_holidays"
    UNDEFINED_PERSON = "undefined_person"
    UNDEFINED_TEAM = "undefined_team"
    UNDEFINED_CALENDAR = "undefined_calendar"
    UNDEFINED_LADDER = "undefined_ladder"
    UNDEFINED_PARTY = "undefined_party"
    UNDEFINED_REASON = "undefined_reason"
    RESERVED_NAME = "reserved_name"
    DUPLICATE_NAME = "duplicate_name"
    UNKNOWN_EVENT = "unknown_event"
    WRONG_EVENT = "wrong_event"
    EMPTY_TEAM = "empty_team"
    NO_WEIGHT = "no_weight"
    IMPOSSIBLE = "impossible"
    CIRCULAR = "circular"
    MISSING_CHAPTER = "missing_chapter"
    UNREACHABLE_STAGE = "unreachable_stage"
    CONTRADICTION = "contradiction"
    AMBIGUOUS_SCALAR = "ambiguous_scalar"
    COMMA_IN_TEXT = "comma_in_text"
    NEAR_MISS = "near_miss"
    LEAD_FIELD_IN_DATA = "lead_field_in_data"
    NO_RULE_MAY_MATCH = "no_rule_may_match"
    UNREACHABLE_RULE = "unreachable_rule"
    UNUSED = "unused"
    TEMPERATURE_GAP = "temperature_gap"
    TEMPERATURE_OVERLAP = "temperature_overlap"
    NEVER_DECIDES = "never_decides"
    NOBODY_TOLD = "nobody_told"
    NO_SLACK = "no_slack"
    BAD_SLACK = "bad_slack"
    NO_CAPACITY = "no_capacity"
    UNKNOWN_CHANNEL = "unknown_channel"
    NO_EFFECT = "no_effect"


MEANINGS: Final[dict[Code, str]] = {
    Code.SYNTAX: "The file is not well-formed YAML here.",
    Code.BAD_CHARACTER: "The file holds bytes that are not UTF-8, or characters nobody can see.",
    Code.TOO_LARGE: "The file is over 4 MiB, or holds over 200,000 values.",
    Code.TOO_DEEP: "Lists and mappings are nested deeper than 32 levels.",
    Code.ALIAS: "YAML anchors (`&x`) and aliases (`*x`) are not allowed.",
    Code.TAG: "YAML tags (`!x`) are not allowed.",
    Code.MERGE_KEY: "The YAML merge key (`<<`) is not allowed.",
    Code.SEVERAL_DOCUMENTS: "The file holds more than one YAML document.",
    Code.BAD_KEY: "A key is a list or a mapping instead of a word.",
    Code.DUPLICATE_KEY: "The same key stands twice in one mapping.",
    Code.UNKNOWN_KEY: "The key means nothing in this place.",
    Code.MISSING_KEY: "A required key is absent.",
    Code.WRONG_TYPE: "Another kind of value is wanted: text, number, true/false, list or mapping.",
    Code.EMPTY: "There is nothing where at least one thing is needed.",
    Code.OUT_OF_RANGE: "The number or duration is too small or too large for what it says.",
    Code.UNKNOWN_WORD: "The word is none of those that are possible here.",
    Code.BAD_DURATION: "Not a duration such as `15m`, `4h` or `2d`.",
    Code.BAD_PERCENT: "Not a percentage from `1%` to `99%`.",
    Code.BAD_DATE: "Not a date such as `2026-12-24`.",
    Code.BAD_DAY: "Not a weekday or range of weekdays, or a weekday given twice.",
    Code.BAD_HOURS: "Not hours such as `09:00-13:00 14:00-18:00`, or they overlap or are empty.",
    Code.NEVER_OPEN: "The calendar has no open minute.",
    Code.UNKNOWN_TIMEZONE: "Not a time zone of the IANA database.",
    Code.UNKNOWN_HOLIDAYS: "No public holidays are known for that country or subdivision.",
    Code.UNDEFINED_PERSON: "The person is not declared under `people`.",
    Code.UNDEFINED_TEAM: "The team is not declared under `routing.teams`.",
    Code.UNDEFINED_CALENDAR: "The calendar is not declared under `calendars`.",
    Code.UNDEFINED_LADDER: "The ladder is not declared under `escalations`.",
    Code.UNDEFINED_PARTY: "The party is not declared under `parties`.",
    Code.UNDEFINED_REASON: "The reason is not among `rejection.reasons`.",
    Code.RESERVED_NAME: "The name has a meaning of its own and cannot be declared.",
    Code.DUPLICATE_NAME: "The same name or entry is given twice.",
    Code.UNKNOWN_EVENT: "A type like baton's own (`lead.`, `deal.` …) that is none of them.",
    Code.WRONG_EVENT: "A known type that cannot be used in this place.",
    Code.EMPTY_TEAM: "The team has no members.",
    Code.NO_WEIGHT: "All members of a round-robin team have weight 0.",
    Code.IMPOSSIBLE: "Thresholds that nothing can satisfy, or that are in the wrong order.",
    Code.CIRCULAR: "A condition reads what it decides.",
    Code.MISSING_CHAPTER: "Something needs a chapter that the file does not have.",
    Code.UNREACHABLE_STAGE: "`routing.at` names a stage that no condition leads to.",
    Code.CONTRADICTION: "Two statements cannot both be meant.",
    Code.AMBIGUOUS_SCALAR: "Other YAML readers would take this text for something else.",
    Code.COMMA_IN_TEXT: "A text with a comma, where a list of several was probably meant.",
    Code.NEAR_MISS: "A name of its own that looks like a misspelt other one.",
    Code.LEAD_FIELD_IN_DATA: "A condition over an event's data names a field of the lead.",
    Code.NO_RULE_MAY_MATCH: "Some leads may match no routing rule and are then left alone.",
    Code.UNREACHABLE_RULE: "A routing rule stands behind one that takes every lead.",
    Code.UNUSED: "A calendar, team or ladder that nothing uses.",
    Code.TEMPERATURE_GAP: "No temperature is given for some months to purchase.",
    Code.TEMPERATURE_OVERLAP: "Two temperatures claim the same months to purchase.",
    Code.NEVER_DECIDES: "A temperature level or source that can never decide anything.",
    Code.NOBODY_TOLD: "`manager` or `party` is told where there is none.",
    Code.NO_SLACK: "A person who may be told has no `slack`.",
    Code.BAD_SLACK: "Not a Slack member id or channel.",
    Code.NO_CAPACITY: "A member of a least-loaded team has no `capacity`.",
    Code.UNKNOWN_CHANNEL: "Not a channel of attempts: call, voicemail, email, message or meeting.",
    Code.NO_EFFECT: "A setting that changes nothing as the rest stands.",
}
"""What each code means: the table of the documentation."""

WARNINGS: Final = frozenset(
    {
        Code.AMBIGUOUS_SCALAR,
        Code.COMMA_IN_TEXT,
        Code.NEAR_MISS,
        Code.LEAD_FIELD_IN_DATA,
        Code.NO_RULE_MAY_MATCH,
        Code.UNREACHABLE_RULE,
        Code.UNUSED,
        Code.TEMPERATURE_GAP,
        Code.TEMPERATURE_OVERLAP,
        Code.NEVER_DECIDES,
        Code.NOBODY_TOLD,
        Code.NO_SLACK,
        Code.BAD_SLACK,
        Code.NO_CAPACITY,
        Code.UNKNOWN_CHANNEL,
        Code.NO_EFFECT,
    }
)
"""Suspicious but legal; every other code is an error."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about one place of the file; `str` renders it as a line of `baton check`."""

    code: Code
    severity: Severity
    line: int
    column: int
    sentence: str
    file: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.severity}[{self.code}]: {self.sentence}"


@dataclass(slots=True)
class Report:
    """Collects the diagnostics of one file; the same finding is kept once."""

    file: str
    _found: dict[Diagnostic, None] = field(default_factory=dict)

    def add(self, code: Code, at: Mark, sentence: str) -> None:
        """Report `code` at `at`; its severity follows from the code."""
        severity: Severity = "warning" if code in WARNINGS else "error"
        found = Diagnostic(code, severity, at.line, at.column, sentence, self.file)
        self._found[found] = None

    @property
    def has_errors(self) -> bool:
        return any(each.severity == "error" for each in self._found)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """The findings in the order of the file."""
        return tuple(sorted(self._found, key=lambda d: (d.line, d.column, d.severity, d.code)))
