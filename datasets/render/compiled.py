"""Compile a function with numba and keep the result on disk where there is a place for it."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Any) -> Any:  # noqa: ANN401  numba's dispatcher has no type
    """Return the function, compiled at its first call; other threads run while it does."""
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # nowhere to keep the compiled code: a read-only install without a home
        return numba.njit(nogil=True, error_model="numpy")(function)
