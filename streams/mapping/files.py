"""The files of an import: exports as text, and what is kept of refused rows.

A file of refused rows is the export's own header and rows, to the byte, behind
one more column that says why each was refused. Imports pass that column over,
so that the rows can be mended where they are and imported with the same mapping.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, cast

from rules.wording import printable
from streams.mapping.applying import REFUSED_COLUMN
from streams.mapping.faults import Fault
from streams.mapping.reading import Row

_REASON: Final = re.compile(r'(?:"(?:[^"]|"")*"|[^"]*?)', re.DOTALL)
_LOOK_EVERY: Final = 1 << 16
"""Characters read between two reports of progress."""


class UnreadableFileError(Exception):
    """An export can't be read (on); the message is a sentence for whoever named it."""


class ExportText:
    """The text of an export, read line by line; `watch` hears how many bytes are behind it."""

    def __init__(self, name: str, text: io.TextIOWrapper, raw: IO[bytes], size: int | None) -> None:
        self.name = name
        self.size = size
        """The bytes of the file as it lies on disk; None where there is no telling."""
        self.watch: Callable[[int], object] | None = None
        self._text = text
        self._raw = raw
        self._unreported = 0

    def readline(self, size: int = -1, /) -> str:
        """The next line, at most `size` characters; raises `UnreadableFileError`."""
        try:
            line = self._text.readline(size)
        except UnicodeError:
            sentence = f"the file is not {self._text.encoding} text; say its `encoding:`"
            raise UnreadableFileError(f"{self.name}: {sentence} in the mapping.") from None
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"{self.name}: can't be read: {_why(error)}.") from None
        self._unreported += len(line)
        if self.watch is not None and self.size and (self._unreported > _LOOK_EVERY or not line):
            self._unreported = 0
            self.watch(self._raw.tell())
        return line


@contextmanager
def export_text(name: str, encoding: str, stdin: IO[bytes]) -> Iterator[ExportText]:
    """Open a CSV file, unpacked if its name ends in .gz; `-` is `stdin`.

    Bytes that are no text become lone surrogates. Raises `UnreadableFileError`.
    """
    with ExitStack() as stack:
        raw, size = stdin, None
        if name != "-":
            path = Path(name)
            try:
                raw = stack.enter_context(path.open("rb"))
                size = path.stat().st_size if path.is_file() else None
            except OSError as error:
                raise UnreadableFileError(f"{name}: can't be read: {_why(error)}.") from None
        data = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if name.endswith(".gz") else raw
        text = io.TextIOWrapper(data, encoding, errors="surrogateescape", newline="")
        try:
            yield ExportText("stdin" if name == "-" else name, text, raw, size)
        finally:
            text.detach()  # whoever opened the bytes closes them


def rejects_path(name: str, beside: Path) -> Path:
    """Where the refused rows of FILE `name` go unless told otherwise."""
    base = "stdin" if name == "-" else Path(name).name.removesuffix(".gz")
    return beside / f"{base.removesuffix('.csv')}.rejects.csv"


class RefusedRows:
    """The refused rows of one export; the file is only made when there is one."""

    def __init__(self, path: Path, header: Row, delimiter: str, encoding: str) -> None:
        self.path = path
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self._delimiter = delimiter
        self._header = header
        self._again = header.cells[:1] == [REFUSED_COLUMN]
        self._file: IO[str] | None = None

    def keep(self, row: Row, fault: Fault) -> None:
        """Write `row` as it stood, and why it was refused. Raises OSError."""
        if self._file is None:
            self._file = self.path.open(
                "w", encoding=self._encoding, errors="surrogateescape", newline=""
            )
            self._write(REFUSED_COLUMN, self._header.raw)
        reason = f"{fault.code}: {fault.sentence}".replace('"', '""')
        spelled = reason.encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._write(f'"{spelled}"', row.raw)

    def close(self) -> None:
        """Close the file, if one was made."""
        if self._file is not None:
            self._file.close()

    def _write(self, first: str, raw: str) -> None:
        assert self._file is not None
        if self._again:  # the row was refused before: its old reason makes way
            old = re.match(_REASON.pattern + re.escape(self._delimiter), raw, re.DOTALL)
            raw = raw[old.end() :] if old else raw
        end = "" if raw.endswith(("\n", "\r")) else "\n"
        self._file.write(f"{first}{self._delimiter}{raw}{end}")


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return printable(str(error)) or "it breaks off"
