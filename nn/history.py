"""What a training has come to, epoch by epoch: numbers, a table, a picture."""

from __future__ import annotations

import html
import os
from typing import Any

from ..symbolic.arguments import check_path
from ..symbolic.errors import ArgumentError, blame, user_site


class History:
    """The records of the epochs: `history["loss"]`, `history.picture("curve.png")`; a notebook shows the picture.

    records : a dict {name: number} for each epoch, of which `seconds` is how long it took
    """

    def __init__(self, records: list[dict[str, float]] | None = None):
        self.records = [] if records is None else records

    def __getitem__(self, name: str) -> list[float]:
        """The values of all epochs under a name."""
        if not any(name in record for record in self.records):
            text = f"history: there is no {name!r}; it has {', '.join(self.names) or 'no records'}."
            raise blame(ArgumentError(text), user_site())
        return [record[name] for record in self.records]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def names(self) -> list[str]:
        """The names of what was recorded."""
        return list(dict.fromkeys(name for record in self.records for name in record))

    def __str__(self) -> str:
        lines = [line_of(number, record) for number, record in enumerate(self.records, 1)]
        return "\n".join(lines)

    def picture(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The learning curve: losses, and beside them what else was measured.

        path : where it is written, as PNG, SVG or PDF by its ending; None: nowhere

        Returns matplotlib's figure.  Raises ImportError where matplotlib is not installed.
        """
        figure_of = figure_class()
        others = [n for n in self.names if n != "seconds" and not n.endswith("loss")]
        figure = figure_of(figsize=(5.5 * (1 + bool(others)), 3.6), layout="constrained")
        plots = figure.subplots(1, 1 + bool(others), squeeze=False)[0]
        for plot, names in zip(plots, ([n for n in self.names if n.endswith("loss")], others), strict=False):
            for name in names:
                plot.plot(range(1, len(self) + 1), self[name], marker=".", label=name)
            plot.set(xlabel="epoch")
            plot.grid(alpha=0.3)
            plot.legend()
        return write_figure("picture: path", figure, path)

    def _repr_html_(self) -> str:
        rows = [[str(n), *(f"{r.get(k, float('nan')):.4g}" for k in self.names)] for n, r in enumerate(self.records, 1)]
        table = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ("epoch", *self.names))
        return f"<table><tr>{head}</tr>{table}</table>"


def line_of(epoch: int, record: dict[str, float]) -> str:
    """A record as a line of text."""
    return f"epoch {epoch}: " + ", ".join(f"{name} {value:.4g}" for name, value in record.items())


def figure_class() -> Any:
    """matplotlib's Figure, which draws without a screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install matplotlib.") from error
    return Figure


def write_figure(what: str, figure: Any, path: Any) -> Any:
    """The figure, which is written to a file where `path`, the argument `what`, is not None."""
    if path is not None:
        target = check_path(what, path)
        kinds = figure.canvas.get_supported_filetypes()
        if target.suffix[1:].lower() not in kinds:
            text = f"{what} ends in one of {', '.join('.' + kind for kind in kinds)}, and {target.name!r} does not."
            raise blame(ArgumentError(text), user_site())
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=120)
    return figure
