"""The HTTP server: uvicorn, which would wait for streams of events that have no end before it stops."""

from __future__ import annotations

import socket
from typing import cast

import uvicorn
from fastapi import FastAPI

__all__ = ["Server"]


class Server(uvicorn.Server):
    """Serves an application of `serving.app` and stops in order."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then what uvicorn ends."""
        services = getattr(cast("FastAPI", self.config.app).state, "services", None)
        if services is not None:
            services.feed.end()
        await super().shutdown(sockets)
