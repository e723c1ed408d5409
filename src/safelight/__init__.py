"""Safelight: dynamic image resizing that runs serverless, self-hosted, or on a laptop."""

__version__ = "0.1.0"
