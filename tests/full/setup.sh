#!/bin/sh
# Makes sure that what `make test-full` drives is there: Chromium, Node, and the stores of tests/stores.
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
found npm || missing="$missing npm"
found go || missing="$missing golang-go"
found openssl || missing="$missing openssl"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && found apt-get; then
        echo "installing $missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # shellcheck disable=SC2086 # several names
        apt-get install -y -qq --no-install-recommends $missing
    else
        cat >&2 <<HELP
make test-full drives a Chromium (chromium, chromium-browser, google-chrome) and stores that need Node (node, npm), Go
(go) and openssl, and did not find all of them on PATH. Missing: $missing
  Debian:   sudo apt-get install --no-install-recommends chromium nodejs npm golang-go openssl
  Fedora:   sudo dnf install chromium nodejs npm golang openssl
  Arch:     sudo pacman -S chromium nodejs npm go openssl
HELP
        exit 1
    fi
fi

# Each version has a folder of its own, so that it is built once. tests/stores/servers.py looks there.
tools="${SAFELIGHT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/safelight/tools}"

go_tool() { # name, version, package
    [ -x "$tools/$1-$2/bin/$1" ] && return
    echo "building $1 $2, once: this takes minutes"
    GOBIN="$tools/$1-$2/bin" go install "$3@v$2" || {
        echo "$1 was not built: Go 1.21 or newer fetches the Go that it needs, an older one does not." >&2
        exit 1
    }
}

node_tool() { # name, version, package
    [ -x "$tools/$1-$2/bin/$1" ] && return
    echo "installing $1 $2"
    rm -rf "$tools/$1-$2.part"
    npm install --silent --global --prefix "$tools/$1-$2.part" "$3@$2"
    mv "$tools/$1-$2.part" "$tools/$1-$2"
}

go_tool versitygw 1.7.0 github.com/versity/versitygw/cmd/versitygw
go_tool fake-gcs-server 1.55.1 github.com/fsouza/fake-gcs-server
node_tool azurite-blob 3.35.0 azurite

# Its libvips judges the geometry of ours: tests/full/test_sharp.py.
sharp="$(dirname "$0")/sharp"
if [ ! -d "$sharp/node_modules/sharp" ]; then
    echo "installing sharp"
    npm install --prefix "$sharp" --no-package-lock --no-audit --no-fund --silent
fi
