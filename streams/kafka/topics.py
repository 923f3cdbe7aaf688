"""The topics: how they should be, how they are, and what a difference means.

Nothing is ever lowered or deleted. The number of partitions can be raised, which
moves leads between them; what that means is said before it is done.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from math import lcm
from typing import Any, Final, Literal

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from streams.kafka.connection import BrokerError, Connection, Topics, told_by, tool_client

PARTITIONS: Final = 16
"""Enough for as many workers; raising it later moves leads, so it is chosen high at the start."""
REPLICAS: Final = 3
REACH_MS: Final = 10_000
_RECORD_BYTES: Final = 1024 * 1024
"""A dead letter holds up to 256 KiB in base64 and what is told of it; the default has the room."""
_SETTLES: Final = 50
_SETTLE_S: Final = 0.1
STAMPS: Final = "message.timestamp.type"
_LEAST: Final = frozenset({"min.insync.replicas", "max.message.bytes", "retention.ms"})
"""Settings of which more than planned is no difference."""

DifferenceKind = Literal["missing", "partitions", "shrink", "replication", "setting"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a topic should be. `partitions` None: any number will do."""

    name: str
    partitions: int | None
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """How a topic is."""

    name: str
    topic_id: str
    partitions: int
    replication: int
    in_sync: int
    """Replicas in sync of the partition that has the fewest."""
    leaderless: int
    """Partitions that nobody leads: nothing can be written to them or read."""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as planned; `setting` is what to set to mend it."""

    topic: str
    kind: DifferenceKind
    sentence: str
    setting: tuple[str, str] | None = None

    @property
    def can_be_changed(self) -> bool:
        """Whether `change` mends it."""
        return self.kind in ("partitions", "setting")


@contextmanager
def administration(connection: Connection) -> Iterator[Any]:
    """A client that administers the brokers; what goes wrong with it is a `BrokerError`."""
    with told_by(connection):
        admin = tool_client(
            connection,
            KafkaAdminClient,
            bootstrap_timeout_ms=REACH_MS,
            request_timeout_ms=REACH_MS,
        )
        try:
            yield admin
        finally:
            admin.close()


def plans(
    topics: Topics, partitions: int | None, replication: int, retention: timedelta
) -> tuple[Plan, Plan, Plan]:
    """The plan of each topic. Dead letters are few: they have one partition, so one order."""
    settings = {
        STAMPS: "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(retention // timedelta(milliseconds=1)),
        "min.insync.replicas": str(max(1, min(2, replication - 1))),
        "max.message.bytes": str(_RECORD_BYTES),
    }
    return (
        Plan(topics.activity, partitions, replication, settings),
        Plan(topics.decisions, partitions, replication, settings),
        Plan(topics.dead_letters, None, replication, settings),
    )


def brokers_alive(admin: Any) -> int:
    """How many brokers take part in the cluster now."""
    brokers = admin.describe_cluster()["brokers"]
    return sum(not each.get("is_fenced") for each in brokers)


def find(admin: Any, names: Sequence[str]) -> dict[str, Found]:
    """The topics of these names that there are."""
    described = {
        each["name"]: each for each in admin.describe_topics(list(names)) if not each["error_code"]
    }
    if not described:
        return {}
    resources = [ConfigResource("TOPIC", name) for name in described]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {name: _found(topic, configs.get(name, {})) for name, topic in described.items()}


def _found(topic: Mapping[str, Any], configs: Mapping[str, Any]) -> Found:
    parts = topic["partitions"]
    return Found(
        name=topic["name"],
        topic_id=str(topic.get("topic_id", "")),
        partitions=len(parts),
        replication=min((len(each["replica_nodes"]) for each in parts), default=0),
        in_sync=min((len(each["isr_nodes"]) for each in parts), default=0),
        leaderless=sum(each["leader_id"] < 0 for each in parts),
        settings={key: each["value"] for key, each in configs.items() if each["value"] is not None},
    )


def differences(plan: Plan, found: Found | None) -> list[Difference]:
    """What is not as planned."""
    name = plan.name
    if found is None:
        return [Difference(name, "missing", f"{name} is not there.")]
    told: list[Difference] = []
    if plan.partitions is not None and found.partitions < plan.partitions:
        told.append(Difference(name, "partitions", _raising(name, found, plan.partitions)))
    if plan.partitions is not None and found.partitions > plan.partitions:
        sentence = (
            f"{name} has {found.partitions} partitions and would have to lose "
            f"{found.partitions - plan.partitions}. Kafka can't take partitions away, and what is "
            "in them would be lost; go on with as many."
        )
        told.append(Difference(name, "shrink", sentence))
    if found.replication < plan.replication:
        sentence = (
            f"{name} is kept on {_brokers(found.replication)} instead of {plan.replication}. Move "
            "it with kafka-reassign-partitions.sh, which comes with Kafka."
        )
        told.append(Difference(name, "replication", sentence))
    for key, value in plan.settings.items():
        has = found.settings.get(key)
        if has != value and not (key in _LEAST and has is not None and _enough(has, value)):
            sentence = f"{name} has {key} {has} instead of {value}. {_MEANS.get(key, '')}".rstrip()
            told.append(Difference(name, "setting", sentence, (key, value)))
    return told


_MEANS: Final = {
    STAMPS: "Records would bear the time of whoever sends them, and deadlines would follow wrong "
    "clocks.",
    "cleanup.policy": "Kafka would throw away events that are still to be taken.",
    "retention.ms": "Records would be thrown away too soon.",
    "min.insync.replicas": "What was confirmed could be lost with one broker.",
    "max.message.bytes": "Large events could not be written.",
}


def _enough(has: str, wanted: str) -> bool:
    # Without a limit, retention.ms is -1.
    return int(has) < 0 or int(has) >= int(wanted)


def _brokers(count: int) -> str:
    return f"{count} broker{'' if count == 1 else 's'}"


def _raising(name: str, found: Found, wanted: int) -> str:
    # A lead stays where both remainders of its hash are the same.
    stay = round(100 * found.partitions / lcm(found.partitions, wanted))
    moved = f"{100 - stay} of 100 leads move"
    return (
        f"{name} has {found.partitions} partitions instead of {wanted}. Raising that is for good, "
        f"and {moved} to another partition. Nothing is lost and nothing decided twice: who reads "
        "knows what it has taken. But while old records of a lead wait in one partition, new ones "
        "may be taken in another before them. So stop what sends (`baton intake`, `baton send`), "
        "wait until `baton lag` shows that nothing is waiting, raise it, and start again."
    )


def create(admin: Any, missing: Iterable[Plan]) -> None:
    """Make topics, and wait until they can be used."""
    wanted = {
        plan.name: {
            "num_partitions": plan.partitions or 1,
            "replication_factor": plan.replication,
            "configs": dict(plan.settings),
        }
        for plan in missing
    }
    if wanted:
        admin.create_topics(wanted, wait_for_metadata=True)


def settled(admin: Any, planned: Sequence[Plan]) -> dict[str, Found]:
    """The topics once every broker knows of the changes, or after a few seconds as they are."""
    for _ in range(_SETTLES):
        found = find(admin, [plan.name for plan in planned])
        told = [each for plan in planned for each in differences(plan, found.get(plan.name))]
        if not any(each.kind == "missing" or each.can_be_changed for each in told):
            break
        time.sleep(_SETTLE_S)
    return found


def change(admin: Any, plan: Plan, found: Found) -> None:
    """Mend what can be mended: raise the number of partitions, set what differs."""
    told = differences(plan, found)
    configs = dict(each.setting for each in told if each.setting is not None)
    if configs:
        (outcome,) = admin.alter_configs([ConfigResource("TOPIC", plan.name, configs)])[
            "topic"
        ].values()
        if outcome != "OK":
            raise BrokerError(f"Kafka does not change {plan.name}: {outcome}.")
    if any(each.kind == "partitions" for each in told):
        admin.create_partitions({plan.name: plan.partitions})
