"""Runs the benchmarks: a table on the screen, figures in `build/bench.json`.

`python -m tests.bench [NAME…]` runs those named, or all. Exit status 1 if a
target was missed, 2 for an unknown name.
"""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import commands, embedded, engine, live
from tests.bench.figures import Benchmark, Reading

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "build" / "bench.json"
BENCHMARKS: tuple[Benchmark, ...] = (
    *engine.BENCHMARKS,
    *commands.BENCHMARKS,
    *embedded.BENCHMARKS,
    *live.BENCHMARKS,
)


def main(names: list[str]) -> int:
    """Run, show, write; the process's exit status."""
    known = {each.name: each for each in BENCHMARKS}
    if unknown := [name for name in names if name not in known]:
        print(f"No benchmark {unknown[0]}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    chosen = [known[name] for name in names] or list(BENCHMARKS)
    console = Console()
    readings: dict[Benchmark, Reading] = {}
    for each in chosen:
        with console.status(f"{each.name} …"):
            readings[each] = each.run()
    console.print(_table(readings))
    _write(readings)
    return 0 if all(each.reached(reading) for each, reading in readings.items()) else 1


def _table(readings: dict[Benchmark, Reading]) -> Table:
    table = Table("figure", box=None, pad_edge=False)
    for column in ("value", "floor", "ratio", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    for each, reading in readings.items():
        ratio = each.ratio(reading)
        table.add_row(
            each.name,
            f"{reading.value:,.3g} {each.unit}"
            if reading.value < 1000
            else (f"{reading.value:,.0f} {each.unit}"),
            "" if reading.floor is None else f"{reading.floor:,.4g}",
            "" if ratio is None else f"{ratio:.2f}",
            each.target_text,
            _verdict(each, reading),
        )
    return table


def _verdict(each: Benchmark, reading: Reading) -> str:
    if each.target is None:
        return ""
    return "[green]reached[/]" if each.reached(reading) else "[red]missed[/]"


def _write(readings: dict[Benchmark, Reading]) -> None:
    """Figures that were not run this time keep what was last measured."""
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for each, reading in readings.items():
        figures[each.name] = {
            "value": reading.value,
            "unit": each.unit,
            "floor": reading.floor,
            "ratio": each.ratio(reading),
        }
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
