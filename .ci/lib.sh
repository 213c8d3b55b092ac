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
need_sites=('/usr/lib/postgresql/*/bin/initdb:postgresql' pgbouncer:pgbouncer
    mariadbd:mariadb-server openssl:openssl '/usr/lib/python3*/ensurepip:python3-venv')
need_python=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' gcc:gcc readelf:binutils)
need_node=("${need_python[@]}" node:nodejs npm:npm)
need_go=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv' go:golang-go gcc:gcc
    pkg-config:pkg-config)
need_java=(python3:python3 mvn:maven '/usr/lib/jvm/java-17-openjdk-*/bin/javac:openjdk-17-jdk-headless'
    /usr/share/java/jna.jar:libjna-java '/usr/lib/*/jni/libjnidispatch.system.so:libjna-jni'
    /usr/share/maven-repo/org/junit/jupiter/junit-jupiter:junit5
    /usr/share/maven-repo/org/apache/maven/surefire/surefire-junit-platform:libsurefire-java)
for plugin in compiler install jar javadoc resources source; do
    need_java+=("/usr/share/maven-repo/org/apache/maven/plugins/maven-$plugin-plugin:libmaven-$plugin-plugin-java")
done
need_docs=("${need_python[@]}" doxygen:doxygen node:nodejs npm:npm go:golang-go
    '/usr/lib/jvm/java-17-openjdk-*/bin/javadoc:openjdk-17-jdk-headless'
    /usr/share/java/jna.jar:libjna-java)
need_languages=(python3:python3 '/usr/lib/python3*/ensurepip:python3-venv'
    go:golang-go pkg-config:pkg-config)
need_gateway=("${need_c[@]}" /usr/include/microhttpd.h:libmicrohttpd-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev' /usr/include/gnutls/gnutls.h:libgnutls28-dev
    python3:python3 openssl:openssl git:git)
# A browser for the pages of the Review Board extension.
need_reviewboard=(chromium:chromium)
need_install=("${need_c[@]}" cmake:cmake pkg-config:pkg-config
    /usr/include/sqlite3.h:libsqlite3-dev /usr/include/openssl/ssl.h:libssl-dev
    '/usr/include/*/curl/curl.h:libcurl4-openssl-dev' /usr/include/zlib.h:zlib1g-dev)
need_blocks=(nginx:nginx-light systemd-analyze:systemd openssl:openssl)
need_fresh=(debootstrap:debootstrap)
need_packages=("${need_install[@]}" "${need_python[@]}" "${need_gateway[@]}" objcopy:binutils git:git
    dpkg-buildpackage:dpkg-dev dh:debhelper dh_python3:dh-python lintian:lintian)

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
# languages, and their references: cargo-zigbuild, among others.
python_tools() {
    local tools=(ziglang==0.17.1 cargo-zigbuild==0.24.1 hatchling==1.33.0 build==1.6.1 mypy==2.4.1
        pdoc==16.0.0 doxygen-awesome-css==2.4.1rc0)
    make_tools() {
        python3 -m venv "$1"
        "$1/bin/python" -m pip install -q "${tools[@]}"
        # The scripts name their interpreter by the path that the environment has when it is complete.
        find "$1/bin" -type f -exec sed -i "1,2s|$1/|$cached/|" {} +
    }
    cached python-tools "${tools[*]} $(python3 -VV) $(command -v python3)" make_tools
}

# Sets `modules` to a folder with the development dependencies of the Node.js package.
node_modules() {
    make_modules() {
        mkdir "$1"
        cp bindings/node/{package.json,package-lock.json,.npmrc} "$1"
        (cd "$1" && npm ci --silent)
    }
    cached node-modules "$(cat bindings/node/package-lock.json) $(node --version)" make_modules
    modules=$cached/node_modules
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

# debian_base RELEASE PACKAGES: sets `cached` to an archive of a new Debian system with these
# packages, separated by commas, and `archives` to those of this machine's apt, one line each:
# address and release. Needs root and permission to mount.
debian_base() {
    local release=$1 packages=$2 mirror
    [ "$(id -u)" = 0 ] || not_run "debootstrap needs root"
    unshare -m true 2>/dev/null || not_run "no right to mount (unshare -m)"
    need "${need_fresh[@]}"
    archives=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' \
        'Origin: Debian' | sort -u)
    # The archive of Debian 12 has older releases, too.
    mirror=$(sed -n 's/ bookworm$//p' <<<"$archives" | sed -n 1p)
    [ -n "$mirror" ] || not_run "apt has no archive of Debian 12 (bookworm)"
    make_base() {
        local tree=$1.tree
        rm -rf "$tree"
        debootstrap --variant=minbase --include="$packages" "$release" "$tree" "$mirror" >"$1.log" 2>&1 || {
            tail -n 20 "$1.log"
            not_run "debootstrap of $release failed: $(sed -n '$p' "$1.log")"
        }
        tar -C "$tree" -cf - . | gzip -1 >"$1"
        rm -rf "$tree" "$1.log"
    }
    # Rebuilt every month to get updates.
    cached debian "$release $mirror $packages $(date +%Y-%m)" make_base
}

# in_debian ROOT COMMAND...: runs a command in a Debian system, with mounts that end with it.
in_debian() {
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$@"
}

# readme_blocks LANGUAGE [COUNT]: prints the README's code blocks in a language, or the first of them:
# those about installation and the first programs.
readme_blocks() {
    sed -n '/^## Install$/,/^## Durability$/p' README.md |
        awk -v begin="\`\`\`$1" -v count="${2:-1000}" \
            '/^```/ { inside = $0 == begin && ++blocks <= count; next } inside'
}

# Builds a shared library that counts the calls of each function, and sets `counting` to its path.
counting_library() {
    cargo rustc --quiet --locked --features "$FEATURES" --target-dir "$target" --lib \
        --crate-type cdylib --profile dev -- --cfg count_calls
    counting=$target/debug/librbtoken.so
}
