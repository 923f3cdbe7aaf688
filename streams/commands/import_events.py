"""`baton import`: a CRM's CSV export to events, by a declarative mapping (`docs/import.md`)."""

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, cast

import click

if TYPE_CHECKING:
    from streams.mapping.faults import Fault
    from streams.mapping.files import ExportText, RefusedRows
    from streams.mapping.importing import OpenFile
    from streams.mapping.model import ImportMapping
    from streams.mapping.reading import Row

_Say = Callable[[str], None]
_STDIN = "-"


@click.command(name="import", short_help="Turn a CRM's CSV export into events.")
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(path_type=Path),
    help="The mapping, a YAML file: which columns become which events.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the events go (packed if it ends in .gz); standard output unless given.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where refused rows are kept: a file, or a directory if there are several FILEs. "
    "Unless given, NAME.rejects.csv beside the events.",
)
@click.option(
    "--history",
    is_flag=True,
    help="Load the events into a new store, as the past: nobody is assigned, no clock starts, "
    "nobody is told.",
)
@click.option(
    "--agreement",
    "agreement_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --history: the agreement by which the past is judged.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --history: the new store, instead of BATON_STORE.",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(
    mapping_file: Path,
    out: Path | None,
    rejects: Path | None,
    history: bool,
    agreement_file: Path | None,
    store: Path | None,
    files: tuple[str, ...],
) -> None:
    """Turn a CRM's CSV export into events.

    Each FILE is CSV; `-` is standard input, and .gz is unpacked. The events are
    CloudEvents, one a line, as `baton replay` takes them. Rows that can't be
    taken are reported by line, and kept to be mended and imported again; the
    others are unharmed. docs/import.md describes the mapping's language.

    With --history the events are loaded into a new store for `baton up`: leads
    get their profiles, temperatures and stages, and go on live from there.

    Exit status: 0 all rows taken, 1 some refused, 2 bad usage, mapping or input.
    """
    if history:
        if out is not None:
            raise click.UsageError("--history loads the events into a store; leave out --out.")
        _load_history(mapping_file, rejects, agreement_file, store, files)
        return
    if agreement_file is not None or store is not None:
        raise click.UsageError("--agreement and --store are for --history.")
    if not _import(mapping_file, rejects, files, _writer(out), out):
        sys.exit(1)


def _load_history(
    mapping_file: Path,
    rejects: Path | None,
    agreement_file: Path | None,
    store: Path | None,
    files: tuple[str, ...],
) -> None:
    """Load the events of `files` into a new store."""
    from streams import clock
    from streams.arguments import read_agreement_text, read_settings
    from streams.history import new_store
    from streams.storage import StorageError

    settings = read_settings(agreement=agreement_file, store=store)
    if settings.agreement is None:
        raise click.UsageError(
            "Say by which agreement the past is judged, with --agreement A.yaml."
        )
    text, _ = read_agreement_text(settings.agreement)
    try:
        with new_store(settings.store, text, clock.now()) as history:
            whole = _import(mapping_file, rejects, files, nullcontext(history.add), None, sort=True)
    except StorageError as error:
        _fail(str(error))
    count = history.count
    said = f"{_many(count.taken, 'event')} loaded into {settings.store}"
    if count.repeated:
        said += f", {count.repeated:,} known already"
    if count.moves:
        said += f", {count.moves:,} left out that would have given a lead to somebody"
    if count.refused:
        said += f", {count.refused:,} refused and kept as dead letters (`baton dead-letters list`)"
    click.echo(f"{said}. `baton up` goes on from here.", err=True)
    if not whole or count.refused:
        sys.exit(1)


def _import(
    mapping_file: Path,
    rejects: Path | None,
    files: tuple[str, ...],
    writer: AbstractContextManager[Callable[[bytes], object]],
    out: Path | None,
    *,
    sort: bool = False,
) -> bool:
    """Give the events of `files` to `writer`, with `sort` in order; whether all rows were taken."""
    from streams.mapping.files import UnreadableFileError

    keep_in = _rejects_paths(files, out, rejects)
    mapping = _load(mapping_file)
    try:
        with ExitStack() as stack:
            texts, opened = _open_all(stack, mapping, files)
            kept = {file.name: _refused_rows(stack, file, keep_in[file.name]) for file in opened}
            write = stack.enter_context(writer)
            say = stack.enter_context(_progress(texts))
            _run(opened, mapping.sort or sort, write, kept, say)
    except UnreadableFileError as error:
        _fail(str(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        _fail(f"{error.filename or out or 'The output'} can't be written: {error.strerror}.")
    for file in opened:
        click.echo(_summary(file, kept[file.name].path), err=True)
    return not any(file.count.refused for file in opened)


def _run(
    opened: list["OpenFile"],
    sort: bool,
    write: Callable[[bytes], object],
    kept: dict[str, "RefusedRows"],
    say: _Say,
) -> None:
    from streams.mapping.importing import run

    def refuse(file: "OpenFile", row: "Row", fault: "Fault") -> None:
        say(f"{file.name}:{row.line}: refused[{fault.code}]: {fault.sentence}")
        kept[file.name].keep(row, fault)

    run(opened, sort, write, refuse)


def _load(path: Path) -> "ImportMapping":
    from streams.mapping.loading import load_mapping

    try:
        source = path.read_bytes()
    except OSError as error:
        _fail(f"The mapping {path} can't be read: {error.strerror}.")
    loaded = load_mapping(source, str(path))
    for diagnostic in loaded.diagnostics:
        click.echo(str(diagnostic), err=True)
    if loaded.mapping is None:
        sys.exit(2)
    return loaded.mapping


def _open_all(
    stack: ExitStack, mapping: "ImportMapping", files: tuple[str, ...]
) -> tuple[list["ExportText"], list["OpenFile"]]:
    """Every file with its header read, in the mapping's order: all of them suit, or none is run."""
    from streams.mapping.files import UnreadableFileError, export_text
    from streams.mapping.importing import open_file, section_for

    found: list[tuple[int, ExportText, OpenFile]] = []
    faults = []
    for name in files:
        section = section_for(mapping, name if name == _STDIN else Path(name).name)
        if section is None:
            patterns = " or ".join(f"`{each.pattern}`" for each in mapping.files)
            faults.append(f"{name}: the mapping is for files called {patterns}.")
            continue
        try:
            text = stack.enter_context(export_text(name, section.encoding, sys.stdin.buffer))
            file = open_file(text.name, section, text)
        except UnreadableFileError as error:
            faults.append(str(error))
            continue
        if isinstance(file, str):
            faults.append(f"{name}: {file}")
        else:
            found.append((mapping.files.index(section), text, file))
    if faults:
        _fail("\n".join(faults))
    found.sort(key=lambda each: each[0])
    return [text for _, text, _ in found], [file for _, _, file in found]


def _rejects_paths(
    files: tuple[str, ...], out: Path | None, rejects: Path | None
) -> dict[str, Path]:
    """Where each file's refused rows go. Nothing may be written over an input or another output."""
    from streams.mapping.files import rejects_path

    if rejects is not None and rejects.is_dir():
        paths = {name: rejects_path(name, rejects) for name in files}
    elif rejects is not None:
        if len(files) > 1:
            raise click.UsageError(
                f"There are several FILEs, each with rows of its own to keep: --rejects {rejects} "
                "must be a directory that exists."
            )
        paths = {files[0]: rejects}
    else:
        to_a_file = out is not None and out.parent.is_dir() and (out.is_file() or not out.exists())
        beside = out.parent if out is not None and to_a_file else Path()
        paths = {name: rejects_path(name, beside) for name in files}
    taken: dict[Path, str] = {}
    uses = [(Path(name), "a FILE to read") for name in files if name != _STDIN]
    uses += [(path, "a file for refused rows") for path in paths.values()]
    uses += [(out, "the file for the events")] if out is not None and out.exists() else []
    for path, use in uses:
        before = taken.setdefault(path.resolve(), use)
        if before != use:
            raise click.UsageError(f"{path} can't be {before} and {use} as well.")
    if len({path.resolve() for path in paths.values()}) < len(files):
        raise click.UsageError("Two FILEs have the same name; import them one after the other.")
    return {"stdin" if name == _STDIN else name: path for name, path in paths.items()}


def _refused_rows(stack: ExitStack, file: "OpenFile", path: Path) -> "RefusedRows":
    from streams.mapping.files import RefusedRows

    rows = RefusedRows(path, file.header, file.section.delimiter, file.section.encoding)
    stack.callback(rows.close)
    return rows


@contextmanager
def _writer(out: Path | None) -> Iterator[Callable[[bytes], object]]:
    if out is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    packed = out.name.endswith(".gz")
    with cast("IO[bytes]", gzip.open(out, "wb", 6) if packed else out.open("wb")) as file:
        yield file.write


@contextmanager
def _progress(texts: list["ExportText"]) -> Iterator[_Say]:
    """How to say something while a bar (on a terminal) shows how much has been read."""
    if not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True)
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        for text in texts:
            task = progress.add_task(text.name, total=text.size)
            text.watch = lambda done, task=task: progress.update(task, completed=done)
        yield lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


def _summary(file: "OpenFile", rejects: Path) -> str:
    count = file.count
    said = f"{file.name}: {_many(count.rows, 'row')} gave {_many(count.events, 'event')}"
    if count.without_event:
        said += f"; {_many(count.without_event, 'row')} gave none, as no `when:` held"
    if count.refused:
        said += (
            f"; {_many(count.refused, 'row')} refused and kept in {rejects}: mend them there and "
            "import that file with the same mapping"
        )
    return f"{said}."


def _many(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def _fail(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(2)
