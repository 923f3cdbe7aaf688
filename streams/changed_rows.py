"""Rows of a table in dictionaries that note what was changed: only that is written.

What the router's tables look like to the rules, whatever database they are in.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

from rules.router.state import RouterState

_ACCOUNTS_HELD: Final = 20_000
"""Accounts that are kept in memory at most."""
Row = TypeVar("Row")


class Rows(dict[str, Row], Generic[Row]):
    """A table's rows by their key, which notes those that were changed since it was written."""

    def __init__(self, rows: Mapping[str, Row] | Iterable[tuple[str, Row]] = ()) -> None:
        super().__init__(rows)
        self.changed: dict[str, None] = {}

    def __setitem__(self, key: str, row: Row) -> None:
        self.changed[key] = None
        super().__setitem__(key, row)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.changed[key] = None

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a row and return it, or `default` if there is none."""
        if key in self:
            self.changed[key] = None
        return super().pop(key, *default)

    def _untracked(self, *_: Any, **__: Any) -> Any:
        raise TypeError("rows are changed one by one, so that each change is noted")

    clear = update = setdefault = popitem = __ior__ = _untracked

    def written(self) -> None:
        """Everything that was changed is in the table."""
        self.changed = {}


class AccountRows(Rows[str]):
    """Accounts, looked up in the table when they are first asked for.

    There may be millions, so `len` and iteration see those in memory only.
    """

    def __init__(self, find: Callable[[str], str | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, account: str) -> str:
        # A row that was removed and not yet written must not be found again.
        rep = None if account in self.changed else self._find(account)
        if rep is None:
            raise KeyError(account)
        dict.__setitem__(self, account, rep)
        return rep

    def __delitem__(self, account: str) -> None:
        # Read first, if need be: only what is in memory can be removed from it.
        if account in self:
            super().__delitem__(account)
            return
        raise KeyError(account)

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and self.get(account) is not None

    def get(self, account: str, default: Any = None) -> Any:
        """The account's latest rep."""
        try:
            return self[account]
        except KeyError:
            return default

    def written(self) -> None:
        """Everything that was changed is in the table, and may be forgotten here."""
        super().written()
        if len(self) > _ACCOUNTS_HELD:
            dict.clear(self)


def written(state: RouterState) -> None:
    """The transaction that wrote the changed rows has been committed."""
    for rows in (state.reps, state.accounts, state.turns, state.queue):
        assert isinstance(rows, Rows)
        rows.written()


def present(rows: dict[str, Row]) -> list[tuple[str, Row]]:
    """Changed rows that are there now."""
    assert isinstance(rows, Rows)
    return [(key, rows[key]) for key in rows.changed if dict.__contains__(rows, key)]


def gone(rows: dict[str, Any]) -> list[str]:
    """Keys of changed rows that are not there any more."""
    assert isinstance(rows, Rows)
    return [key for key in rows.changed if not dict.__contains__(rows, key)]
