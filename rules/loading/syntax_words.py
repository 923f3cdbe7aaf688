"""A YAML parser's complaint in the words of somebody who tunes rules, not parsers."""

import re
from typing import Any, Final

from rules.loading.diagnostics import Mark
from rules.wording import printable

_SENTENCES: Final = {
    "mapping values are not allowed": (
        "A `:` cannot stand here. Either the line is indented wrongly, or the text holds a "
        "`: ` and needs quotes."
    ),
    "did not find expected ',' or ']'": (
        "The list that `[` opens here is not closed, or a `,` is missing in it."
    ),
    "did not find expected ',' or '}'": (
        "The mapping that `{` opens here is not closed, or a `,` is missing in it."
    ),
    "found unexpected end of stream": "The quote that opens here is never closed.",
    "did not find expected '-' indicator": (
        "This line breaks off the list above it. Begin it with `- `, or correct its indentation."
    ),
    "did not find expected key": (
        "This does not fit the lines above it. Correct the indentation, close an open quote or "
        "bracket, or remove what is left over."
    ),
    "could not find expected ':'": (
        "A `:` is missing after this key, or the text spans lines and needs quotes."
    ),
    "found unknown escape character": "After `\\` in double quotes this letter means nothing.",
}
_FLOW: Final = "while parsing a flow"
_QUOTED: Final = "while scanning a quoted"


def explain(text: str, error: Any) -> tuple[Mark, str]:
    """Where and what, for a `yaml.MarkedYAMLError` about `text`."""
    problem = str(error.problem or "")
    context = str(error.context or "")
    mark = error.problem_mark or error.context_mark
    opened = error.context_mark
    if opened is not None and (
        context.startswith(_FLOW) or (context.startswith(_QUOTED) and "end of stream" in problem)
    ):
        mark = opened
    at = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
    return at, _sentence(text, at, problem)


def _sentence(text: str, at: Mark, problem: str) -> str:
    lines = re.split(r"\r\n|\r|\n", text)
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    rest = line[at.column - 1 :]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "The line is indented with a tab. Use spaces."
    if rest.startswith("\t"):
        return "A tab stands here. Use spaces."
    if "cannot start any token" in problem and rest:
        return f"Text that begins with `{printable(rest[0])}` needs quotes."
    for part, sentence in _SENTENCES.items():
        if part in problem:
            return sentence
    return f"This is not YAML: {printable(problem)}."
