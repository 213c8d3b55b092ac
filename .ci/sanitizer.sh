# What .ci/asan and .ci/tsan have in common: the library and its C hosts, built with a sanitizer.
# To be sourced with SANITIZER and RUNTIME set; not to be run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DEBIAN_FRONTEND=noninteractive CARGO_TERM_COLOR=never

host=x86_64-unknown-linux-gnu
build=$PWD/target/$SANITIZER
sysroot=$(rustc --print sysroot)
runtime=$sysroot/lib/rustlib/$host/lib/librustc-stable_rt.$RUNTIME.a

fail() {
    echo "$SANITIZER sanitizer: FAILED: $*" >&2
    exit 1
}

install_tools() {
    local missing=() pair
    for pair in gcc:gcc g++:g++ llvm-symbolizer:llvm; do
        command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        apt-get update -q
        apt-get install -q -y --no-install-recommends libc6-dev "${missing[@]}"
    fi
    [ "$(rustc -vV | sed -n 's/^host: //p')" = "$host" ] || fail "this needs $host"
    [ -e "$runtime" ] || fail "the toolchain has no $runtime"
}

# build_library FOLDER TYPE [ARGUMENTS...]: the library as `staticlib` or `cdylib`, put into a folder
# of its own. The arguments are for `cargo rustc`. RUSTC_BOOTSTRAP lets a stable compiler take -Z
# options; nothing that ships is built so.
build_library() {
    local folder=$1 type=$2
    shift 2
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$SANITIZER" cargo rustc --quiet --lib \
        --crate-type "$type" --target "$host" --target-dir "$build" "$@"
    mkdir -p "$build/$folder"
    case $type in
        staticlib) cp "$build/$host/debug/librbtoken.a" "$build/$folder/" ;;
        cdylib) cp "$build/$host/debug/librbtoken.so" "$build/$folder/" ;;
    esac
}

# link_host FOLDER SOURCE [LIBRARY]: a C program, with a library or none, as FOLDER/NAME.
link_host() {
    local folder=$1 source=$2 name
    name=$build/$folder/$(basename "$source" .c)
    gcc -std=c11 -g -O1 -fno-omit-frame-pointer "-fsanitize=$SANITIZER" -Wall -Wextra -Werror \
        ${3:+-DRBTOKEN_STATIC} -Iinclude -Itests/c -c "$source" -o "$name.o"
    # The runtime is Rust's, whole: the host's own compiler brings another one, which is left out.
    gcc "$name.o" -o "$name" ${3:+"$3"} \
        -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive \
        -rdynamic -pthread -ldl -lm -lrt -lstdc++
}

# build_host FOLDER SOURCE: a C program with the folder's static library.
build_host() {
    link_host "$1" "$2" "$build/$1/librbtoken.a"
}

# build_loading_host FOLDER SOURCE: a C program that loads the shared library itself. It brings the
# runtime for both.
build_loading_host() {
    link_host "$1" "$2"
}

# clean_run PROGRAM [ARGUMENTS...]: it must end well, with nothing reported.
clean_run() {
    local start=$SECONDS log=$build/log
    echo "-- ${1##*/} ${*:2}"
    "$@" >"$log" 2>&1 || {
        cat "$log"
        fail "${1##*/} ${*:2} (status $?)"
    }
    ! grep -q Sanitizer "$log" || {
        cat "$log"
        fail "${1##*/} ${*:2}: something was reported"
    }
    echo "   clean, $(grep -c '' "$log") lines printed, $((SECONDS - start)) s"
}

# faulty_run PATTERN PROGRAM [ARGUMENTS...]: the sanitizer must end it with a report that has the
# pattern; a sanitizer that cannot fail proves nothing.
faulty_run() {
    local pattern=$1 log=$build/log
    shift
    echo "-- ${1##*/} ${*:2}, with a planted fault"
    if "$@" >"$log" 2>&1; then
        cat "$log"
        fail "${1##*/} ${*:2}: the planted fault was not found"
    fi
    grep -q "$pattern" "$log" || {
        cat "$log"
        fail "${1##*/} ${*:2}: the report is about something else"
    }
    echo "   found: $(grep -m 1 'ERROR\|WARNING' "$log")"
}
