"""What of a source's EXIF, XMP and IPTC an output keeps: read, chosen and written afresh.

Nothing is copied as a whole. What is listed here may stay; what is not known does not, so neither
do thumbnails (they show what has been cropped away), notes of the camera's maker, serial numbers,
the history of the file, nor the place, unless that is asked for in so many words.
"""

from __future__ import annotations

# In the order of how much is kept.
POLICIES = ("none", "copyright", "all", "all-with-gps")

# In bytes. What is larger than this is not looked into, and what comes out never is larger.
MAX_READ = 1_000_000
MAX_WRITTEN = 32_000
