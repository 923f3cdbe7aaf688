"""The shape of an agreement file: which keys may stand where, and kinds of values.

Pydantic models over the node tree. They know nothing of names and thresholds;
that comes after (`rules.loading.people` and its neighbours). Every model keeps
the node it was read from, so that later findings have a place.
"""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    Tag,
    model_validator,
)

from rules.loading.diagnostics import Mark
from rules.loading.hours import Days, OpenHours, SpecialHours
from rules.loading.leaves import (
    Amount,
    Count,
    Date,
    Delay,
    Key,
    LookBack,
    Name,
    Number,
    Percent,
    Span,
    Tally,
    Text,
    Whole,
    read_name,
    word,
)
from rules.loading.yaml_tree import FIRST, ListNode, MapNode, Node, Scalar
from rules.vocabulary import TEMPERATURE_SOURCES

TAGS = frozenset({"[scalar]", "[list]", "[mapping]"})
"""Parts of a pydantic location that name a branch, not a place of the file."""


def _branch(node: Any) -> str:
    if isinstance(node, ListNode):
        return "[list]"
    return "[mapping]" if isinstance(node, MapNode) else "[scalar]"


_BRANCH = Discriminator(_branch)


def find(node: Node, *path: str | int) -> Node:
    """The node at `path` below `node`, or the deepest on the way that exists."""
    for step in path:
        below: Node | None = None
        if isinstance(node, MapNode) and isinstance(step, str):
            below = node.get(step)
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node):
            below = node[step]
        if below is None:
            break
        node = below
    return node


class Shape(BaseModel):
    """A mapping of the file with a fixed set of keys."""

    model_config = ConfigDict(extra="forbid", strict=True)
    _node: MapNode = PrivateAttr(default_factory=lambda: MapNode(FIRST))

    @model_validator(mode="wrap")
    @classmethod
    def _keep_node(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, MapNode):
            data.known_keys = _keys(cls)
        shape = handler(data)
        if isinstance(data, MapNode):
            shape._node = data
        return shape

    def place(self, *path: str | int) -> Mark:
        """Where the value at `path` begins, or the deepest part of it that exists."""
        return find(self._node, *path).start

    def key_place(self, *path: str) -> Mark:
        """Where the key that ends `path` begins; this mapping's start if it is absent."""
        node: Node = self._node
        for step in path[:-1]:
            below = node.get(step) if isinstance(node, MapNode) else None
            if below is None:
                return node.start
            node = below
        marks = node.key_marks if isinstance(node, MapNode) else {}
        return marks.get(path[-1], self._node.start)

    def node(self, key: str) -> Node:
        """The node of a key that is present."""
        return self._node[key]

    def has(self, key: str) -> bool:
        """Whether the key is written in the file."""
        return key in self._node

    def is_whole(self, *path: str | int) -> bool:
        """Whether nothing was cut out of the list or mapping at `path` for a fault of its own."""
        node = find(self._node, *path)
        return isinstance(node, Scalar) or not node.pruned


def _keys(shape: type[Shape]) -> tuple[str, ...]:
    found = _KEYS.get(shape)
    if found is None:
        found = tuple(field.alias or name for name, field in shape.model_fields.items())
        _KEYS[shape] = found
    return found


_KEYS: dict[type[Shape], tuple[str, ...]] = {}


def _one_of(*words: str) -> PlainValidator:
    read: Callable[[Any], str] = word(*words)
    return PlainValidator(read)


class Valid(Shape):
    from_: Date | None = Field(default=None, alias="from")
    until: Date | None = None


class PartyShape(Shape):
    owner: Name | None = None
    slack: Name | None = None


class PersonShape(Shape):
    name: Name | None = None
    slack: Name | None = None
    calendar: Name | None = None
    capacity: Amount | None = None
    weight: Amount = 1


class HolidaysShape(Shape):
    country: Name | None = None
    subdivision: Name | None = None
    add: list[Date] = []
    drop: list[Date] = []


class CalendarShape(Shape):
    timezone: Name | None = None
    hours: dict[Days, OpenHours]
    holidays: HolidaysShape | None = None
    special: dict[Date, SpecialHours] = {}


class TouchesShape(Shape):
    cold: dict[Key, Tally] | None = None
    warm: dict[Key, Tally] | None = None
    hot: dict[Key, Tally] | None = None
    within: LookBack | None = None


