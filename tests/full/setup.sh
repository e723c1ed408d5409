#!/bin/sh
# Makes sure that what `make test-full` drives is there: Chromium.
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done

if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium
    exit 0
fi

cat >&2 <<'HELP'
make test-full drives a Chromium, and found none on PATH (chromium, chromium-browser, google-chrome).
  Debian:   sudo apt-get install --no-install-recommends chromium
  Fedora:   sudo dnf install chromium
  Arch:     sudo pacman -S chromium
HELP
exit 1
