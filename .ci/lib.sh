# Helpers for the scripts in this folder. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DEBIAN_FRONTEND=noninteractive CARGO_TERM_COLOR=never

# All builds use the same features, so that Cargo compiles each dependency once. Only the release
# build uses the default features.
export FEATURES=${FEATURES-postgres,mysql}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# Cache for downloads and builds that do not depend on this repository. May be deleted at any time.
cache=${RBTOKEN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rbtoken-ci}

# Packages for each stage, for need(). `.ci/run` installs all of them at once.
need_c=(gcc:gcc g++:g++ make:make nm:binutils '/usr/include/*/bits/libc-header-start.h:libc6-dev')
need_tests=("${need_c[@]}" clang++:clang cmake:cmake pkg-config:pkg-config python3:python3
    git:git valgrind:valgrind /usr/include/sqlite3.h:libsqlite3-dev)
need_sanitizers=("${need_c[@]}" clang++:clang llvm-symbolizer:llvm)
need_format=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv')
need_docs=(doxygen:doxygen)
need_sites=('/usr/lib/postgresql/*/bin/initdb:postgresql' pgbouncer:pgbouncer
    mariadbd:mariadb-server openssl:openssl '/usr/lib/python3*/ensurepip:python3-venv')
need_python=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' gcc:gcc readelf:binutils)
need_node=("${need_python[@]}" node:nodejs npm:npm)
need_go=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' go:golang-go gcc:gcc
    pkg-config:pkg-config)
need_java=(mvn:maven '/usr/lib/jvm/java-17-openjdk-*/bin/javac:openjdk-17-jdk-headless'
    /usr/share/java/jna.jar:libjna-java '/usr/lib/*/jni/libjnidispatch.system.so:libjna-jni'
    /usr/share/maven-repo/org/junit/jupiter/junit-jupiter:junit5
    /usr/share/maven-repo/org/apache/maven/surefire/surefire-junit-platform:libsurefire-java)
for plugin in compiler install jar javadoc resources source; do
    need_java+=("/usr/share/maven-repo/org/apache/maven/plugins/maven-$plugin-plugin:libmaven-$plugin-plugin-java")
done
need_languages=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv'
    go:golang-go pkg-config:pkg-config)
need_gateway=("${need_c[@]}" /usr/include/microhttpd.h:libmicrohttpd-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev' /usr/include/gnutls/gnutls.h:libgnutls28-dev
    python3:python3 openssl:openssl git:git)
need_install=("${need_c[@]}" cmake:cmake pkg-config:pkg-config
    /usr/include/sqlite3.h:libsqlite3-dev /usr/include/openssl/ssl.h:libssl-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev' /usr/include/zlib.h:zlib1g-dev)
need_fresh=(debootstrap:debootstrap)

# Exits with an error message.
fail() {
    echo "${0##*/}: FAILED: $*" >&2
    exit 1
}

# Exits from a stage that cannot run here. `.ci/run` counts the status 77 as not run.
not_run() {
    echo "NOT RUN: ${0##*/}: $*"
    [ -z "${RBTOKEN_CI_REASON:-}" ] || echo "$*" >"$RBTOKEN_CI_REASON"
    exit 77
}

# need WHAT:PACKAGE...: installs each Debian package for which WHAT is missing: a command, or a path
# that may contain wildcards.
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

# cached NAME KEY COMMAND...: sets `cached` to the path of a cache entry. KEY must contain
# everything that the entry depends on. If there is no entry with this key, COMMAND creates it at
# the path that is its last argument. Incomplete entries have another name.
cached() {
    local name=$1 key new
    key=$(sha256sum <<<"$2")
    cached=$cache/$name-${key:0:16}
    shift 2
    [ -e "$cached" ] && return
    mkdir -p "$cache"
    # One process creates an entry, and others wait. The lock is released when the process ends.
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

# Sets `cached` to an environment of Python with what builds and checks the packages for other
# languages: cargo-zigbuild, among others.
python_tools() {
    local tools=(ziglang==0.17.1 cargo-zigbuild==0.24.1 hatchling==1.33.0 build==1.6.1 mypy==2.4.1
        pdoc==16.0.0)
    make_tools() {
        python3 -m venv "$1"
        "$1/bin/python" -m pip install -q "${tools[@]}"
        # The scripts name their interpreter by the path that the environment has when it is complete.
        find "$1/bin" -type f -exec sed -i "1,2s|$1/|$cached/|" {} +
    }
    cached python-tools "${tools[*]} $(python3 -VV) $(command -v python3)" make_tools
}

# Builds the shared library for the packages of other languages, without link-time optimization,
# which takes minutes and makes no difference to them. Sets `optimized` to its path. The arguments
# are those of the packages' own builds, so that Cargo builds it once.
optimized_library() {
    local triple=x86_64-unknown-linux-gnu
    python_tools
    PATH=$cached/bin:$PATH CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo-zigbuild rustc --quiet --locked --profile release --lib --crate-type cdylib \
        --features "sqlite,$FEATURES" --target-dir "$target" --target "$triple.2.17" -- -C strip=symbols
    optimized=$target/$triple/release/librbtoken.so
}

# Builds a shared library that counts the calls of each function, and sets `counting` to its path.
counting_library() {
    cargo rustc --quiet --locked --features "$FEATURES" --target-dir "$target" --lib \
        --crate-type cdylib --profile dev -- --cfg count_calls
    counting=$target/debug/librbtoken.so
}
