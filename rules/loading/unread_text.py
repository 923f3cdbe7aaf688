"""What was meant as text and is none to a parser: looked for once it has complained.

A scan by lines, not another parser: it knows quotes and comments, and is only
asked about the stretch of the file in which the parser got stuck.
"""

import re
from collections.abc import Iterator
from typing import Final

from rules.loading.diagnostics import Mark

_OPENS: Final = re.compile(r"""(?:^\s*(?:- +)*|[:,?]\s+|[\[{]\s*)(["'])""")
_CLOSES: Final = {
    '"': re.compile(r'[^"\\]*(?:\\.[^"\\]*)*"'),
    "'": re.compile(r"[^']*(?:''[^']*)*'(?!')"),
}
_ODD_SPACE: Final = re.compile("(?:^ *|[:,-] *)([\xa0\u1680\u2000-\u200a\u202f\u205f\u3000])")
_COMMENT: Final = re.compile(r"(?:^|(?<=[\s\[{,]))#")
_HASHED: Final = re.compile(r"#[^\s#,\]}\"']+")
_MAY_FOLLOW: Final = re.compile(r"\s*(?:$|[,:\]}]|#)")


def odd_space(lines: list[str], first: int, last: int) -> tuple[Mark, str] | None:
    """The first place where YAML needs a space and another character looks like one."""
    for number in range(first, min(last, len(lines)) + 1):
        found = _ODD_SPACE.search(_read_part(lines[number - 1]))
        if found is not None:
            return Mark(number, found.start(1) + 1), found[1]
    return None


def open_quote(lines: list[str], start: Mark, last: int) -> Mark | None:
    """The quote that is not closed on its line, and that a later quote closes by mistake.

    A quote that rightly spans lines is followed by an end, a bracket or a comma.
    """
    opened: tuple[str, Mark] | None = None
    for number in range(start.line, min(last, len(lines)) + 1):
        line = lines[number - 1]
        at = start.column - 1 if number == start.line else 0
        while True:
            if opened is not None:
                closing = _CLOSES[opened[0]].match(line, at)
                if closing is None:
                    break
                if opened[1].line != number and not _MAY_FOLLOW.match(line, closing.end()):
                    return opened[1]
                at, opened = closing.end(), None
            begun = _next_quote(line, at)
            if begun is None:
                break
            opened = (line[begun], Mark(number, begun + 1))
            at = begun + 1
    return None


def unquoted_hash(lines: list[str], first: int, last: int) -> tuple[Mark, str] | None:
    """The first word on the lines from `first` to `last` that a `#` makes a comment."""
    for number in range(first, min(last, len(lines)) + 1):
        line = lines[number - 1]
        end = len(_read_part(line))
        word = _HASHED.match(line, end)
        if word is not None and _is_in_brackets(line, end):
            return Mark(number, end + 1), word[0]
    return None


def _is_in_brackets(line: str, at: int) -> bool:
    """Whether a bracket is open before `at` that the rest of the line would close."""
    before, after = line[:at], line[at:]
    return any(
        before.count(opening) > before.count(closing) and closing in after
        for opening, closing in ("[]", "{}")
    )


def _read_part(line: str) -> str:
    """`line` up to its comment."""
    end = next((match for match in _comments(line)), len(line))
    return line[:end]


def _comments(line: str) -> Iterator[int]:
    """Where a `#` begins a comment, and not a part of quoted text."""
    at = 0
    while (found := _COMMENT.search(line, at)) is not None:
        quote = _next_quote(line, at)
        if quote is None or quote > found.start():
            yield found.start()
            return
        closing = _CLOSES[line[quote]].match(line, quote + 1)
        if closing is None:
            return
        at = closing.end()


def _next_quote(line: str, at: int) -> int | None:
    """Where the next quote opens from `at` on, before any comment."""
    begun = _OPENS.search(line, at)
    comment = _COMMENT.search(line, at)
    if begun is None or (comment is not None and comment.start() < begun.start(1)):
        return None
    return begun.start(1)
