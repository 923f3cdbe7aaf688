"""A longer search for stories on which engine and reference differ.

    python -m tests.model.search AGREEMENT [STORIES [SEED]]

AGREEMENT is a name such as `Hurry`. Prints the shortest story that it found,
event by event, and the first decision that differs; the exit status is then 1.
"""

import sys

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rules.agreement import Agreement
from tests.model.agreements import AGREEMENTS
from tests.model.playing import Story, account, loaded, shortest, told_apart
from tests.model.strategies import stories


def find(agreement: Agreement, count: int, from_seed: int) -> Story | None:
    """A story on which they differ."""
    found: list[Story] = []

    @seed(from_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def search(data: st.DataObject) -> None:
        story = data.draw(stories(agreement))
        if told_apart(agreement, story)[1] is not None:
            found.append(story)
            raise AssertionError("they differ")

    try:
        search()
    except AssertionError:
        return found[-1]
    return None


def main(name: str, count: str = "1000", from_seed: str = "0") -> int:
    agreement = next(each for each in map(loaded, AGREEMENTS) if each.name.startswith(name))
    story = find(agreement, int(count), int(from_seed))
    if story is None:
        sys.stdout.write(f"{agreement.name}: no difference in {count} stories\n")
        return 0
    sys.stdout.write(account(agreement, shortest(agreement, story)) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
