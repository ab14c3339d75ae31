#!/usr/bin/env bash
# Puts a Windows Python with cadyq's dependencies into FOLDER, for Wine 10 or later to run:
#
#     windows_python.sh FOLDER WHEEL
#     WINEDEBUG=-all wine64 FOLDER/python.exe -m cadyq_cli upscale photo.png
#
# Nobody ships a whole Windows Python in a package, but panda3d's wheels hold its signed libraries,
# and what is written in Python is the same everywhere: that of the Python 3.11 that runs this.
# Needs x86_64-w64-mingw32-gcc (Debian: gcc-mingw-w64-x86-64), unzip, and Python 3.11 with pip.
set -euo pipefail

folder=$(realpath -m "$1") wheel=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
fetch=(pip download -q --platform win_amd64 --python-version 311 --only-binary=:all:)
"${fetch[@]}" --no-deps -d python panda3d
"${fetch[@]}" -d wheels "$wheel" colorama pytest hypothesis
unzip -q python/*.whl 'deploy_libs/*'
mkdir -p "$folder/DLLs"
cp -r "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" "$folder/Lib"
rm -rf "$folder/Lib/site-packages"
for each in wheels/*.whl; do unzip -q -o "$each" -d "$folder/Lib/site-packages"; done
cp deploy_libs/*.pyd deploy_libs/lib*.dll "$folder/DLLs"
cp deploy_libs/python311.dll deploy_libs/VCRUNTIME140.dll "$folder"

compile() { x86_64-w64-mingw32-gcc -O1 "$@"; }
cat > python.c << 'C'
#include <windows.h>
int wmain(int argc, wchar_t **argv) {
    HMODULE python = LoadLibraryW(L"python311.dll");
    return python ? ((int (*)(int, wchar_t **))GetProcAddress(python, "Py_Main"))(argc, argv) : 111;
}
C
compile -municode python.c -o "$folder/python.exe"

# Of a library: the names of its exports.
exports() { x86_64-w64-mingw32-objdump -p "$1" | awk '/Name Pointer/ { on = 1 } on && $NF ~ /^_?Py/ { print $NF }'; }
{ printf 'LIBRARY python3.dll\nEXPORTS\n'; exports "$folder/python311.dll" | sed 's/.*/& = python311.&/'; } > python3.def
echo > nothing.c
compile -shared nothing.c python3.def -o "$folder/python3.dll"

# Wine's C library stops at complex numbers, for which NumPy looks when it is loaded.
numpy=$(echo "$folder"/Lib/site-packages/numpy/_core/_multiarray_umath.*.pyd)
cat > complex.c << 'C'
typedef struct { double re, im; } Double;
typedef struct { float re, im; } Float;
double re(Double z) { return z.re; }
double im(Double z) { return z.im; }
float ref(Float z) { return z.re; }
float imf(Float z) { return z.im; }
C
math=api-ms-win-crt-math-l1-1-0.dll
x86_64-w64-mingw32-objdump -p "$numpy" | awk -v dll="$math" '
    BEGIN { print "LIBRARY z" substr(dll, 2) "\nEXPORTS"
            own["creal"] = own["creall"] = "re"; own["cimag"] = own["cimagl"] = "im"
            own["crealf"] = "ref"; own["cimagf"] = "imf" }
    /DLL Name:/ { on = $NF == dll }
    on && NF >= 3 && $NF ~ /^_?[a-z][a-z0-9_]*$/ { print $NF " = " ($NF in own ? own[$NF] : "ucrtbase." $NF) }
' > complex.def
sed -i "s/$math/z${math:1}/" "$numpy"
compile -shared complex.c complex.def -o "$folder/z${math:1}"
