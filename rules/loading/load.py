"""Loading an agreement: text in, a compiled agreement or every fault of it out.

In this order: the node tree (`yaml_tree`), the shape (`shape_check`, which cuts
out what is faulty), the meaning of what is left (the chapters' readers), and
doubts where there is no error.
"""

from dataclasses import dataclass
from hashlib import sha256
from zoneinfo import ZoneInfo

from rules.agreement import Agreement
from rules.calendars import Calendar
from rules.loading.calendars import read_calendar, read_zone
from rules.loading.clauses import ClauseReader
from rules.loading.diagnostics import Code, Diagnostic, Report
from rules.loading.doubts import report_doubts
from rules.loading.fields import TRAITS
from rules.loading.ladders import read_ladders
from rules.loading.leaves import kind_of
from rules.loading.names import declared_names
from rules.loading.people import read_parties, read_people
from rules.loading.reach import check_reach
from rules.loading.reading import Reading, reading_of
from rules.loading.routing import read_rejection, read_routing, read_stages
from rules.loading.shape_check import check_shape
from rules.loading.shapes import AgreementShape
from rules.loading.temperature import read_temperature
from rules.loading.yaml_tree import FIRST, MapNode, read_tree


@dataclass(frozen=True, slots=True)
class Loaded:
    """The agreement, None if there is an error, and all diagnostics in the file's order."""

    agreement: Agreement | None
    diagnostics: tuple[Diagnostic, ...]


def load_agreement(source: bytes | str, filename: str = "agreement.yaml") -> Loaded:
    """Load the agreement in `source`; `filename` is what diagnostics call it.

    Whatever the bytes are, this returns: faults of the file are diagnostics
    (contract, section 2), all of them at once.
    """
    report = Report(filename)
    root = read_tree(source, report)
    if root is None and report.has_errors:
        return Loaded(None, report.sorted())
    if not isinstance(root, MapNode):
        sentence = (
            "An agreement is a mapping of chapters, beginning with `agreement`, `version` and "
            f"`timezone`; {kind_of(root)} was read."
        )
        report.add(Code.WRONG_TYPE, FIRST if root is None else root.start, sentence)
        return Loaded(None, report.sorted())
    reading = reading_of(declared_names(root, report), report)
    shape = check_shape(root, report)
    content = source.encode("utf-8", "replace") if isinstance(source, str) else source
    agreement = _agreement(shape, sha256(content).hexdigest(), reading)
    if not report.has_errors:
        report_doubts(shape, agreement, reading)
    return Loaded(None if report.has_errors else agreement, report.sorted())


def _agreement(shape: AgreementShape, digest: str, reading: Reading) -> Agreement:
    """What is sound of the agreement; whole only if the report has no error."""
    zone = read_zone(shape.timezone, shape.place("timezone"), reading)
    calendars = _calendars(shape, zone, reading)
    ladders = read_ladders(shape, reading)
    people = read_people(shape, calendars, reading)
    check_reach(shape, people, calendars, reading)
    _check_validity(shape, reading)
    slug = "-".join(shape.agreement.lower().split())
    return Agreement(
        name=shape.agreement,
        version=shape.version,
        digest=digest,
        source=f"/baton/{slug}@{shape.version}",
        summary=shape.summary,
        valid_from=shape.valid.from_ if shape.valid else None,
        valid_until=shape.valid.until if shape.valid else None,
        timezone=zone,
        parties=read_parties(shape, reading),
        people=people,
        calendars=calendars,
        icp=reading.condition(shape, "ideal_customer", TRAITS),
        temperature=read_temperature(shape.temperature, reading) if shape.temperature else None,
        stages=read_stages(shape.stages, reading) if shape.stages else (),
        routing=read_routing(shape, shape.routing, reading) if shape.routing else None,
        clauses=ClauseReader(calendars, ladders, reading).read(shape),
        rejection=read_rejection(shape.rejection, reading) if shape.rejection else None,
    )


def _calendars(shape: AgreementShape, zone: ZoneInfo, reading: Reading) -> dict[str, Calendar]:
    calendars: dict[str, Calendar] = {}
    for name, written in shape.calendars.items():
        reading.names.check_reserved("calendar", name, shape.key_place("calendars", name))
        calendar = read_calendar(name, written, zone, reading)
        if calendar is not None:
            calendars[name] = calendar
    return calendars


def _check_validity(shape: AgreementShape, reading: Reading) -> None:
    valid = shape.valid
    if valid is None or valid.from_ is None or valid.until is None or valid.from_ <= valid.until:
        return
    sentence = f"It ends on {valid.until}, before it begins on {valid.from_}."
    reading.add(Code.CONTRADICTION, valid.place("until"), sentence)
