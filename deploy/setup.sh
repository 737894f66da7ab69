#!/bin/sh
# Sets up what a Make target needs and nothing else; run again, it only looks and leaves.
#
#   deploy/setup.sh venv                          .venv with this project (editable) and its dev extra
#   deploy/setup.sh system ffmpeg rabbitmq redis  programs of the machine, from apt where missing
#   deploy/setup.sh players                       the JavaScript players that the browser tests load, from npm
#   deploy/setup.sh sdks                          the clouds' SDKs that tests/clouds runs, from PyPI, each in a folder of .sdks
#
# VENV=DIR puts the environment elsewhere. As root, or with sudo where something must be installed.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=${VENV:-$root/.venv}

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

apt_install() {
    command -v apt-get >/dev/null || die "please install by hand (no apt-get here): $*"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "please install as root (no sudo here): $*"
        as_root=sudo
    fi
    say "installing $*"
    if [ -z "${apt_updated:-}" ]; then
        $as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2
        apt_updated=yes
    fi
    # RUNLEVEL=1 asks invoke-rc.d not to start the packages' own services: the tests start private ones.
    # A policy-rc.d would do it more strictly, but would stay behind if this script were killed.
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" >&2
}

usable_python() {
    "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for python in python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$python" >/dev/null && usable_python "$python"; then
            command -v "$python"
            return
        fi
    done
    return 1
}

set_up_venv() {
    # The path is part of the stamp because scripts of an environment name their interpreter by its full path.
    stamp=$venv/.framefleet-stamp
    want=$({ printf '%s %s\n' "$root" "$venv" && cat "$root/pyproject.toml"; } | sha256sum)
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
        return
    fi

    python=$(find_python) || {
        apt_install python3 python3-venv
        python=$(find_python) || die "Python 3.11 or newer is needed; this system's python3 is older"
    }
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        apt_install "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi

    say "installing the project into $venv"
    rm -f "$stamp"
    # One that was moved, copied or left half-made is made anew.
    if ! usable_python "$venv/bin/python" || ! grep -qsF "$venv/bin/python" "$venv/bin/pip"; then
        "$python" -m venv --clear "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "${root}[dev]"
    printf '%s\n' "$want" >"$stamp"
}

set_up_system() {
    missing=
    for program in "$@"; do
        case $program in
            ffmpeg)
                if ! command -v ffmpeg >/dev/null || ! command -v ffprobe >/dev/null; then missing="$missing ffmpeg"; fi
                ;;
            rabbitmq)
                # Not in the PATH of an ordinary user: the package's commands are in /usr/sbin.
                if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && ! command -v rabbitmq-server >/dev/null; then
                    missing="$missing rabbitmq-server"
                fi
                ;;
            redis)
                if ! command -v redis-server >/dev/null; then missing="$missing redis-server"; fi
                ;;
            chromium)
                if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then missing="$missing chromium"; fi
                ;;
            debootstrap)
                if ! command -v debootstrap >/dev/null; then missing="$missing debootstrap"; fi
                ;;
            cc)
                # Puts a clock of its own before a process, for tests of clocks that are set.
                if ! command -v cc >/dev/null; then missing="$missing gcc libc6-dev"; fi
                ;;
            prometheus)
                # promtool comes with it.
                if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then missing="$missing prometheus"; fi
                ;;
            npm)
                if ! command -v npm >/dev/null; then missing="$missing npm"; fi
                ;;
            php)
                # One of the languages in which docs/howto/webhooks.md shows how to check a call.
                if ! command -v php >/dev/null; then missing="$missing php-cli"; fi
                ;;
            *) die "unknown program: $program (known: ffmpeg rabbitmq redis prometheus chromium npm cc php debootstrap)" ;;
        esac
    done
    if [ -n "$missing" ]; then
        # Word splitting is meant: one argument per package.
        # shellcheck disable=SC2086
        apt_install $missing
    fi
}

set_up_players() {
    here=$root/tests/browser
    stamp=$here/node_modules/.framefleet-stamp
    want=$(sha256sum <"$here/package-lock.json")
    [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return
    say "installing players for the browser tests"
    (cd "$here" && npm ci --silent --no-audit --no-fund >&2)
    printf '%s\n' "$want" >"$stamp"
}

# Versions of one SDK exclude each other, so each has a folder of its own.
sdks='imm5 alibabacloud_imm20200930==5.0.3
imm4 alibabacloud_imm20200930==4.7.2
ice6 alibabacloud_ice20201109==6.20.2
ice5 alibabacloud_ice20201109==5.0.7
tencent tencentcloud-sdk-python-vod==3.1.194 tencentcloud-sdk-python-mps==3.1.194 httpx==0.28.1
acscore aliyun-python-sdk-core==2.16.1'

set_up_sdks() {
    stamp=$root/.sdks/.framefleet-stamp
    want=$(printf '%s %s\n' "$sdks" "$("$venv/bin/python" --version)" | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return
    say "installing the clouds' SDKs"
    rm -rf "$root/.sdks"
    printf '%s\n' "$sdks" | while read -r name packages; do
        # Word splitting is meant: one argument per package.
        # shellcheck disable=SC2086
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --target "$root/.sdks/$name" $packages </dev/null
    done
    printf '%s\n' "$want" >"$stamp"
}

case ${1:-} in
    venv) set_up_venv ;;
    players) set_up_players ;;
    sdks) set_up_sdks ;;
    system)
        shift
        set_up_system "$@"
        ;;
    *) die "usage: deploy/setup.sh venv | players | sdks | system [ffmpeg] [rabbitmq] [redis] [prometheus] [chromium] [npm] [cc] [php] [debootstrap]" ;;
esac
