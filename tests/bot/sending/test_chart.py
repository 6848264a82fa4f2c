from __future__ import annotations

import struct
import subprocess
import sys

import pytest

from bot.sending import chart
from bot.sending.chart import Undrawable, draw
from handlers.dialog.charts import MOST_BARS, Chart, dump

TITLE = "Which water problem first?"
BARS = (("Broken taps", 12), ("High price", 31), ("Dirty drains", 4), ("Other", 0))
ARABIC = (("الصنابير المكسورة", 12), ("السعر المرتفع", 31))


def drawn(title=TITLE, bars=BARS):
    """Return the picture of a chart."""
    return draw(dump(Chart(title, bars)))


def sides(png):
    """Return the width and the height that a PNG has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def spots(png):
    """Return the colours (red, green, blue) of a picture, row by row."""
    from io import BytesIO  # noqa: PLC0415

    from matplotlib.image import imread  # noqa: PLC0415

    return (imread(BytesIO(png))[:, :, :3] * 255).round().astype(int)


def filled(png, top):
    """Return the stretch (from, to) of the bar whose top is there."""
    colour = [int(chart.FILLED[at : at + 2], 16) for at in (1, 3, 5)]
    row = spots(png)[top + chart.BAR // 2]
    inside = [x for x, spot in enumerate(row) if list(spot) == colour]
    return (min(inside), max(inside) + 1) if inside else None


FIRST = chart.EDGE + chart.TITLE_LINE + chart.GAP + chart.LABEL_LINE
NEXT = chart.GAP + chart.LABEL_LINE + chart.BAR
WHOLE = chart.WIDTH - 2 * chart.EDGE


def test_a_picture_is_as_wide_as_a_phone_shows():
    """1,080 pixels wide, and as high as its lines and bars are; well within Telegram's limits."""
    assert sides(drawn()) == (1_080, 2 * chart.EDGE + chart.TITLE_LINE + 4 * NEXT)
    bars = tuple((f"{n} people", n) for n in range(MOST_BARS))
    width, height = sides(drawn("How many came to the meeting in the hall on Thursday? " * 2, bars))
    assert width + height < 10_000


def test_bars_are_as_long_as_their_counts():
    """The largest count fills its bar, others their share of that, none of it nothing."""
    png = drawn()
    first, second = filled(png, FIRST), filled(png, FIRST + NEXT)
    assert second == (chart.EDGE, chart.EDGE + WHOLE)
    assert first[0] == chart.EDGE
    assert first[1] - first[0] == pytest.approx(WHOLE * 12 / 31, abs=2)
    assert filled(png, FIRST + 3 * NEXT) is None


def test_what_is_written_differs_with_the_counts():
    """Another count is another picture, the same ones are the same."""
    assert drawn() == drawn()
    assert drawn() != drawn(bars=(*BARS[:3], ("Other", 1)))


def test_arabic_is_drawn_from_the_right():
    """A question that is read from the right has its bars begin there, and no letter is missing:
    the library would warn of one, and a warning is an error here.
    """
    png = drawn("أي مشكلة مياه أولاً؟", ARABIC)
    assert filled(png, FIRST + NEXT) == (chart.EDGE, chart.EDGE + WHOLE)
    left, right = filled(png, FIRST)
    assert right == chart.EDGE + WHOLE
    assert left > chart.EDGE


def test_arabic_letters_are_joined():
    """Letters have the shape that their neighbours ask for: together they are narrower than
    each by itself.
    """
    drawn()
    font = chart._font(bold=False)
    font.set_size(36, 72)

    def width(text):
        font.set_text(text)
        return font.get_width_height()[0]

    assert width("السعر") < 0.9 * width("\u200c".join("السعر"))


@pytest.mark.parametrize("text", ["የውሃ ችግር", "水の問題", "पानी"])
def test_boxes_are_never_drawn(text):
    """A picture whose font lacks a letter is not drawn: the words beside it say all."""
    with pytest.raises(Undrawable, match=r"the font has no U\+[0-9A-F]{4,5}$"):
        drawn(text)
    with pytest.raises(Undrawable):
        drawn(bars=((text, 3),))


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Short?", 1),
        ("Which water problem shall the town solve first?", 2),
        ("a" * 80, 3),
        ("Which " + "a" * 60 + " first?", 4),
        ("\u2068Nima\u2069: costs $5 or $6_7 \\alpha?", 1),
    ],
)
def test_a_title_is_written_in_lines_that_fit(title, lines):
    """Between words, else within one; nothing of it is taken for a formula."""
    assert sides(drawn(title))[1] == 2 * chart.EDGE + lines * chart.TITLE_LINE + 4 * NEXT
    right = spots(drawn(title))[: FIRST - chart.LABEL_LINE, chart.WIDTH - chart.EDGE + 2 :]
    assert (right == 255).all()


def test_nobody_answered_with_a_figure():
    """Where all counts are 0 no bar is filled."""
    assert filled(drawn(bars=(("Yes", 0), ("No", 0))), FIRST) is None


def test_the_library_is_imported_with_the_first_picture():
    """Most servers draw nothing, and spare the memory."""
    code = "import sys, bot.app, bot.sending.chart; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
