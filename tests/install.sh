#!/bin/sh
# Installs into a new folder, builds a small program against what is there, both ways, and checks
# that the shared library exports the public names only. Arguments: the build folder, the compiler.
set -eu
build=$1
cc=$2
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
