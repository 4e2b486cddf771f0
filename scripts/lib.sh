# shellcheck shell=bash
# What the scripts share. Sourced, never run: `source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"`.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
VENV=$ROOT/.venv
HOME_DIR=${GEO_SERVICE_HOME:-$ROOT/.local}
MIN_POSTGRES=15

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Say what is done, do it, and while it lasts say every ten seconds that it does.
step() {
    local what=$1 began=$SECONDS ticker status=0
    shift
    say "$what"
    {
        exec 9<&- {never}<> <(:) # not the lock of scripts/setup; a pipe in which nothing ever comes
        while ! read -r -t 10 -u "$never" && [[ -e /proc/$$ ]]; do say "  $((SECONDS - began)) s"; done
    } &
    ticker=$!
    "$@" || status=$?
    kill "$ticker" 2>/dev/null && wait "$ticker" 2>/dev/null || true
    return "$status"
}

# End with a word on what to do if this user may not make or change the folder $1.
must_be_writable() {
    local place=$1
    while [[ ! -e $place ]]; do place=$(dirname -- "$place"); done
    [[ -w $place ]] || die "$place belongs to $(stat -c %U -- "$place"), and $(id -un) may not write in it:" \
        "clone the repository into a folder of your own, or run: sudo chown -R $(id -un) $ROOT"
}

# Print the comment at the head of the calling script, for --help.
usage() { sed -n '2,/^$/{s/^# \{0,1\}//p}' "$0"; }

has() { command -v "$1" >/dev/null 2>&1; }

# Run as root: directly, or by sudo.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        return 1
    fi
}

# Whether as_root works without asking anybody.
can_be_root() { ((EUID == 0)) || { has sudo && sudo -n true 2>/dev/null; }; }

is_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Packages from apt: what is missing, nothing that is merely recommended. Without a word when all is there.
apt_install() {
    has apt-get || die "please install what corresponds to: $* (this is not a Debian or Ubuntu, so we do not know the names)"
    say "installing from apt: $*"
    local install=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@")
    as_root env DEBIAN_FRONTEND=noninteractive "${install[@]}" >&2 ||
        die "could not install them; as root: ${install[*]}"
}

apt_update() {
    has apt-get || return 0
    as_root apt-get update -o DPkg::Lock::Timeout=300 >&2 ||
        die "packages are missing and apt-get update did not work: it needs root (or sudo) and a network"
}

# Whether a PostgreSQL of the right version with PostGIS is there; the same rule as store/cluster_binaries.py.
have_postgis() {
    local bin version
    for bin in ${GEO_SERVICE_POSTGRES_BIN:+"$GEO_SERVICE_POSTGRES_BIN"} /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        [[ -x $bin/initdb && -x $bin/postgres && -x $bin/pg_ctl && -x $bin/pg_config ]] || continue
        version=$("$bin/pg_config" --version)
        version=${version#PostgreSQL }
        ((${version%%[!0-9]*} >= MIN_POSTGRES)) || continue
        if [[ -e $("$bin/pg_config" --sharedir)/extension/postgis.control ]]; then return 0; fi
    done
    return 1
}

# The newest Python on the PATH that will do.
find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if has "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$candidate"
            return
        fi
    done
    die "needs Python 3.11 or newer, found $(python3 --version 2>/dev/null || echo none). Install one" \
        "(on Ubuntu 22.04: apt-get install python3.11 python3.11-venv) and name it: PYTHON=python3.11 scripts/setup"
}
