"""Commits without end to a partition, until killed: `python -m tests.postgres.committing URL`.

Every commit has a lead that counts, two decisions, a request, a name.
"""

import sys

from rules.lead.state import Lead
from streams.postgres.claims import claim
from streams.postgres.connect import open_session
from streams.postgres.store import PartitionStore
from streams.storage import Commit
from tests.conformance.material import DIGEST, SECOND, SOURCE, START_AT
from tests.postgres.material import decision, event
from tests.postgres.test_router import seek


def commit_next(store: PartitionStore) -> int:
    """Commit the next step; its number."""
    offset = store.position()[0] + 1
    lead = store.lead("a")
    points = lead.points if lead else 0
    assert points == offset - 1, (points, offset)
    at = START_AT + offset * SECOND
    taken = event(offset, at=at)
    store.expect([taken])
    assert not store.repeats(taken, at)
    made = [decision("a", 2 * offset - 1, at), decision("a", 2 * offset, at)]
    leads = [Lead(id="a", points=offset)]
    asked = [seek("a", offset)]
    store.commit(Commit(offset, at, leads, made, DIGEST, asked=asked, source=SOURCE))
    return offset


def main() -> None:
    """Commit for ever, and print each number once it is confirmed."""
    with open_session(sys.argv[1], "committing") as session:
        store = PartitionStore(session, claim(session, 0, "topic-1"))
        while True:
            sys.stdout.write(f"{commit_next(store)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
