"""A result as a picture: a bar for each option, drawn by Matplotlib, which nothing else imports.

It is imported with the first picture, since it keeps some 60 MB that most servers never need.
Its own DejaVu Sans is the only font used: a bare machine has none.
"""

from __future__ import annotations

import io
import logging
import threading
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from handlers.dialog import charts
from storage.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

    from handlers.dialog.charts import Chart

# In pixels. Telegram takes pictures whose sides have 10,000 together, neither 20 times the other
# (Source: core.telegram.org/bots/api#sendphoto, 2026-11): twelve bars take some 3,000.
WIDTH: Final = 1_080
EDGE: Final = 64
TITLE_LINE: Final = 60
LABEL_LINE: Final = 52
BAR: Final = 36
GAP: Final = 44
TITLE: Final = 44  # the letters' size
LABEL: Final = 36
ROUND: Final = 10

# It has a ground of its own, so that it reads the same in a light and in a dark app: letters
# stand 12 to 1 against it, bars 5 to 1.
GROUND: Final = "#ffffff"
INK: Final = "#1d2733"
FILLED: Final = "#1f6fb2"
TROUGH: Final = "#e8edf2"

DPI: Final = 100
A_POINT: Final = 72 / DPI  # in pixels

# Below its errors it would tell of caches, and of fonts that it does not find.
logging.getLogger("matplotlib").setLevel(logging.ERROR)


_ALONE = threading.Lock()


class Undrawable(BadInput):
    """There would be boxes in place of letters, since the font has them not."""


def draw(picture: str) -> bytes:
    """Return what `charts.of` wrote as a PNG. Raises Undrawable.

    It takes a moment, and the first of a process seconds: not for the event loop's thread. Of
    several threads one draws at a time, since the library is not made for more.
    """
    with _ALONE:
        return _draw(charts.load(picture))


def _draw(chart: Chart) -> bytes:
    _check(chart.title, *(label for label, _ in chart.bars))
    lines = _lines(chart.title)
    height = 2 * EDGE + len(lines) * TITLE_LINE + len(chart.bars) * (GAP + LABEL_LINE + BAR)
    page = _Page(height, leftwards=_reads_leftwards(chart.title))
    at = EDGE
    for line in lines:
        page.say(line, at + TITLE_LINE - 16, TITLE, bold=True)
        at += TITLE_LINE
    most = max(count for _, count in chart.bars)
    for label, count in chart.bars:
        at += GAP
        page.say(label, at + LABEL_LINE - 14, LABEL)
        page.say(str(count), at + LABEL_LINE - 14, LABEL, bold=True, ends=True)
        at += LABEL_LINE
        page.bar(at, count / most if most else 0.0)
        at += BAR
    return page.png()


class _Page:
    """A page of so many pixels; what is put on it is measured from its top.

    `leftwards` says that it is read from right to left: bars grow so, too.
    """

    def __init__(self, height: int, *, leftwards: bool) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  as the module says
        from matplotlib.figure import Figure  # noqa: PLC0415

        self._height = height
        self._leftwards = leftwards
        self._figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=GROUND)
        FigureCanvasAgg(self._figure)

    def say(
        self, text: str, base: float, size: int, *, bold: bool = False, ends: bool = False
    ) -> None:
        """Write a line, that stands on its base, from where lines begin, or to where they end."""
        right = ends != self._leftwards
        self._figure.text(
            1 - EDGE / WIDTH if right else EDGE / WIDTH, 1 - base / self._height, text,
            ha="right" if right else "left", va="baseline", color=INK,
            fontsize=size * A_POINT, font=_file(bold=bold), parse_math=False,
        )  # fmt: skip

    def bar(self, top: float, share: float) -> None:
        """Draw a bar that fills so much of its trough."""
        whole = WIDTH - 2 * EDGE
        self._box(EDGE, top, whole, TROUGH)
        if share:
            width = max(share * whole, 2 * ROUND)
            self._box(WIDTH - EDGE - width if self._leftwards else EDGE, top, width, FILLED)

    def _box(self, left: float, top: float, width: float, colour: str) -> None:
        from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415

        self._figure.add_artist(
            FancyBboxPatch(
                (left, self._height - top - BAR), width, BAR, facecolor=colour, linewidth=0,
                boxstyle=f"round,pad=0,rounding_size={ROUND}", transform=None,
            )
        )  # fmt: skip

    def png(self) -> bytes:
        """Return all of it."""
        found = io.BytesIO()
        self._figure.savefig(found, format="png")
        return found.getvalue()


def _file(*, bold: bool) -> Path:
    from matplotlib import get_data_path  # noqa: PLC0415

    return Path(get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf")


@cache
def _letters() -> frozenset[int]:
    """Return what both weights of the font have."""
    return frozenset(_font(bold=False).get_charmap()) & frozenset(_font(bold=True).get_charmap())


def _font(*, bold: bool) -> FT2Font:
    from matplotlib.font_manager import get_font  # noqa: PLC0415

    return get_font(_file(bold=bold))


def _check(*texts: str) -> None:
    """Raise Undrawable for a letter that the font has not."""
    for letter in sorted({*"".join(texts)}):
        if ord(letter) not in _letters() and unicodedata.category(letter) != "Cf":
            raise Undrawable(f"the font has no U+{ord(letter):04X}")


def _reads_leftwards(text: str) -> bool:
    """Tell whether a text is read from right to left, by its first letter with a direction."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def _lines(title: str) -> list[str]:
    """Return the title in lines that fit; a word that fits in none is broken."""
    from matplotlib.backends.backend_agg import RendererAgg  # noqa: PLC0415
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415

    # By what draws it: letters may be wider so than the font says.
    ruler: Any = RendererAgg(WIDTH, TITLE_LINE, DPI)  # type: ignore[no-untyped-call]
    font = FontProperties(fname=_file(bold=True), size=TITLE * A_POINT)

    def fits(line: str) -> bool:
        width, _, _ = ruler.get_text_width_height_descent(line, font, ismath=False)
        return bool(width <= WIDTH - 2 * EDGE)

    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if fits(longer):
            lines[-1] = longer
            continue
        lines += [""] if lines[-1] else []
        for letter in word:
            if not fits(lines[-1] + letter):
                lines.append("")
            lines[-1] += letter
    return lines
