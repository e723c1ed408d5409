#!/bin/sh
# Makes sure that what `make test-full` drives is there: Chromium, and sharp on Node.
set -eu

sharp=$(dirname "$0")/sharp

any_of() {
    for name in "$@"; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    return 1
}

missing=
any_of chromium chromium-browser google-chrome || missing=chromium
any_of npm || missing="$missing nodejs npm"

if [ -n "$missing" ]; then
    if [ "$(id -u)" -ne 0 ] || ! [ -e /etc/debian_version ] || ! any_of apt-get; then
        cat >&2 <<HELP
make test-full drives a Chromium (chromium, chromium-browser or google-chrome) and Node (npm).
Not found on PATH:$(printf ' %s' $missing)
  Debian:   sudo apt-get install --no-install-recommends $missing
  Fedora:   sudo dnf install $missing
  Arch:     sudo pacman -S $missing
HELP
        exit 1
    fi
    echo "installing $missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 - several packages
    apt-get install -y -qq --no-install-recommends $missing
fi

if ! [ -d "$sharp/node_modules/sharp" ]; then
    echo "installing sharp"
    npm install --prefix "$sharp" --no-package-lock --no-audit --no-fund --silent
fi
