# Helpers of .ci/asan and .ci/tsan, which build the library and C programs with a sanitizer. Sourced
# with SANITIZER and RUNTIME set, and CRATE_TYPES if only one library is needed; not run.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

host=x86_64-unknown-linux-gnu
build=$target/$SANITIZER
sysroot=$(rustc --print sysroot)
runtime=$sysroot/lib/rustlib/$host/lib/librustc-stable_rt.$RUNTIME.a
mkdir -p "$build"

need "${need_sanitizers[@]}"
[ "$(rustc -vV | sed -n 's/^host: //p')" = "$host" ] || not_run "only written for $host"
[ -e "$runtime" ] || not_run "this Rust toolchain has no $SANITIZER sanitizer ($runtime)"

compile_flags=(-g -O1 -fno-omit-frame-pointer "-fsanitize=$SANITIZER")
# Links Rust's sanitizer runtime completely. -nodefaultlibs omits the C compiler's.
link_flags=(-nodefaultlibs -Wl,--whole-archive,"$runtime",--no-whole-archive -rdynamic -pthread
    -lstdc++ -lm -ldl -lrt -lpthread -lc -lgcc_s -lgcc)

# build_library FOLDER [ARGUMENTS...]: builds both libraries, or those in CRATE_TYPES, into a
# folder. The arguments are passed to `cargo rustc`. RUSTC_BOOTSTRAP makes a stable compiler accept
# -Z options; nothing that is released is built this way.
build_library() {
    local folder=$build/$1
    shift
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$SANITIZER" cargo rustc --quiet --locked --lib \
        --crate-type "${CRATE_TYPES:-cdylib,staticlib}" --target "$host" --target-dir "$build" "$@"
    mkdir -p "$folder"
    cp "$build/$host/debug/"librbtoken.* "$folder/"
    ln -sf librbtoken.so "$folder/librbtoken.so.0"
}

# link_host PROGRAM SOURCE [ARGUMENTS...]: builds a C or C++ program with arguments for the linker.
link_host() {
    local program=$1 source=$2 compiler=(gcc -std=c11)
    shift 2
    case $source in *.cpp) compiler=("${CXX:-g++}" -std=c++17) ;; esac
    mkdir -p "$(dirname "$program")"
    "${compiler[@]}" "${compile_flags[@]}" -Wall -Wextra -Werror -Iinclude -Itests/c -c "$source" -o "$program.o"
    gcc "$program.o" -o "$program" "$@" "${link_flags[@]}"
}

# build_host FOLDER SOURCE: builds a program with the folder's static library, as FOLDER/NAME.
build_host() {
    link_host "$build/$1/$(program_name "$2")" "$2" "$build/$1/librbtoken.a"
}

# build_shared_host FOLDER SOURCE: builds one with the shared library, as FOLDER/shared/NAME.
build_shared_host() {
    link_host "$build/$1/shared/$(program_name "$2")" "$2" -L"$build/$1" -l:librbtoken.so \
        -Wl,-rpath,"$build/$1"
}

program_name() {
    local name=${1##*/}
    echo "${name//./_}"
}

# clean_run PROGRAM [ARGUMENTS...]: runs a program, which must succeed without a report.
clean_run() {
    local start=$SECONDS log=$build/log
    echo "-- ${1##*/} ${*:2}"
    "$@" >"$log" 2>&1 || {
        local status=$?
        cat "$log"
        fail "${1##*/} ${*:2} (status $status)"
    }
    ! grep -q Sanitizer "$log" || {
        cat "$log"
        fail "${1##*/} ${*:2}: the sanitizer reported something"
    }
    echo "   clean, $(grep -c '' "$log") lines printed, $((SECONDS - start)) s"
}

# faulty_run PATTERN PROGRAM [ARGUMENTS...]: runs a program, which the sanitizer must end with a
# report that contains the pattern. A sanitizer that cannot fail would prove nothing.
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
