"""Reading typed things off a mapping file's tree; what does not fit is reported in its place.

Every reader gives None for what it has reported (or for what the tree already
has), so that a mapping is only used when its report is clean.
"""

from collections.abc import Sequence
from typing import Final

from rules.loading.diagnostics import Code, Mark, Report
from rules.loading.yaml_tree import ListNode, MapNode, Node, Scalar
from rules.wording import did_you_mean, listed, printable

_KINDS: Final = {ListNode: "a list", MapNode: "a mapping"}


def kind_of(node: Node) -> str:
    """What a node is, in words."""
    if isinstance(node, Scalar):
        return f"`{printable(node.text)}`" if node.text else "nothing"
    return _KINDS[type(node)]


def mapping(
    node: Node, known: Sequence[str], what: str, report: Report, required: Sequence[str] = ()
) -> MapNode | None:
    """`node` as a mapping with no keys but `known`; `what` names it in sentences."""
    if not isinstance(node, MapNode):
        wrong(node, f"{what} is a mapping of {listed(known)}", report)
        return None
    for key in node:
        if key not in known:
            sentence = (
                f"`{printable(key)}` means nothing in {what}.{did_you_mean(key, known)} "
                f"Possible are {listed(known)}."
            )
            report.add(Code.UNKNOWN_KEY, node.key_marks[key], sentence)
    for key in required:
        if key not in node:
            report.add(Code.MISSING_KEY, node.start, f"{what.capitalize()} needs `{key}:`.")
    return node


def text(node: Node | None, what: str, report: Report) -> str | None:
    """`node` as text that is not empty; None where it is absent."""
    if node is None or (isinstance(node, Scalar) and node.broken):
        return None
    if not isinstance(node, Scalar):
        wrong(node, f"{what} is text", report)
        return None
    if not node.text:
        report.add(Code.EMPTY, node.start, f"{what.capitalize()} is empty.")
        return None
    return node.text


def one_of(node: Node | None, words: Sequence[str], what: str, report: Report) -> str | None:
    """`node` as one of `words`; None where it is absent."""
    word = text(node, what, report)
    if word is None or node is None or word in words:
        return word
    sentence = (
        f"{what.capitalize()} can't be `{printable(word)}`.{did_you_mean(word, words)} "
        f"Possible are {listed(words)}."
    )
    report.add(Code.UNKNOWN_WORD, node.start, sentence)
    return None


def items(node: Node | None) -> tuple[Node, ...]:
    """The items of a list, or the one thing that stands in place of a list."""
    if node is None:
        return ()
    return tuple(node) if isinstance(node, ListNode) else (node,)


def texts(node: Node | None, what: str, report: Report) -> tuple[str, ...]:
    """A word or a list of words, as written; a word may be empty (`""`)."""
    found = []
    for each in items(node):
        if isinstance(each, Scalar):
            found.append(each.text)
        else:
            wrong(each, f"{what} is a word or a list of words", report)
    return tuple(found)


def wrong(node: Node, sentence: str, report: Report) -> None:
    """Report that `node` is of another kind than the sentence says is wanted."""
    if isinstance(node, Scalar) and node.broken:
        return
    report.add(Code.WRONG_TYPE, node.start, f"{sentence}, not {kind_of(node)}.")


def mark(node: MapNode, key: str) -> Mark:
    """Where `key` stands, or where the mapping begins that lacks it."""
    return node.key_marks.get(key, node.start)
