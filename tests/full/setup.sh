#!/bin/sh
# Makes sure that what `make test-full` drives is there: Chromium and Node.
set -eu

found() {
    for name in "$@"; do
        if command -v "$name" >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

missing=
found chromium chromium-browser google-chrome || missing=chromium
found node || missing="$missing nodejs"
if [ -z "$missing" ]; then
    exit 0
fi

if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing $missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # several names
    apt-get install -y -qq --no-install-recommends $missing
    exit 0
fi

cat >&2 <<HELP
make test-full drives a Chromium (chromium, chromium-browser, google-chrome) and Node (node), and did not find all of
them on PATH. Missing: $missing
  Debian:   sudo apt-get install --no-install-recommends chromium nodejs
  Fedora:   sudo dnf install chromium nodejs
  Arch:     sudo pacman -S chromium nodejs
HELP
exit 1