class HorizonShape(Shape):
    cold: Any = None
    warm: Any = None
    hot: Any = None


class TouchPointsShape(Shape):
    points: Number
    at_most: Number | None = None
    when: Any = None


class ProfilePointsShape(Shape):
    when: Any
    points: Number


class LevelsShape(Shape):
    cold: Whole | None = None
    warm: Whole | None = None
    hot: Whole | None = None


PointsOrShape = Annotated[
    Annotated[Number, Tag("[scalar]")]
    | Annotated[Number, Tag("[list]")]
    | Annotated[TouchPointsShape, Tag("[mapping]")],
    _BRANCH,
]


class PointsShape(Shape):
    touches: dict[Key, PointsOrShape] = {}
    profile: list[ProfilePointsShape] = []
    half_life: LookBack | None = None
    levels: LevelsShape


_Source = Annotated[str, _one_of(*TEMPERATURE_SOURCES)]
DecidedBy = Annotated[
    Annotated[str, _one_of("highest"), Tag("[scalar]")]
    | Annotated[list[_Source], Tag("[list]")]
    | Annotated[str, _one_of("highest"), Tag("[mapping]")],
    _BRANCH,
]


class TemperatureShape(Shape):
    decided_by: DecidedBy | None = None
    horizon: HorizonShape | None = None
    touches: TouchesShape | None = None
    points: PointsShape | None = None


class StagesShape(Shape):
    lead: Any = None
    mql: Any = None
    sql: Any = None
    opportunity: Any = None


class TeamShape(Shape):
    manager: Name | None = None
    members: list[Name]
    by: Annotated[str, _one_of("round_robin", "least_loaded")] = "round_robin"


class RuleShape(Shape):
    name: Name | None = None
    when: Any = None
    team: Name


class RoutingShape(Shape):
    at: Annotated[str, _one_of("lead", "mql", "sql", "opportunity")] = "sql"
    teams: dict[Key, TeamShape] = {}
    rules: list[RuleShape] = []
    keep: Annotated[str, _one_of("account")] | None = None
    outside_hours: Annotated[str, _one_of("assign", "wait")] = "assign"


class EndsShape(Shape):
    event: Name | None = None
    touches: Tally | None = None
    count: Tally | None = None
    distinct: Name | None = None
    where: Any = None


class AttemptsShape(Shape):
    at_least: Count | None = None
    at_most: Count | None = None
    per_channel: dict[Key, Count] = {}


class ThenShape(Shape):
    recycle_after: Delay


class StepShape(Shape):
    after: Delay
    tell: list[Name] = []
    do: Annotated[str, _one_of("reassign")] | None = None
    repeat: Span | None = None
    at_most: Count | None = None


_NameTag = PlainValidator(read_name)
EndsOrName = Annotated[
    Annotated[str, _NameTag, Tag("[scalar]")]
    | Annotated[str, _NameTag, Tag("[list]")]
    | Annotated[EndsShape, Tag("[mapping]")],
    _BRANCH,
]
LadderOrName = Annotated[
    Annotated[str, _NameTag, Tag("[scalar]")]
    | Annotated[list[StepShape], Tag("[list]")]
    | Annotated[str, _NameTag, Tag("[mapping]")],
    _BRANCH,
]


class ClauseShape(Shape):
    clause: Name
    by: Name
    when: Any = None
    starts: Name | None = None
    ends: EndsOrName | None = None
    within: Span | None = None
    attempts: AttemptsShape | None = None
    then: ThenShape | None = None
    calendar: Name | None = None
    warn: list[Percent] = []
    escalate: LadderOrName | None = None


class RejectionShape(Shape):
    reasons: list[Name]
    disqualify: list[Name] = []


class AgreementShape(Shape):
    """The whole file."""

    agreement: Name
    version: Amount
    timezone: Name
    summary: Text = ""
    valid: Valid | None = None
    parties: dict[Key, PartyShape] | None = None
    people: dict[Key, PersonShape] | None = None
    calendars: dict[Key, CalendarShape] = {}
    ideal_customer: Any = None
    temperature: TemperatureShape | None = None
    stages: StagesShape | None = None
    routing: RoutingShape | None = None
    clauses: list[ClauseShape] = []
    escalations: dict[Key, list[StepShape]] = {}
    rejection: RejectionShape | None = None
