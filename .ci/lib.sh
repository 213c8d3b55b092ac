# Helpers for the scripts in this folder. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DEBIAN_FRONTEND=noninteractive CARGO_TERM_COLOR=never

# Everything is built with the same features, so that Cargo compiles each dependency once. The
# library that ships is built with the default features.
export FEATURES=${FEATURES-postgres,mysql}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# Downloads and builds that do not depend on this repository. May be deleted at any time.
cache=${RBTOKEN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rbtoken-ci}

# What each stage needs, for need(). `.ci/run` installs all of it at once.
need_c=(gcc:gcc g++:g++ make:make nm:binutils '/usr/include/*/bits/libc-header-start.h:libc6-dev')
need_tests=("${need_c[@]}" clang++:clang cmake:cmake pkg-config:pkg-config python3:python3
    git:git valgrind:valgrind /usr/include/sqlite3.h:libsqlite3-dev)
need_sanitizers=("${need_c[@]}" clang++:clang llvm-symbolizer:llvm)
need_format=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv')
need_docs=(doxygen:doxygen)
need_sites=('/usr/lib/postgresql/*/bin/initdb:postgresql' pgbouncer:pgbouncer
    mariadbd:mariadb-server openssl:openssl '/usr/lib/python3*/ensurepip:python3-venv')
need_python=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' gcc:gcc readelf:binutils)
need_go=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' go:golang-go gcc:gcc
    pkg-config:pkg-config)
need_languages=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' node:nodejs npm:npm
    go:golang-go pkg-config:pkg-config javac:default-jdk-headless /usr/share/java/jna.jar:libjna-java)
need_gateway=("${need_c[@]}" /usr/include/microhttpd.h:libmicrohttpd-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev')
need_install=("${need_c[@]}" cmake:cmake pkg-config:pkg-config
    /usr/include/sqlite3.h:libsqlite3-dev /usr/include/openssl/ssl.h:libssl-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev' /usr/include/zlib.h:zlib1g-dev)
need_fresh=(debootstrap:debootstrap)

# Ends the script with a message.
fail() {
    echo "${0##*/}: FAILED: $*" >&2
    exit 1
}

# Ends a stage that cannot run here. 77 is the status that `.ci/run` counts as not run.
not_run() {
    echo "NOT RUN: ${0##*/}: $*"
    [ -z "${RBTOKEN_CI_REASON:-}" ] || echo "$*" >"$RBTOKEN_CI_REASON"
    exit 77
}

# need WHAT:PACKAGE...: installs the Debian packages of which WHAT is missing. WHAT is a command, or
# a path, in which wildcards are allowed.
need() {
    local pair what missing=()
    for pair; do
        what=${pair%:*}
        case $what in
            /*) compgen -G "$what" >/dev/null || missing+=("${pair##*:}") ;;
            *) command -v "$what" >/dev/null || missing+=("${pair##*:}") ;;
        esac
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "needs these Debian packages: ${missing[*]}"
    fi
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# cached NAME KEY COMMAND...: sets `cached` to the path of a cache entry. KEY is everything that the
# entry depends on. If there is no entry with this key, COMMAND makes it as the path that it is given
# as its last argument. An entry appears under its name when it is complete.
cached() {
    local name=$1 key new
    key=$(sha256sum <<<"$2")
    cached=$cache/$name-${key:0:16}
    shift 2
    [ -e "$cached" ] && return
    mkdir -p "$cache"
    # One process makes an entry, and others wait for it. The lock goes with the process.
    exec {lock}>"$cached.lock"
    flock "$lock"
    if [ ! -e "$cached" ]; then
        new=$cached.new
        rm -rf "$new"
        "$@" "$new"
        mv "$new" "$cached"
    fi
    exec {lock}>&-
}
