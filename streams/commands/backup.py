"""`baton backup`: a whole copy of the store, also while the service runs."""

from pathlib import Path

import click

from streams.arguments import read_settings, refuse


@click.command("backup")
@click.option(
    "--store", type=click.Path(dir_okay=False, path_type=Path), help="Instead of BATON_STORE."
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(store: Path | None, file: Path) -> None:
    """Copy the store to a file, also while the service runs.

    FILE must be a new one. It is checked and on disk when the command ends.
    """
    from streams.sqlite.backup import backup
    from streams.storage import StorageError

    path = read_settings(store=store).store
    try:
        size = backup(path, file)
    except StorageError as error:
        refuse(str(error))
    click.echo(f"{path} is copied to {file}, {size:,} bytes.")
