"""How Python shares out its time: short turns for threads, garbage sought when nothing waits.

A look at everything takes a tenth of a second once some ten thousand leads are in
memory, and everybody waits meanwhile. Values are freed when nobody refers to them
any more; what is left for the looks are the few cycles that errors and closed
connections leave.
"""

import gc
import sys
from typing import Final

from streams.clock import steady_s

_TURN_S: Final = 0.001
"""How long a thread keeps Python to itself while another waits: the answers wait for the engine."""
_NEVER_BY_ITSELF: Final = 1_000_000
_EVERY_S: Final = 600.0


class Pauses:
    """Set up for a service when it is made; to be called while nothing waits."""

    def __init__(self) -> None:
        sys.setswitchinterval(_TURN_S)
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER_BY_ITSELF)
        self._next_s = steady_s() + _EVERY_S

    def __call__(self) -> None:
        """Look for garbage everywhere, if the last time was a while ago."""
        if steady_s() >= self._next_s:
            gc.collect()
            self._next_s = steady_s() + _EVERY_S
