"""`baton topics`: make Kafka's topics, and see whether they are as they should be."""

import json
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from streams.arguments import read_kafka, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.kafka.topics import Difference, Found, Plan


@click.group("topics")
def command() -> None:
    """Make Kafka's topics, and see whether they are as they should be."""


_replication_option = click.option(
    "--replication",
    type=click.IntRange(1, 100),
    help="Brokers that keep each record (3, or as many as there are).",
)
_retention_option = click.option(
    "--retention-days",
    type=click.IntRange(1, 36_500),
    help="Days for which records are kept, instead of BATON_RETENTION_DAYS.",
)


@command.command("create")
@click.option(
    "--partitions",
    type=click.IntRange(1, 100_000),
    help="Of activity and of decisions (16): how many workers can share the work.",
)
@_replication_option
@_retention_option
@click.option("--change", "may_change", is_flag=True, help="Also change topics that differ.")
def create_command(
    partitions: int | None, replication: int | None, retention_days: int | None, may_change: bool
) -> None:
    """Make the topics that are not there.

    Those that are there stay as they are; what differs is told, and the exit
    status is 1. With --change settings are set and partitions added, after which
    leads are in other partitions than before. Partitions are never taken away.
    """
    from streams.kafka.topics import PARTITIONS, change, create, differences, find, settled

    with _administration() as (admin, connection):
        planned = _plans(admin, connection, partitions, replication, retention_days)
        found = find(admin, connection.topics)
        shrinking = [
            each
            for plan in planned
            if plan.name in found
            for each in differences(plan, found[plan.name])
            if each.kind == "shrink"
        ]
        if shrinking:
            refuse("\n".join(each.sentence for each in shrinking))
        create(
            admin,
            [_with_partitions(plan, PARTITIONS) for plan in planned if plan.name not in found],
        )
        if may_change:
            for plan in planned:
                if plan.name in found:
                    change(admin, plan, found[plan.name])
        now = settled(admin, planned) if may_change else find(admin, connection.topics)
        told = _report(planned, found, now, may_change)
    if told:
        raise click.exceptions.Exit(1)


def _with_partitions(plan: "Plan", partitions: int) -> "Plan":
    from dataclasses import replace

    few = plan.name.endswith("dead-letters")
    return plan if plan.partitions is not None or few else replace(plan, partitions=partitions)


def _report(
    planned: "Sequence[Plan]", before: "dict[str, Found]", now: "dict[str, Found]", changed: bool
) -> "list[Difference]":
    """Say what was done and what is left; what is left."""
    from streams.kafka.topics import differences

    left: list[Difference] = []
    for plan in planned:
        topic = now[plan.name]
        held = f"{_many(topic.partitions, 'partition')} on {_many(topic.replication, 'broker')}"
        was = differences(plan, before.get(plan.name))
        remaining = differences(plan, topic)
        if plan.name not in before:
            click.echo(f"{plan.name} is made: {held}.")
        elif was and not remaining:
            click.echo(f"{plan.name} is changed: {held}.")
        elif not remaining:
            click.echo(f"{plan.name} is there as it should be: {held}.")
        left.extend(remaining)
    for each in left:
        click.echo(each.sentence)
    if not changed and any(each.can_be_changed for each in left):
        click.echo("`baton topics create --change` changes that.", err=True)
    return left


@command.command("describe")
@click.option("--json", "as_json", is_flag=True, help="For machines: JSON lines.")
@_replication_option
@_retention_option
def describe_command(as_json: bool, replication: int | None, retention_days: int | None) -> None:
    """Say how the topics are, and what is not as it should be.

    The exit status is 1 if something is not.
    """
    from streams.kafka.topics import differences, find

    with _administration() as (admin, connection):
        planned = _plans(admin, connection, None, replication, retention_days)
        found = find(admin, connection.topics)
    faults = 0
    for plan in planned:
        topic = found.get(plan.name)
        told = [each.sentence for each in differences(plan, topic)]
        if topic is not None and topic.leaderless:
            told.append(f"{plan.name} has {topic.leaderless} partitions that no broker leads.")
        faults += len(told)
        click.echo(_as_json(plan, topic, told) if as_json else _as_text(plan, topic, told))
    if faults:
        raise click.exceptions.Exit(1)


def _as_json(plan: "Plan", topic: "Found | None", told: list[str]) -> str:
    row: dict[str, Any] = {"topic": plan.name, "exists": topic is not None}
    if topic is not None:
        row |= {
            "id": topic.topic_id,
            "partitions": topic.partitions,
            "replication": topic.replication,
            "in_sync": topic.in_sync,
            "leaderless": topic.leaderless,
            "settings": {key: topic.settings.get(key) for key in plan.settings},
        }
    return json.dumps(row | {"differences": told}, ensure_ascii=False)


def _as_text(plan: "Plan", topic: "Found | None", told: list[str]) -> str:
    lines = []
    if topic is not None:
        lines.append(
            f"{topic.name}: {_many(topic.partitions, 'partition')} on "
            f"{_many(topic.replication, 'broker')}, at least {topic.in_sync} in sync, kept for "
            f"{_kept(topic.settings.get('retention.ms', ''))}"
        )
    return "\n".join([*lines, *told])


def _kept(retention_ms: str) -> str:
    if not retention_ms or int(retention_ms) < 0:
        return "ever"
    days = timedelta(milliseconds=int(retention_ms)) / timedelta(days=1)
    return f"{days:g} days"


def _many(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


@contextmanager
def _administration() -> "Iterator[tuple[Any, Any]]":
    from streams.kafka.connection import BrokerError
    from streams.kafka.topics import administration

    _, connection = read_kafka()
    try:
        with administration(connection) as admin:
            yield admin, connection
    except BrokerError as error:
        refuse(str(error))


def _plans(
    admin: Any, connection: Any, partitions: int | None, replication: int | None, days: int | None
) -> "Sequence[Plan]":
    from streams.arguments import read_settings
    from streams.kafka.topics import REPLICAS, brokers_alive, plans

    copies = replication or min(REPLICAS, brokers_alive(admin))
    if replication is None and copies < REPLICAS:
        click.echo(
            f"With {_many(copies, 'broker')}, records are kept {_times(copies)}: what a broken "
            "disk takes with it is gone. In earnest, run three or more.",
            err=True,
        )
    retention = timedelta(days=days or read_settings().retention_days)
    return plans(connection.topics, partitions, copies, retention)


def _times(copies: int) -> str:
    return "once" if copies == 1 else "twice"
