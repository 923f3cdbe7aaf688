"""What the reference says was decided: one plain record per decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Told:
    """One decision. `data` is as in the public contract, section 3, without `because`.

    `passed_over` is the sorted list of the reps' names: their reasons are prose.
    """

    subject: str
    sequence: int
    time_at: datetime
    cause: str | None
    type: str
    data: dict[str, Any]
