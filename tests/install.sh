#!/bin/sh
# Installs into a new folder, builds a small program against what is there, both ways, and the example;
# checks that each header stands alone, in C and where there is a compiler in C++, that the shared
# library exports the public names only, that the man pages render without a warning, and that bash
# completes. Arguments: the build folder, the compiler.
set -eu
build=$1
cc=$2
unset PULLBACK_MODELS # what is installed is looked at
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

cmake --install "$build" --prefix "$root" >/dev/null
libdir=$(dirname "$(find "$root" -name libpullback.a)")
sed -i "s|^prefix=.*|prefix=$root|; s|^libdir=.*|libdir=$libdir|;
        s|^includedir=.*|includedir=$root/include|" "$libdir"/pkgconfig/pullback*.pc
export PKG_CONFIG_PATH="$libdir/pkgconfig"

cat >"$root/try.c" <<'END'
#include <pullback/pullback.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    pb_error error;
    pb_model *model;
    if (pb_model_open(&model, argc > 1 ? argv[1] : "", &error) != PB_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%zu\n", pb_model_get_info(model)->parameters);
    pb_model_free(model);
    return 0;
}
END
model=$root/share/pullback/models/faces32
flags=${CFLAGS-}

# Each header by itself; in C++ what a macro of C begins is begun by a function.
strict="-Wall -Wextra -Wshadow -pedantic -Werror"
for header in "$root"/include/pullback/*.h; do
    echo "#include <pullback/${header##*/}>" >"$root/one.c"
    $cc -std=c17 $strict -I"$root/include" -fsyntax-only "$root/one.c"
