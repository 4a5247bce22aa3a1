"""Errors of the service. Each knows its HTTP status; `serving.problems` turns them into the one error body.

ParcelRayError
├── BadSettingsError               the service cannot start with these settings
└── ServiceError
    ├── BadRequestError            400  a header, part or parameter that makes no sense
    ├── NotSignedInError           401  no key, or one that does not hold
    ├── ForeignOriginError         403  a browser page of another site
    ├── WrongScopeError            403  the key is for something else
    ├── NotFoundError              404
    ├── RequestTimeoutError        408  the body did not arrive in time
    ├── BodyTooLargeError          413  over the limit on bytes, or an image over its limits
    ├── UnsupportedImageError      415  not one of the image formats we read
    ├── WrongHostError             421  the request names a host that we do not answer for
    ├── UnreadableViewError        422  the right format, but damaged
    ├── InvalidContentError        422  metadata or a review that breaks its rules
    ├── UnfitModelError            422  a model that fails its checks; the other still serves
    ├── IdempotencyKeyReusedError  422  the same key came with another scan
    ├── RateLimitedError           429  the key asks too often
    ├── OverloadedError            503  the queue is full
    └── StoreUnavailableError      503  nothing could be kept, so nothing is acknowledged
"""

from __future__ import annotations

from typing import ClassVar

from detector.errors import ParcelRayError

__all__ = [
    "BadRequestError",
    "BadSettingsError",
    "BodyTooLargeError",
    "ForeignOriginError",
    "IdempotencyKeyReusedError",
    "InvalidContentError",
    "NotFoundError",
    "NotSignedInError",
    "OverloadedError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ServiceError",
    "StoreUnavailableError",
    "UnfitModelError",
    "UnreadableViewError",
    "UnsupportedImageError",
    "WrongHostError",
    "WrongScopeError",
]


class BadSettingsError(ParcelRayError):
    """The service cannot start with these settings."""


class ServiceError(ParcelRayError):
    """An answer that is not a result: its status, its name and what to do next."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, view: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.view = view
        self.retry_after_s = retry_after_s


class BadRequestError(ServiceError):
    """A header, part or parameter makes no sense."""

    status, slug, title = 400, "bad-request", "The request cannot be understood"


class NotSignedInError(ServiceError):
    """No key came, or one that does not hold."""

    status, slug, title = 401, "not-signed-in", "A key is needed"


class ForeignOriginError(ServiceError):
    """A browser page of another site tried to write."""

    status, slug, title = 403, "foreign-origin", "Requests from other sites' pages are refused"


class WrongScopeError(ServiceError):
    """The key is for something else."""

    status, slug, title = 403, "wrong-scope", "The key is not for this"


class NotFoundError(ServiceError):
    """There is nothing under this address."""

    status, slug, title = 404, "not-found", "Nothing is here"


class RequestTimeoutError(ServiceError):
    """The body did not arrive in time."""

    status, slug, title = 408, "request-timeout", "The body did not arrive in time"


class BodyTooLargeError(ServiceError):
    """The body or one of its images is over a limit."""

    status, slug, title = 413, "too-large", "The body or one of its images is too large"


class UnsupportedImageError(ServiceError):
    """The body is not an image in a format we read."""

    status, slug, title = 415, "unsupported-image", "Not an image in a supported format"


class WrongHostError(ServiceError):
    """The request names a host that this service does not answer for."""

    status, slug, title = 421, "wrong-host", "This service does not answer under that host name"


class UnreadableViewError(ServiceError):
    """An image of the scan is damaged."""

    status, slug, title = 422, "unreadable-view", "A view of the scan cannot be read"


class InvalidContentError(ServiceError):
    """Metadata or a review breaks its rules."""

    status, slug, title = 422, "invalid-content", "The content breaks a rule"


class UnfitModelError(ServiceError):
    """A model fails its checks; the one that served still does."""

    status, slug, title = 422, "unfit-model", "The model fails its checks"


class IdempotencyKeyReusedError(ServiceError):
    """The key was used before for another scan."""

    status, slug, title = 422, "idempotency-key-reused", "The Idempotency-Key belongs to another scan"


class RateLimitedError(ServiceError):
    """The key asks too often."""

    status, slug, title = 429, "rate-limited", "Too many requests with this key"


class OverloadedError(ServiceError):
    """There are more scans than the service can take now."""

    status, slug, title = 503, "overloaded", "The service is at its limit"


class StoreUnavailableError(ServiceError):
    """Nothing could be kept, so nothing is acknowledged."""

    status, slug, title = 503, "store-unavailable", "The scan could not be stored"
