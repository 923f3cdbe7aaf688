"""One condition, compiled from text, for the tests about conditions."""

from rules.conditions import Condition
from rules.loading.diagnostics import Report
from rules.loading.fields import LEAD, Scope
from rules.loading.names import declared_names
from rules.loading.reading import reading_of
from rules.loading.yaml_tree import MapNode, read_tree

WHOLE = "ideal_customer: {}\ntemperature: {points: {}}\n"


def compiled(text: str, scope: Scope = LEAD) -> Condition:
    """The condition that `text` (YAML, or JSON) says; it must be sound."""
    report = Report("condition")
    chapters = read_tree(WHOLE, report)
    node = read_tree(text, report)
    assert isinstance(chapters, MapNode)
    assert node is not None
    reading = reading_of(declared_names(chapters, report), report)
    condition = reading.conditions.read(node, scope)
    assert condition is not None, report.sorted()
    return condition
