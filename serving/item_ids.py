"""Item identifiers of the post: UPU standard S10, two letters, eight digits, a check digit and a country.

Other carriers' numbers are text without rules here. An S10 number may come back after 12 months, so it never is a key.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["WRONG_CHECK_DIGIT", "has_wrong_check_digit"]

WRONG_CHECK_DIGIT: Final = "item_id_check_digit"
_S10: Final = re.compile(r"[A-Z]{2}(\d{8})(\d)[A-Z]{2}", re.ASCII)
_WEIGHTS: Final = (8, 6, 4, 2, 3, 5, 9, 7)


def has_wrong_check_digit(item_id: str) -> bool:
    """Return whether a number looks like S10, spaces or not, and its check digit is another one (UPU S10-12, 5.1)."""
    match = _S10.fullmatch(item_id.replace(" ", "").upper())
    if match is None:
        return False
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, match[1], strict=True)) % 11
    return int(match[2]) != {10: 0, 11: 5}.get(rest, rest)
