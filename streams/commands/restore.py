"""`baton restore`: a backup in the place of the store."""

from pathlib import Path

import click

from streams.arguments import read_settings, refuse


@click.command("restore")
@click.option(
    "--store", type=click.Path(dir_okay=False, path_type=Path), help="Instead of BATON_STORE."
)
@click.option("--force", is_flag=True, help="Also where there is a store: it is kept beside.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(store: Path | None, force: bool, file: Path) -> None:
    """Put a backup in the place of the store.

    The service must not be running. What was decided after the backup is
    decided again where its events come again. People may have been told of
    decisions that the backup does not know to be told: the restored store is
    marked, so that they are not told again before somebody has said so.
    """
    from streams import clock
    from streams.sqlite.backup import restore
    from streams.storage import StorageError

    path = read_settings(store=store).store
    was_there = path.exists()
    try:
        restore(file, path, clock.now(), force=force)
    except StorageError as error:
        refuse(str(error))
    kept = f" The store that was there is kept as {path.name}.replaced." if was_there else ""
    click.echo(f"{file} is restored to {path}.{kept} `baton up` goes on from there.")
