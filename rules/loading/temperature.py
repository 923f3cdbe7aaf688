"""The chapter `temperature`: who decides, and the three sources (contract, section 2)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from rules.agreement import (
    HorizonLevel,
    PointRules,
    ProfilePoints,
    TemperatureRules,
    TouchLevel,
    TouchPoints,
    TouchRules,
)
from rules.loading.diagnostics import Code
from rules.loading.fields import DATA, WORTH
from rules.loading.leaves import MOST_REMEMBERED, kind_of
from rules.loading.operators import Operators
from rules.loading.reading import Reading
from rules.loading.shapes import (
    HorizonShape,
    PointsShape,
    TemperatureShape,
    TouchesShape,
    TouchPointsShape,
)
from rules.loading.value_tests import compares, equals, every
from rules.loading.yaml_tree import MapNode, Node, Scalar
from rules.vocabulary import TEMPERATURE_SOURCES, TEMPERATURES, Temperature, TemperatureSource
from rules.wording import listed, number, printable

_HOTTEST_FIRST: Final = tuple(reversed(TEMPERATURES))


def read_temperature(shape: TemperatureShape, reading: Reading) -> TemperatureRules:
    """The temperature rules; sources that are faulty or absent are left out."""
    if not reading.names.temperature_sources:
        sentence = f"A temperature needs a source: {listed(TEMPERATURE_SOURCES)}."
        reading.add(Code.EMPTY, shape.place(), sentence)
    return TemperatureRules(
        decided_by=_decided_by(shape, reading),
        highest=shape.decided_by == "highest",
        horizon=_horizon(shape.horizon, reading) if shape.horizon else (),
        touches=_touches(shape.touches, reading) if shape.touches else None,
        points=_points(shape, shape.points, reading) if shape.points else None,
    )


def _decided_by(shape: TemperatureShape, reading: Reading) -> tuple[TemperatureSource, ...]:
    """The sources in their order; by default those that have a chapter."""
    there = reading.names.temperature_sources
    present = tuple(source for source in TEMPERATURE_SOURCES if source in there)
    if shape.decided_by is None or isinstance(shape.decided_by, str):
        return present
    chosen = reading.unique(shape, "decided_by", shape.decided_by)
    if not chosen and shape.is_whole("decided_by"):
        sentence = f"Name the sources that decide: {listed(present)}."
        reading.add(Code.EMPTY, shape.place("decided_by"), sentence)
    for index, source in enumerate(shape.decided_by):
        if source not in there:
            sentence = f"`{source}` decides, but the chapter `temperature.{source}` is absent."
            reading.add(Code.MISSING_CHAPTER, shape.place("decided_by", index), sentence)
    for source in present:
        if source not in chosen and shape.has(source) and shape.is_whole("decided_by"):
            sentence = f"`{source}` decides nothing: it is not in `decided_by`."
            reading.add(Code.NEVER_DECIDES, shape.key_place(source), sentence)
    by_word = {str(source): source for source in TEMPERATURE_SOURCES}
    return tuple(by_word[word] for word in chosen)


def _horizon(shape: HorizonShape, reading: Reading) -> tuple[HorizonLevel, ...]:
    levels: list[HorizonLevel] = []
    edges: set[float] = {0.0}
    for temperature in _HOTTEST_FIRST:
        if shape.has(temperature):
            level = _horizon_level(temperature, shape.node(temperature), edges, reading)
            if level is not None:
                levels.append(level)
    sound = len(levels) == len(shape.model_fields_set) and shape.is_whole()
    if not levels and sound:
        sentence = "Say of which months to purchase a lead is hot: `hot: {below: 6}`."
        reading.add(Code.EMPTY, shape.place(), sentence)
    if sound:
        _check_coverage(shape, levels, sorted(edges), reading)
    return tuple(levels)


def _horizon_level(
    temperature: Temperature, node: Node, edges: set[float], reading: Reading
) -> HorizonLevel | None:
    operators = Operators(reading.report, "months to purchase", "number", ())
    if isinstance(node, MapNode):
        bounds = operators.bounds(node)
        if not node:
            sentence = "Give the months: `at_least`, `above`, `at_most` or `below` a number."
            reading.add(Code.EMPTY, node.start, sentence)
        if operators.failed or not bounds:
            return None
        edges.update(bounds.values())
        test = every([compares(operator, bound) for operator, bound in bounds.items()])
        return HorizonLevel(temperature, test.check, test.words)
    if isinstance(node, Scalar):
        exact = operators.equality(node)
        if exact is None or exact.constants is None:
            return None
        edges.add(float(exact.constants[0]))
        test = equals(exact.constants)
        return HorizonLevel(temperature, test.check, test.words)
    sentence = f"Months such as `{{below: 6}}` are wanted, not {kind_of(node)}."
    reading.add(Code.WRONG_TYPE, node.start, sentence)
    return None


def _check_coverage(
    shape: HorizonShape, levels: list[HorizonLevel], edges: list[float], reading: Reading
) -> None:
    """Warn of months that two levels claim, and of months between levels that none does."""
    between = [(low + high) / 2 for low, high in pairwise(edges)]
    probes = sorted({*edges, *between, edges[-1] + 1})
    claims = [(probe, [each for each in levels if each.matches(probe)]) for probe in probes]
    twice = next((claim for claim in claims if len(claim[1]) > 1), None)
    if twice is not None:
        names = listed(level.temperature for level in twice[1])
        sentence = f"{number(twice[0])} months are {names} at once; the hottest wins."
        where = shape.key_place(twice[1][-1].temperature)
        reading.add(Code.TEMPERATURE_OVERLAP, where, sentence)
    covered = [index for index, claim in enumerate(claims) if claim[1]]
    inner = claims[covered[0] : covered[-1]] if covered else []
    gap = next((probe for probe, claimed in inner if not claimed), None)
    if gap is not None:
        sentence = f"Nothing is said of {number(gap)} months, though of fewer and of more."
        reading.add(Code.TEMPERATURE_GAP, shape.place(), sentence)


def _touches(shape: TouchesShape, reading: Reading) -> TouchRules:
    levels: list[TouchLevel] = []
    for temperature in _HOTTEST_FIRST:
        counts: Mapping[str, int] | None = getattr(shape, temperature)
        if counts is None:
            continue
        sound = [reading.events.touch(name, shape.key_place(temperature, name)) for name in counts]
        if not counts and shape.is_whole(temperature):
            sentence = f"Say which touches make a lead {temperature}: `{{webinar.attended: 2}}`."
            reading.add(Code.EMPTY, shape.place(temperature), sentence)
        hotter = next((each for each in levels if _includes(counts, each.counts)), None)
        if hotter is not None and all(sound) and shape.is_whole(temperature):
            sentence = (
                f"Whoever is `{temperature}` by these touches is `{hotter.temperature}` already; "
                f"ask more touches for `{hotter.temperature}`."
            )
            reading.add(Code.NEVER_DECIDES, shape.key_place(temperature), sentence)
        if counts and all(sound) and shape.is_whole(temperature):
            levels.append(TouchLevel(temperature, counts))
    if not (levels or shape.cold or shape.warm or shape.hot) and _no_level_written(shape):
        reading.add(Code.EMPTY, shape.place(), "Name a level: `hot: {webinar.attended: 2}`.")
    return TouchRules(tuple(levels), shape.within.wall if shape.within else None)


def _no_level_written(shape: TouchesShape) -> bool:
    return shape.is_whole() and not any(shape.has(each) for each in TEMPERATURES)


def _includes(counts: Mapping[str, int], others: Mapping[str, int]) -> bool:
    """Whether whoever reaches `counts` has reached `others` too."""
    return all(counts.get(name, 0) >= count for name, count in others.items())


def _points(whole: TemperatureShape, shape: PointsShape, reading: Reading) -> PointRules:
    profile: list[ProfilePoints] = []
    for each in shape.profile:
        when = reading.condition(each, "when", WORTH)
        if when is not None:
            profile.append(ProfilePoints(when, each.points))
    touches = _touch_points(shape, reading)
    if not shape.touches and not shape.profile and shape.is_whole() and shape.is_whole("touches"):
        sentence = "No touch and no profile earns points, so nobody ever has any."
        reading.add(Code.NEVER_DECIDES, whole.key_place("points"), sentence)
    half_life = shape.half_life.wall if shape.half_life else None
    return PointRules(touches, tuple(profile), half_life, _point_levels(shape, reading))


def _touch_points(shape: PointsShape, reading: Reading) -> dict[str, TouchPoints]:
    touches: dict[str, TouchPoints] = {}
    for name, rule in shape.touches.items():
        reading.events.touch(name, shape.key_place("touches", name))
        if isinstance(rule, (int, float)):
            earned, at_most, when = rule, None, None
            at = shape.place("touches", name)
        else:
            earned, at_most, at = rule.points, rule.at_most, rule.place("points")
            when = reading.condition(rule, "when", DATA)
            _check_cap(name, rule, reading)
        if earned == 0:
            sentence = (
                f"`{printable(name)}` earns 0 points, so it changes nothing: delete it or give "
                "it points."
            )
            reading.add(Code.OUT_OF_RANGE, at, sentence)
        touches[name] = TouchPoints(earned, at_most, when)
    return touches


def _check_cap(name: str, rule: TouchPointsShape, reading: Reading) -> None:
    """A cap leaves something, is of points earned, and needs no more touches than are kept."""
    cap, earned = rule.at_most, rule.points
    if cap is None or earned == 0:
        return
    shown = f"`{printable(name)}`"
    if earned < 0:
        sentence = f"{shown} takes points away, and `at_most` caps what is earned: delete it."
        reading.add(Code.CONTRADICTION, rule.key_place("at_most"), sentence)
    elif cap <= 0:
        sentence = f"A cap of {number(cap)} points leaves nothing of {shown}."
        reading.add(Code.OUT_OF_RANGE, rule.place("at_most"), sentence)
    elif cap > earned * MOST_REMEMBERED:
        sentence = (
            f"It takes over {MOST_REMEMBERED} {shown} at {number(earned)} to reach the cap of "
            f"{number(cap)}, more than are kept of a lead. Lower `at_most`, or delete it: "
            "without a cap, any number counts."
        )
        reading.add(Code.OUT_OF_RANGE, rule.place("at_most"), sentence)


def _point_levels(shape: PointsShape, reading: Reading) -> tuple[tuple[Temperature, int], ...]:
    levels: list[tuple[Temperature, int]] = []
    for temperature in TEMPERATURES:
        points: int | None = getattr(shape.levels, temperature)
        if points is None:
            continue
        if levels and points <= levels[-1][1]:
            colder, fewer = levels[-1]
            sentence = (
                f"`{temperature}` takes {points} points and `{colder}` {fewer}: "
                "a hotter level must take more."
            )
            reading.add(Code.IMPOSSIBLE, shape.levels.place(temperature), sentence)
        levels.append((temperature, points))
    if not levels and shape.levels.is_whole():
        sentence = "Say how many points it takes: `{cold: 1, warm: 20, hot: 50}`."
        reading.add(Code.EMPTY, shape.place("levels"), sentence)
    return tuple(reversed(levels))
