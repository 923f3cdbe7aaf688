"""A YAML parser's complaint in the words of somebody who tunes rules, not parsers.

A parser complains where it gets stuck, which is often lines below the mistake:
where one of the usual mistakes explains it, that is what is named, in its place.
"""

import re
from typing import Any, Final

from rules.loading.diagnostics import Code, Mark
from rules.loading.unread_text import odd_space, open_quote, unquoted_hash
from rules.wording import printable

_NO_COLON: Final = "A `:` is missing after this key, or the text spans lines and needs quotes."
_SENTENCES: Final = {
    "mapping values are not allowed": (
        "A `:` cannot stand here. Either the line is indented wrongly, or the text holds a "
        "`: ` and needs quotes."
    ),
    "did not find expected ',' or ']'": (
        "The list that `[` opens here is not closed, or a `,` is missing in it."
    ),
    "did not find expected ',' or '}'": (
        "The mapping that `{` opens here is not closed, or a `,` or `:` is missing in it."
    ),
    "found unexpected end of stream": "The quote that opens here is never closed.",
    "did not find expected '-' indicator": (
        "This line breaks off the list above it. Begin it with `- `, or correct its indentation."
    ),
    "did not find expected key": (
        "This does not fit the lines above it. Correct the indentation, close an open quote or "
        "bracket, or remove what is left over."
    ),
    "could not find expected ':'": _NO_COLON,
    "expected node content": "A value is missing before this place.",
    "found unknown escape character": "After `\\` in double quotes this letter means nothing.",
    "expected comment or line break": (
        "Text that begins with `>` or `|` needs quotes; a comparison is written "
        "`{at_least: 50}` or `{above: 50}`."
    ),
}
_AT_CONTEXT: Final = ("while parsing a flow", "while scanning a simple key", "block scalar")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_QUOTED: Final = "while scanning a quoted"
_LONGEST: Final = 1000
"""Characters of a line that a person wrote; longer ones are not searched for mistakes."""
_FARTHEST: Final = 1000
"""Lines between a mistake and where the parser gets stuck on it."""
_AFTER_A_KEY: Final = ("mapping values are not allowed", "did not find expected key")


def explain(text: str, error: Any) -> tuple[Code, Mark, str]:
    """Under which code, where and what, for a `yaml.MarkedYAMLError` about `text`."""
    problem = str(error.problem or "")
    context = str(error.context or "")
    lines = re.split(r"\r\n|\r|\n", text)
    stuck = _mark(error.problem_mark or error.context_mark)
    opened = _mark(error.context_mark or error.problem_mark)
    usual = _usual(lines, opened, stuck, problem)
    if usual is not None:
        return usual
    at_context = any(each in context for each in _AT_CONTEXT)
    if at_context or (context.startswith(_QUOTED) and "end of stream" in problem):
        stuck = opened
    return Code.SYNTAX, stuck, _sentence(lines, stuck, problem)


def _mark(mark: Any) -> Mark:
    return Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)


def _usual(
    lines: list[str], opened: Mark, stuck: Mark, problem: str
) -> tuple[Code, Mark, str] | None:
    """The usual mistake that explains it, if there is one between the two places."""
    lines = [line if len(line) <= _LONGEST else "" for line in lines]
    odd = odd_space(lines, max(opened.line, stuck.line - 1), stuck.line)
    if odd is not None:
        at, character = odd
        sentence = f"U+{ord(character):04X} is a space that only looks like one. Replace it."
        return Code.BAD_CHARACTER, at, sentence
    if stuck.line - _line_above(lines, opened) > _FARTHEST:
        return None
    quote = open_quote(lines, opened, stuck.line)
    if quote is not None:
        return Code.SYNTAX, quote, "The quote that opens here is not closed on its line."
    hidden = unquoted_hash(lines, _line_above(lines, opened), stuck.line)
    if hidden is not None:
        at, word = hidden
        sentence = f'Text that begins with `#` needs quotes: `"{printable(word)}"`.'
        return Code.SYNTAX, at, sentence
    if any(each in problem for each in _AFTER_A_KEY):
        key = _key_above(lines, stuck)
        return None if key is None else (Code.SYNTAX, key, _NO_COLON)
    return None


def _line_above(lines: list[str], mark: Mark) -> int:
    """The last line before `mark` that says something."""
    number = mark.line - 1
    while number > max(1, mark.line - _FARTHEST) and not (
        number <= len(lines) and _COMMENT.sub("", lines[number - 1]).strip()
    ):
        number -= 1
    return max(1, number)


def _key_above(lines: list[str], stuck: Mark) -> Mark | None:
    """The key without a `:` on the line above `stuck`, blank lines and comments apart."""
    here = lines[stuck.line - 1] if stuck.line <= len(lines) else ""
    indent = len(here) - len(here.lstrip(" -"))
    number = _line_above(lines, stuck)
    written = _COMMENT.sub("", lines[number - 1]).rstrip()
    content = written.lstrip(" -")
    before = len(written) - len(content)
    is_key = ":" not in content and content[:1].isalnum() and before <= indent
    return Mark(number, before + 1) if is_key and number < stuck.line else None


def _sentence(lines: list[str], at: Mark, problem: str) -> str:
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    rest = line[at.column - 1 :]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "The line is indented with a tab. Use spaces."
    if rest.startswith("\t"):
        return "A tab stands here. Use spaces."
    if "cannot start any token" in problem and rest:
        return f"Text that begins with `{printable(rest[0])}` needs quotes."
    if "could not find expected ':'" in problem and rest.startswith(("{", "[")):
        return _SENTENCES["did not find expected '-' indicator"]
    for part, sentence in _SENTENCES.items():
        if part in problem:
            return sentence
    return f"This is not YAML: {printable(problem)}."
