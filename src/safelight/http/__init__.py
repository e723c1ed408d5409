"""The face of the service that speaks HTTP: an ASGI application."""

from safelight.http.app import Application
from safelight.http.embedded import Embedded, embedded

__all__ = ["Application", "Embedded", "embedded"]
