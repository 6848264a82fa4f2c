"""Phone numbers: any form a person writes becomes E.164, and where a number belongs."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException

from handlers.dialog.text import ascii_digits, unmarked
from storage.errors import BadNumber


def e164(text: str, country: str) -> str:
    """Return a number as +digits; local forms are read as in a country (ISO alpha 2).

    Raises BadNumber, whose message does not repeat the number.
    """
    cleaned = ascii_digits(unmarked(text)).strip()
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    try:
        number = phonenumbers.parse(cleaned, country)
    except NumberParseException as error:
        raise BadNumber("that is not a phone number: write it as +12025550123") from error
    if not phonenumbers.is_possible_number(number):
        raise BadNumber("a phone number of that country has another length")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# No country is told from another by more than this much of a number: "+44" and five digits.
_TELLING = 8


def is_in(number: str, countries: tuple[str, ...]) -> bool:
    """Tell whether an E.164 number belongs to one of these countries; to any where none."""
    return not countries or _begins_in(number[:_TELLING], len(number), countries)


@lru_cache(maxsize=10_000)
def _begins_in(beginning: str, length: int, countries: tuple[str, ...]) -> bool:
    try:
        parsed = phonenumbers.parse(beginning.ljust(length, "0"))
    except NumberParseException:
        return False
    regions = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    if not set(regions) & set(countries):
        return False
    # A calling code that countries share (+1, +7, +44) needs a closer look.
    return len(regions) == 1 or phonenumbers.region_code_for_number(parsed) in (*countries, None)
