# torture.sh C|C++ LEVEL FILE…: compiles and runs each test of GCC's own suite at -O<LEVEL>, and prints a line for each:
# its result, the level and its name. `untested` is what needs DejaGnu's own code, another language, or another target.
language=$1
level=$2
shift 2
work=$(mktemp -d)
cd "$work"

# The options of a test: "…", { "…" }, {…} or a word.
options_of() {
    grep -vE 'options.*target.*(ilp32|ia32|solaris|powerpc|sparc|mips|arm|alpha|hppa|s390|sh-|loongarch)' "$1" |
        sed -n 's/.*dg-\(additional-\)\{0,1\}options  *//p' |
        sed 's/^{ *\([^"}]*\)}.*/\1/; s/^[{ ]*"\([^"]*\)".*/\1/; s/ }.*//' | tr '\n' ' '
}

# The standard that a test of C++ is for, where that is not the compiler's own.
standard_of() {
    case $(grep -oE 'dg-(do run|require-effective-target) .*' "$1" | tr '\n' ' ') in
        *'target { ! c++11 }'*) echo -std=gnu++98 ;;
        *c++14_down*) echo -std=gnu++14 ;;
        *'target c++17'*) echo -std=gnu++17 ;;
        *'target c++2a'* | *'target c++20'*) echo -std=gnu++2a ;;
    esac
}

another='ifunc|fork|profiling|visibility|weak|dll|named-sections'
another="$another|effective-target (dfp|lto|trampolines|fopenmp|pthread|shared|tls|int128|alloca|stdint_types|cet|fpic)"

for file; do
    name=${file#*/testsuite/}
    options=$(options_of "$file")
    case $language in
        C) compile='gcc -w' ;;
        C++) compile="g++ -w -frandom-seed=test $(standard_of "$file")" ;;
    esac
    if [ -e "${file%.*}.x" ] || grep -qE "dg-(additional-sources|require-($another))" "$file" ||
        grep -qE 'dg-(do|skip-if).*(target|"") *[{ ]* *(i686|ilp32|arm|avr|powerpc|spu|aarch64|mips|s390|ia64|\*-\*-solaris)' "$file" ||
        grep -qE 'dg-do run .*(&& ilp32|mingw)' "$file" ||
        grep -qE 'dg-xfail-run-if "[^"]*" *[{] *["]?[*]-[*]-[*]' "$file" ||
        case " $options" in *' -flto'* | *' -m32'* | *' -fopenmp'* | *' -fplugin'* | *' -fprofile'* | *' -pthread'*) true ;; *) false ;; esac
    then
        echo "untested -O$level $name"
        continue
    fi
    if ! $compile -static -O$level $options -o test "$file" -lm >said 2>&1; then
        if grep -q 'internal compiler error' said; then
            echo "crashed -O$level $name"
        else
            echo "refused -O$level $name"
        fi
    elif timeout 60 ./test >said 2>&1; then
        echo "passed -O$level $name"
    else
        echo "failed -O$level $name"
    fi
    rm -f test said
done
rm -rf "$work"
