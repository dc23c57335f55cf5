#!/usr/bin/env bash
# Sees to the tools that the demo or the tests need: checks each, installs what is missing with
# apt-get where that is allowed, and otherwise names what is missing, one line each.
#
# Usage: tools/setup.sh [demo|test]
# LEDGERLINE_SKIP_SETUP=1 does nothing. Nothing is fetched where nothing is missing.
set -euo pipefail

rust_min=1.94
node_min=20.19

say() { echo "setup: $*" >&2; }

has() {
    local tool
    for tool in ${1//|/ }; do
        # A path, its star expanded above, is a file's.
        if [[ -e $tool ]]; then return 0; fi
        if command -v "$tool" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# at_least MIN FOUND: whether a version is new enough.
at_least() { printf '%s\n%s\n' "$1" "$2" | sort --version-sort --check=quiet; }

missing_packages=()
missing_lines=()

# need TOOL PACKAGE WHY: notes a tool, or one of several as in `a|b`, that is not there.
need() {
    if has "$1"; then return 0; fi
    missing_packages+=("$2")
    missing_lines+=("${1%%|*} is missing ($3): apt-get install $2")
}

# apt ARGS: apt-get with the rights it needs; status 1 where there are none.
apt() {
    has apt-get || return 1
    if [[ $(id -u) -eq 0 ]]; then
        DEBIAN_FRONTEND=noninteractive apt-get "$@"
    elif has sudo && sudo -n true 2>/dev/null; then
        sudo -n DEBIAN_FRONTEND=noninteractive apt-get "$@"
    else
        return 1
    fi
}

install() {
    say "installing ${missing_packages[*]}"
    apt install --yes --no-install-recommends "${missing_packages[@]}" >/dev/null 2>&1 && return 0
    # The package lists may be absent or old.
    apt update >/dev/null 2>&1 || true
    apt install --yes --no-install-recommends "${missing_packages[@]}" >/dev/null 2>&1
}

# peers: the clients of KurrentDB that the tests run, below target/peers, in the versions that
# tests/peers names. Does nothing where these are there.
peers() {
    local root wanted folder log
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=$root/target/peers
    log=$folder/setup.log
    wanted=$(cat "$root/tests/peers/requirements.txt" "$root/tests/peers/package-lock.json")
    if [[ -f $folder/.installed && $(<"$folder/.installed") == "$wanted" ]]; then return 0; fi
    say "fetching the clients of KurrentDB for the tests into target/peers"
    mkdir -p "$folder"
    rm -f "$folder/.installed"
    {
        python3 -m venv --clear "$folder/python" &&
            "$folder/python/bin/pip" install --quiet --disable-pip-version-check \
                --requirement "$root/tests/peers/requirements.txt"
    } >"$log" 2>&1 || {
        say "kurrentdbclient is missing (tests the log's server); python3 with venv and pip could not fetch it from PyPI, see $log"
        return 1
    }
    cp "$root/tests/peers/package.json" "$root/tests/peers/package-lock.json" "$folder/"
    (cd "$folder" && npm ci --no-audit --no-fund --ignore-scripts) >"$log" 2>&1 || {
        say "the Node clients of KurrentDB are missing (test the log's server); npm could not fetch them, see $log"
        return 1
    }
    printf '%s\n' "$wanted" >"$folder/.installed"
}

# sql_peers: the clients of SQL and the readers of the lake that the tests run, below
# target/peers/sql, in the versions that these files name. Does nothing where these are there.
sql_peers() {
    local root folder log wanted file
    local -a files=() options=()
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=$root/target/peers/sql
    log=$root/target/peers/sql.log
    for file in "$root/tests/peers/sql-requirements.txt" "$root/notebooks/requirements.txt"; do
        if [[ -f $file ]]; then
            files+=("$file")
            options+=(--requirement "$file")
        fi
    done
    wanted=$(cat "${files[@]}")
    if [[ -f $folder/.installed && $(<"$folder/.installed") == "$wanted" ]]; then return 0; fi
    say "fetching the clients of SQL for the tests into target/peers/sql"
    mkdir -p "$root/target/peers"
    rm -f "$folder/.installed"
    {
        python3 -m venv --clear "$folder" &&
            "$folder/bin/pip" install --quiet --disable-pip-version-check "${options[@]}"
    } >"$log" 2>&1 || {
        say "the clients of SQL are missing (run notebooks, read the lake); python3 with venv and pip could not fetch them from PyPI, see $log"
        return 1
    }
    printf '%s\n' "$wanted" >"$folder/.installed"
}

# duckdb_peer: a DuckDB with its extension for object stores, below target/peers/duckdb. Does
# nothing where it is there.
duckdb_peer() {
    local root folder log wanted
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=$root/target/peers/duckdb
    log=$root/target/peers/duckdb.log
    wanted=$(cat "$root/tests/peers/duckdb-requirements.txt")
    if [[ -f $folder/.installed && $(<"$folder/.installed") == "$wanted" ]]; then return 0; fi
    say "fetching a DuckDB that reads object stores into target/peers"
    mkdir -p "$root/target/peers"
    rm -f "$folder/.installed"
    {
        python3 -m venv --clear "$folder" &&
            "$folder/bin/pip" install --quiet --disable-pip-version-check \
                --requirement "$root/tests/peers/duckdb-requirements.txt"
    } >"$log" 2>&1 || {
        say "DuckDB with httpfs is missing (reads the lake in a store); python3 with venv and pip could not fetch it from PyPI, see $log"
        return 1
    }
    printf '%s\n' "$wanted" >"$folder/.installed"
}

# sip_peer: the tools that look for open SIP servers, below target/peers/sip. Does nothing where
# they are there.
sip_peer() {
    local root folder log wanted
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=$root/target/peers/sip
    log=$root/target/peers/sip.log
    wanted=$(cat "$root/tests/peers/sip-requirements.txt")
    if [[ -f $folder/.installed && $(<"$folder/.installed") == "$wanted" ]]; then return 0; fi
    say "fetching SIPVicious for the tests into target/peers"
    mkdir -p "$root/target/peers"
    rm -f "$folder/.installed"
    {
        python3 -m venv --clear "$folder" &&
            "$folder/bin/pip" install --quiet --disable-pip-version-check \
                --requirement "$root/tests/peers/sip-requirements.txt"
    } >"$log" 2>&1 || {
        say "SIPVicious is missing (looks for open SIP servers); python3 with venv and pip could not fetch it from PyPI, see $log"
        return 1
    }
    printf '%s\n' "$wanted" >"$folder/.installed"
}

check_versions() {
    local found status=0
    if has rustc; then
        found=$(rustc --version | cut -d' ' -f2)
        at_least "$rust_min" "$found" || {
            say "rustc $found is too old: $rust_min or newer is needed, run: rustup update stable"
            status=1
        }
    fi
    if has node; then
        found=$(node --version)
        at_least "$node_min" "${found#v}" || {
            say "node ${found#v} is too old: $node_min or newer is needed, see https://nodejs.org"
            status=1
        }
    fi
    return "$status"
}

main() {
    local target=${1:-demo}
    case $target in
        demo | test) ;;
        *) say "what for? Usage: tools/setup.sh [demo|test]"; exit 2 ;;
    esac
    if [[ ${LEDGERLINE_SKIP_SETUP:-} == 1 ]]; then exit 0; fi

    need cc build-essential "links the program"
    need node nodejs "builds the console"
    need npm npm "fetches what the console is built from"
    need espeak-ng espeak-ng "speaks the prompts"
    if [[ $target == test ]]; then
        need sipp sip-tester "answers calls in the tests"
        need kamailio kamailio "takes registrations in the tests"
        need dnsmasq dnsmasq-base "says where carriers are in the tests"
        need '/usr/lib/*/kamailio/modules/tls.so' kamailio-tls-modules "speaks SIP over TLS in the tests"
        need sipsak sipsak "asks and floods in the tests"
        need tshark tshark "reads what goes over the wire in the tests"
        need baresip baresip-core "is an agent's phone in the tests"
        need openssl openssl "is the other end of TLS and DTLS in the tests"
        need 'chromium|chromium-browser|google-chrome' chromium "opens the console in the tests"
        if [[ -z $(fc-list :lang=zh 2>/dev/null) ]]; then
            missing_packages+=(fonts-wqy-zenhei)
            missing_lines+=("a font with Chinese characters is missing (prints reports in the tests): apt-get install fonts-wqy-zenhei")
        fi
        need faketime faketime "lets the days of recordings pass in the tests"
        need unshare util-linux "gives a small disk in the tests"
        need python3 python3-venv "runs clients of KurrentDB and SQL in the tests"
        need psql postgresql-client "asks the server of SQL in the tests"
    fi

    local status=0
    if [[ ${#missing_packages[@]} -gt 0 ]] && ! install; then
        printf 'setup: %s\n' "${missing_lines[@]}" >&2
        status=1
    fi
    if ! has cargo || ! has rustc; then
        say "cargo is missing (builds the program): install Rust $rust_min or newer from https://rustup.rs"
        status=1
    fi
    check_versions || status=1
    if [[ $target == test && $status -eq 0 ]]; then
        peers || status=1
        sql_peers || status=1
        duckdb_peer || status=1
        sip_peer || status=1
    fi
    exit "$status"
}

main "$@"
