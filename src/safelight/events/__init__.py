"""Every cloud's notification about its objects, read into one form. Pure: nothing is fetched.

A cloud is one module, which knows its shapes and how keys are written there, and its rows in the
table of `reading`.
"""

from safelight.events.cloudevents import allowed_origin
from safelight.events.event import Event, Notice, newer
from safelight.events.reading import read

__all__ = ["Event", "Notice", "allowed_origin", "newer", "read"]
