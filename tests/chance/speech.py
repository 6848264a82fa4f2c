"""What people might send: words of the dialogs, their near kin, and anything a keyboard makes."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from handlers.dialog.stop import WORDS
from handlers.dialog.turn import words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

# The first sign of blocks of letters, and of digits from nought to nine.
SCRIPTS = (
    0x41, 0xC0, 0x100, 0x391, 0x410, 0x531, 0x5D0, 0x627, 0x710, 0x780, 0x7C1, 0x905, 0x985,
    0xA05, 0xA85, 0xB05, 0xB85, 0xC05, 0xC85, 0xD05, 0xE01, 0xE81, 0xF40, 0x1000, 0x10D0, 0x1100,
    0x1200, 0x13A0, 0x1780, 0x1820, 0x2D30, 0x3041, 0x30A1, 0x4E00, 0xAC00, 0xFF21, 0x1E900,
)  # fmt: skip
DIGITS = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66,
    0xE50, 0xED0, 0xF20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1E950,
)  # fmt: skip
EMOJI = ("\U0001f600", "\U0001f44d\U0001f3fe", "\U0001f468‍\U0001f469‍\U0001f467", "1️⃣",
         "\U0001f1ec\U0001f1ed", "❤️", "✅", "\U0001f6b0")  # fmt: skip
MARKS = ("\u200e", "\u200f", "\u202a", "\u202e", "\u202c", "\u2066", "\u2069", "\ufeff", "\u200b",
         "\u200d", "\u00ad", "\u0301", "\ufe0f", "\u2028", "\u0085")  # fmt: skip
CONTROLS = tuple(map(chr, (*range(0x20), 0x7F, 0x80, 0x9F)))
BROKEN = ("\ud800", "\udfff", "\ud83d", "\udc00\ud800", "\ufffd", "\uffff", "\U0010ffff")
EVIL = (
    "' OR 1=1 --",
    "'; DROP TABLE members; --",
    '"',
    "\\",
    "%s%n",
    "{alliance}",
    "{0}",
    "${x}",
    "%00",
    "(((((((((",
    "]]]]",
    "<script>",
    "NULL",
    "None",
    ":now",
    ":id",
    "__class__",
    "a:1:0:1",
    "c:0000",
    "w:STOP",
    "$1",
    "?",
    "[]",
    "{}",
    "0x10",
    "1e9",
    "-1",
    "1.5",
    "NaN",
    "½",
    "²",
    "Ⅳ",
    "٣٫٥",
    "一",
)
NEAR = (
    "Stop the dumping",
    "please stop",
    "STOP STOP STOP",
    "stop.thank you",
    "Stop. Thank you",
    "don't stop",
    "STOP/",
    "/stop",
    "S T O P",
    "stoppp",
    "st0p",
    "ＳＴＯＰ",
    "Stop!now",
    "stop,all",
    "arrêt",
    "ARRET svp",
    "توقف من فضلك",
    "alto por favor",
    "unstop",
    "/start",
    "start/",
    "YES",
    "no",
    "NO.",
    "Not now",
    "end of the road",
    "cancel my water bill",
)
AUDIENCES = (
    "nima",
    "accra",
    "type:donor",
    "sector:civil",
    "org:x",
    "lang:en",
    "role:coordinator",
    "channel:sms",
    "and",
    "or",
    "not",
    "(",
    ")",
    "all",
    '"',
    ",",
    ":",
    "type:",
    "platform",
)
WHENS = (
    "by fri 18:00",
    "by 2d",
    "2h",
    "3d",
    "18:00",
    "fri 6pm",
    "2026-12-01 18:00",
    "by tomorrow",
    "now",
    "31.02.2026",
    "2026-02-30",
    "by 0d",
    "by 99999d",
    "in 3 days",
    "named",
)
SMALL_TALK = (
    "hello",
    "The tap is broken",
    "when is the meeting",
    "thanks",
    "ok",
    "I agree",
    "Water users",
    "Ama",
    "Nima",
    "I don't know",
    "my number is +12025550123",
)


class Speech:
    """Makes texts by a seed. `codes` are the polls, batches and numbers that exist, as text."""

    def __init__(self, random: Random, languages: Sequence[str]) -> None:
        self.random = random
        self.codes: Sequence[str] = ("P1",)
        self._commands = tuple(words(tuple(languages)))
        self._stops = tuple(
            word for known in WORDS.values() for word in (*known.stop, *known.start, *known.help)
        )
        self._makers: tuple[tuple[int, Callable[[], str]], ...] = (
            (22, self.number),
            (18, self.command),
            (6, self.acting),
            (5, lambda: self._pick(self._stops)),
            (5, lambda: self._pick(NEAR)),
            (5, self.letters),
            (5, lambda: self._pick(SMALL_TALK)),
            (3, lambda: self._pick(EVIL)),
            (3, self.noise),
            (3, self.near),
            (2, self.date),
            (1, self.long),
            (1, lambda: ""),
        )
        self._weights = [weight for weight, _ in self._makers]
        self._kinds = [maker for _, maker in self._makers]

    def text(self) -> str:
        """Return a text; one in five is changed a little afterwards."""
        made = self.random.choices(self._kinds, self._weights)[0]()
        while self.random.random() < 0.2:
            made = self.changed(made)
        return made

    def _pick(self, among: Sequence[str]) -> str:
        return self.random.choice(among)

    def number(self) -> str:
        """Return a number or several, in the digits of any script, with stray signs."""
        random = self.random
        count = random.choices((1, 2, 3, 4, 6, 30), (60, 14, 5, 8, 4, 1))[0]
        digits = "".join(random.choices("0123456789", (9, 20, 16, 12, 9, 5, 4, 4, 4, 4), k=count))
        if random.random() < 0.25:
            zero = random.choice(DIGITS)
            digits = "".join(chr(zero + int(digit)) for digit in digits)
        if random.random() < 0.2:
            digits = random.choice((" ", ",", ", ", "-", "/", " and ", "  ")).join(digits)
        if random.random() < 0.3:
            digits = random.choice(
                ("{}.", "({})", '"{}"', " {} ", "{})", "#{}", "{}\n", "+{}", "#")
            )
            digits = digits.replace("{}", random.choice("0123456789"))
        return digits

    def date(self) -> str:
        """Return something like a date or a time."""
        random = self.random
        day, month, year = random.randrange(33), random.randrange(14), random.randrange(1990, 2040)
        return random.choice(
            (
                f"{day}.{month}.{year}",
                f"{day}/{month}",
                f"{year}-{month}-{day}",
                f"{day} May",
                f"{day}:{month}",
                f"{year}",
                "today",
                "yesterday",
            )
        )

    def command(self) -> str:
        """Return a command with what may stand behind it, or should not."""
        random = self.random
        word = self._pick(self._commands)
        word = random.choice((word, word.upper(), word.title(), f"/{word}", f"/{word}@chance_bot"))
        if random.random() < 0.45:
            return word
        behind = random.choice(
            (self.code, self.code, self.number, self.letters, self.noise, self.phone,
             lambda: self._pick(EVIL), lambda: self._pick(SMALL_TALK), lambda: self._pick(WHENS))
        )  # fmt: skip
        sep = random.choice((" ", " ", " ", "  ", "\n", ": ", ".", "\t", "\u00a0"))
        made = f"{word}{sep}{behind()}"
        return f"{made} {self._pick(WHENS)}" if random.random() < 0.2 else made

    def code(self) -> str:
        """Return the code of something that exists, or might."""
        made = self._pick(self.codes) if self.random.random() < 0.8 else f"P{self.number()}"
        return made.lower() if self.random.random() < 0.2 else made

    def phone(self) -> str:
        """Return a phone number, written in some way."""
        last = self.random.randrange(100, 400)
        return self.random.choice(
            (
                f"+1202555{last:04d}",
                f"202 555 {last:04d}",
                f"001202555{last:04d}",
                f"+49170{last:07d}",
                f"{last}",
                "+1",
                "+999999999999999999",
            )
        )

    def acting(self) -> str:
        """Return an act that reaches others, well made or nearly so."""
        random = self.random
        to = ""
        if random.random() < 0.6:
            to = f"TO {self.audience()}{random.choice((':', ':', ':', '', ' :'))} "
        if random.random() < 0.5:
            return f"ANNOUNCE {to}{self._pick(SMALL_TALK)}"
        options = random.choice((" / ", " / ", "\n", "/")).join(
            random.choice((self._pick(SMALL_TALK), self.letters(), "24/7", "Yes", "No"))
            for _ in range(random.randrange(6))
        )
        return f"POLL {to}{self._pick(SMALL_TALK)}? / {options}" + random.choice(
            ("", "", "", f" / {self._pick(WHENS)}", " / named")
        )

    def audience(self) -> str:
        """Return an audience's expression, or a heap of its parts."""
        count = self.random.choices((1, 3, 7, 250), (50, 30, 18, 2))[0]
        return " ".join(self.random.choices(AUDIENCES, k=count))

    def letters(self) -> str:
        """Return words of one script."""
        random = self.random
        first = random.choice(SCRIPTS)
        return " ".join(
            "".join(chr(first + random.randrange(24)) for _ in range(random.randrange(1, 9)))
            for _ in range(random.randrange(1, 5))
        )

    def noise(self) -> str:
        """Return signs that no phone should send."""
        random = self.random
        among = random.choice((EMOJI, MARKS, CONTROLS, BROKEN, tuple(string.punctuation)))
        if random.random() < 0.2:
            return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(1, 12)))
        return "".join(random.choices(among, k=random.randrange(1, 7)))

    def near(self) -> str:
        """Return a command with a slip in it."""
        return self._slip(self._pick(self._commands))

    def long(self) -> str:
        """Return a text longer than a phone would send."""
        part = self.random.choice(
            (self.letters(), self.noise(), "(", "not ", "1 ", "STOP ", "a / ")
        )
        return (part or "a") * self.random.choice((20, 200, 1_000))

    def changed(self, text: str) -> str:
        """Return a text with one thing added, left out, doubled or turned."""
        random = self.random
        match random.randrange(7):
            case 0:
                return self._slip(text)
            case 1:
                at = random.randrange(len(text) + 1)
                return text[:at] + self.noise() + text[at:]
            case 2:
                return f"{text}{random.choice((' ', '. ', chr(10), ', ', ''))}{self.number()}"
            case 3:
                return random.choice((text.swapcase(), text[::-1], text * 2, text.strip()))
            case 4:
                return random.choice(MARKS) + text + random.choice(MARKS)
            case 5:
                return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
            case _:
                return f"{text} {self._pick(SMALL_TALK)}"

    def _slip(self, text: str) -> str:
        random = self.random
        if not text:
            return random.choice(string.ascii_letters)
        at = random.randrange(len(text))
        return random.choice((
            text[:at] + text[at + 1 :],
            text[:at] + random.choice(string.ascii_lowercase) + text[at:],
            text[:at] + random.choice(string.ascii_lowercase) + text[at + 1 :],
            text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
        ))  # fmt: skip
