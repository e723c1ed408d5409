"""The service as a function of a cloud: one module for each, which brings requests and events."""

import gc
import os

# What a start makes stays: to look through it for rubbish, again and again, finds none.
gc.set_threshold(100_000)

# Where systems keep all certificates that they trust in one file: Debian, Amazon Linux, Alpine.
_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)

# Each client of a store reads them, and if nobody says where, those of a folder besides, which are
# the same: that takes five times as long.
if not os.environ.keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
    for _file in filter(os.path.isfile, _CERTIFICATES):
        os.environ["SSL_CERT_FILE"] = _file
        break
