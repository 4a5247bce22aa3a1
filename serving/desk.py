"""The review desk's pages: placeholder."""

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Add the pages."""
