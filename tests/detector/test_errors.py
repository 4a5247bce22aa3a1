from __future__ import annotations

from detector import errors


def test_every_error_is_exported_drawn_in_the_docstring_and_under_one_root() -> None:
    defined = sorted(name for name, value in vars(errors).items() if isinstance(value, type))
    assert errors.__all__ == defined
    for name in defined:
        assert issubclass(getattr(errors, name), errors.ParcelRayError)
        assert name in (errors.__doc__ or "")