done
cxx=${CXX:-c++}
if command -v "$cxx" >/dev/null; then
    for header in "$root"/include/pullback/*.h; do
        "$cxx" -x c++ -std=c++11 $strict -I"$root/include" -include "$header" -fsyntax-only /dev/null
    done
    {
        echo '#include <pullback/pullback.h>'
        echo 'int main() {'
        # PB_API void pb_run_init(pb_run *run);
        sed -n 's/^PB_API void \(pb_[a-z_]*_init\)(\(pb_[a-z_]*\) \*[a-z]*);$/{ \2 x; \1(\&x); \1(nullptr); }/p' \
            "$root"/include/pullback/*.h
        echo 'return pb_version_number() != PB_VERSION_NUMBER || PB_VERSION_STRING[0] != *pb_version();'
        echo '}'
    } >"$root/try.cpp"
    # As many functions as macros that begin a structure.
    test "$(grep -c '^{ pb_' "$root/try.cpp")" = \
        "$(cat "$root"/include/pullback/*.h | grep -cE '^#define PB_[A-Z_]*_(DEFAULTS|EMPTY)\b')"
    "$cxx" $flags -std=c++11 $strict "$root/try.cpp" -o "$root/cpp" \
        $(pkg-config --cflags --libs pullback)
    LD_LIBRARY_PATH=$libdir "$root/cpp"
fi
$cc $flags "$root/try.c" -o "$root/shared" $(pkg-config --cflags --libs pullback)
test "$(LD_LIBRARY_PATH=$libdir "$root/shared" "$model")" = 2734945
$cc $flags "$root/try.c" -o "$root/static" $(pkg-config --cflags --libs pullback-static)
if readelf -d "$root/static" | grep -q libpullback; then
    echo "what is linked by pullback-static needs the shared library" >&2
    exit 1
fi
test "$("$root/static" "$model")" = 2734945
test "$(cd "$root" && "$root/bin/pullback" --version)" = "$("$build/pullback" --version)"
# A thread may outlive the last call: the library stays where it is after dlclose.
readelf -d "$libdir/libpullback.so" | grep -q NODELETE
if nm -D --defined-only "$libdir/libpullback.so" | awk '{print $3}' | grep -v '^pb_'; then
    echo "the shared library exports other names than pb_*" >&2
    exit 1
fi

# The example, on a photo (here one whose picture the program sees as a .npy) and on a damaged one.
$cc $flags -Wall -Wextra -Werror "$root/share/pullback/examples/edit.c" -o "$root/edit" \
    $(pkg-config --cflags --libs pullback)
"$root/bin/pullback" invert -q --model "$model" "$root/share/pullback/examples/portrait.png" \
    --crop 93,60,104,104 --t 0 --direct -o "$root/face.npy"
{
    printf 'P6\n32 32\n255\n'
    printf "$(tail -c 4096 "$root/face.npy" | od -An -v -tf4 -w4 |
        awk '{ v = int(($1 + 1) * 127.5 + 0.5); printf "\\%03o\\%03o\\%03o", v, v, v }')"
} >"$root/face.ppm"
LD_LIBRARY_PATH=$libdir "$root/edit" "$model" "$root/face.ppm" "$root/edited.ppm" 1 1 \
    >"$root/said" 2>/dev/null
test "$(head -c 13 "$root/edited.ppm" | tr '\n' ' ')" = "P6 32 32 255 "
# It is what the program makes of the same pixels, which have been rounded to 8 bits.
"$root/bin/pullback" edit -q --json --model "$model" "$root/face.npy" -d 1 --strength 1 \
    -o "$root/edited.npy" >/dev/null
tail -c 3072 "$root/edited.ppm" | od -An -v -tu1 -w3 | awk '{ print $1 }' >"$root/ours"
tail -c 4096 "$root/edited.npy" | od -An -v -tf4 -w4 |
    awk '{ v = ($1 + 1) * 127.5; print (v < 0 ? 0 : v > 255 ? 255 : v) }' >"$root/theirs"
paste "$root/ours" "$root/theirs" |
    awk '{ d = $1 - $2; s += d * d } END { exit !(NR == 1024 && s / NR < 9) }'
grep -q 'a change of' "$root/said"
head -c 100 "$root/face.ppm" >"$root/cut.ppm"
if LD_LIBRARY_PATH=$libdir "$root/edit" "$model" "$root/cut.ppm" "$root/no.ppm" 2>"$root/message"; then
    echo "the example takes a damaged picture" >&2
    exit 1
fi
grep -q 'cut.ppm: expected a PPM' "$root/message"
if LD_LIBRARY_PATH=$libdir "$root/edit" "$model" "$root/none.ppm" "$root/no.ppm" 2>"$root/message"
then
    echo "the example takes a picture that is not there" >&2
    exit 1
fi
grep -q 'none.ppm: cannot be read' "$root/message"
if LD_LIBRARY_PATH=$libdir "$root/edit" "$model" "$root/face.ppm" "$root/none/no.ppm" 0 0.1 \
    >"$root/said" 2>"$root/message" || [ -s "$root/said" ]; then
    echo "the example says that it wrote what it cannot write" >&2
    exit 1
fi
grep -q 'no.ppm: cannot be written' "$root/message"

# The installed program finds the models installed beside it, wherever that is.
test "$(cd / && "$root/bin/pullback" info faces32 --json | sed -n 's/^  "model": "\(.*\)",$/\1/p')" = \
    "$model"
test -f "$root/share/doc/pullback/api.md"

man=$root/share/man/man1
for command in "" -edit -study -study-samples -help; do
    test -s "$man/pullback$command.1"
done
if command -v man >/dev/null; then
    for page in "$man"/*.1; do
        LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>"$root/message" >"$root/page"
        if [ -s "$root/message" ] || ! grep -q '^EXAMPLES' "$root/page"; then
            cat "$page" "$root/message" >&2
            exit 1
        fi
    done
fi

if command -v bash >/dev/null; then
    completed=$(PATH=$root/bin:$PATH bash -c '
        . "$1"
        try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pullback; echo "${COMPREPLY[*]}"; }
        try pullback tr
        try pullback edit --mod
        try pullback edit --model = faces3
        try pullback study ""
        try pullback edit photo' bash "$root/share/bash-completion/completions/pullback")
    test "$completed" = "transport
--mode --model
faces32
timesteps samples models prompts status"
fi
