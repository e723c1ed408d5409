"""The face of the service that speaks HTTP: an ASGI application."""

from safelight.http.app import Application

__all__ = ["Application"]
