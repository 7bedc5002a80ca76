#!/usr/bin/env bash
# irreproducible.sh DIR VARIANT: make files of many formats in DIR that differ between VARIANT 1 and 2, each in the way
# that its name says; and some that do not.
set -euo pipefail

out=$1 n=$2
mkdir -p "$out" && cd "$out"
export LC_ALL=C TZ=UTC
when="2026-11-0$n 10:11:12"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What stays the same.
mkdir -p same/deep
echo same >same/deep/file
head -c 5000 /dev/zero >same/zeros

# Paths.
mkdir paths
echo "only in $n" >"paths/only-$n"
ln -s "/build/$n/target" paths/link

# Texts.
mkdir text
printf 'a\nbuilt on %s\nb\n' "$when" >text/date
printf 'PREFIX=/build/dir%s/src\n' "$n" >text/build-path
if [[ $n == 1 ]]; then seq 30; else seq 30 | tac; fi >text/order
seq 3000 | sed "1500s/.*/changed $n/" >text/long

# Bytes.
mkdir bytes
printf 'seed %s' "$n" | sha512sum | cut -d ' ' -f 1 | xxd -r -p >bytes/random
{ head -c 100000 /dev/zero; printf '%s' "$n"; head -c 100000 /dev/zero; } >bytes/one

# What members of archives are.
mkdir "$work/tree"
cd "$work/tree"
echo a >a && echo b >b && seq 100 >c
touch -d '2026-01-01' a b c

archive="$out/archives"
mkdir "$archive"
if [[ $n == 1 ]]; then order=(a b c); else order=(c b a); fi
tar -cf "$archive/order.tar" "${order[@]}"
tar --owner="user$n:$n" --group=0 -cf "$archive/owner.tar" a b
tar --mtime="$when" -cf "$archive/times.tar" a b
tar --format=pax --mtime="$when" -cf "$archive/pax.tar" a b
ar rcsU "$archive/order.a" "${order[@]}"
cp a stamped && touch -d "$when" stamped
ar rcsU "$archive/times.a" stamped b
zip -qX "$archive/order.zip" "${order[@]}"
zip -q "$archive/times.zip" stamped b
echo "content $n" >content
touch -d '2026-01-01' content
zip -qX "$archive/content.zip" content a

# Compressions, and containers in each other.
tar --mtime=@0 --owner=0 --group=0 -cf content.tar content a
for pack in gzip:gz xz:xz bzip2:bz2 zstd:zst; do
    "${pack%:*}" -c <content.tar >"$archive/content.tar.${pack#*:}"
done
touch -d "$when" c
gzip -c c >"$archive/header.gz"
seq 20000 | gzip "-nc$((n * 4))" >"$archive/level.gz"
gzip -nc <"$archive/content.zip" >"$archive/zip-in.gz"

# Compilers.
mkdir "$out/elf" "$work/dir$n"
cd "$work/dir$n"
printf '#include <stdio.h>\nint main(void) { puts("built " STAMP); return 0; }\n' >main.c
gcc -O1 -DSTAMP="\"$when\"" -Wl,--build-id=sha1 main.c -o "$out/elf/date"
gcc -g -O1 -DSTAMP='"x"' -ffile-prefix-map="$work=/build" -Wl,--build-id=sha1 main.c -o "$out/elf/debug-path"
gcc -O1 -DSTAMP='"x"' -c main.c -o "$out/elf/same.o"
printf 'int f%s(void) { return 1; }\n' "$n" >f.c
gcc -O1 -c f.c -o "$out/elf/symbol.o"

# Python.
mkdir "$out/python"
printf 'def f():\n    return 1\n' >m.py
touch -d "$when" m.py
python3 -c 'import py_compile, sys; py_compile.compile("m.py", sys.argv[1], dfile="m.py", doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)' "$out/python/time.pyc"
python3 -c 'import py_compile, sys; py_compile.compile("m.py", sys.argv[1], dfile=sys.argv[2], doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$out/python/path.pyc" "/build/dir$n/m.py"

# A Debian package.
mkdir -p "$work/deb/DEBIAN" "$work/deb/usr/share/doc"
chmod -R 0755 "$work/deb"
printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' >"$work/deb/DEBIAN/control"
echo "changed on $when" >"$work/deb/usr/share/doc/changelog"
SOURCE_DATE_EPOCH=1700000000 dpkg-deb --root-owner-group -Zxz -b "$work/deb" "$archive/x.deb" >/dev/null
