"""Compilations whose compiler, assembler and headers all come from a served tree.

A gcc looks for its parts beside its own path, and for the system's headers below `--sysroot`; so no chroot is needed.
The shared libraries of its programs are this machine's, for every contender.
"""

import hashlib
import os
import subprocess
import time

from lib.probe import Pass
from lib.scratch import Failed, say

HEADERS = [
    *("algorithm", "any", "chrono", "deque", "filesystem", "fstream", "functional", "future", "iostream", "map"),
    *("memory", "numeric", "optional", "random", "ranges", "regex", "set", "sstream", "string", "thread", "tuple"),
    *("unordered_map", "variant", "vector"),
]

TEMPLATES = """
template <int N> struct Item {
    int key[N % 7 + 1];
    std::string name;
    std::variant<int, double, std::string> value;
    bool operator<(const Item &other) const { return name < other.name; }
};

template <int N> std::size_t work(std::size_t seed) {
    std::map<std::string, Item<N>> ordered;
    std::unordered_map<std::size_t, std::vector<Item<N>>> hashed;
    std::deque<std::function<std::size_t(const Item<N> &)>> calls;
    for (std::size_t at = 0; at < seed; at++) {
        Item<N> item{{}, std::to_string(at * N), std::to_string(at)};
        hashed[at % N].push_back(item);
        ordered.emplace(item.name, std::move(item));
        calls.push_back([at](const Item<N> &it) { return it.name.size() + at; });
    }
    std::size_t sum = 0;
    for (auto &[number, items] : hashed) {
        std::sort(items.begin(), items.end());
        for (const auto &item : items | std::views::filter([](const auto &it) { return it.name.size() > N % 3; }))
            for (const auto &call : calls)
                sum += call(item) + std::visit([](const auto &it) { return sizeof it; }, item.value);
    }
    return sum + ordered.size();
}
"""

SMALL = """#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int measure%d(const char *path) {
    struct stat is;
    if (lstat(path, &is) != 0) {
        fprintf(stderr, "%%s: %%s\\n", path, strerror(errno));
        return -1;
    }
    return (int)(is.st_size %% 17);
}
"""


def large_source(headers, instances):
    """C++ that costs a compiler more than reading it; with 4 `instances` of the templates, g++ 12 about 3 s."""
    calls = "".join(f"\n        + work<{number}>(seed)" for number in range(1, instances + 1))
    return (
        "".join(f"#include <{header}>\n" for header in headers)
        + (TEMPLATES if instances else "")
        + f"\nstd::size_t all(std::size_t seed) {{\n    return seed{calls};\n}}\n"
    )


class Compiles:
    """A compilation: its source, and its compiler in the tree."""

    def __init__(self, scratch, desk, sizes):
        self.scratch, self.desk = scratch, desk
        self.small_count = sizes.small_compiles
        self.write("large.cc", large_source(sizes.headers, sizes.instances))
        for number in range(self.small_count):
            self.write(f"small{number}.c", SMALL % number)
        self.triplet, self.version = (asked("gcc", word) for word in ("-dumpmachine", "-dumpversion"))
        self.write("small.sh", 'for source in small*.c; do "$@" -c "$source" -o "$source.o" || exit; done\n')
        # Nothing of the caller may redirect a compiler, and what the tree lacks must be noticed. Intermediate files
        # stay in memory.
        self.environment = {"PATH": desk.path, "LC_ALL": "C", "TMPDIR": desk.path}

    def write(self, name, text):
        with open(self.desk.file(name), "w", encoding="ascii") as file:
            file.write(text)

    def command(self, tree, language, *words):
        """A compiler of the tree, set to use everything else from there too."""
        programs = os.path.join(tree, "usr", "bin")
        name = f"{self.triplet}-{language}-{self.version}"
        return [os.path.join(programs, name), "--sysroot=" + tree, f"-B{programs}/", "-O1", *words]

    def can_be(self, tree):
        """Whether the tree has these compilers: only Debian's packages are known to be laid out so."""
        parts = os.path.join(tree, "usr", "lib", "gcc", self.triplet, self.version)
        wanted = [self.command(tree, language)[0] for language in ("gcc", "g++")]
        wanted += [os.path.join(parts, part) for part in ("cc1", "cc1plus")]
        return all(os.access(path, os.X_OK) for path in wanted)

    def check(self, tree):
        """Raises when something would come from outside the tree."""
        found = [self.run(self.command(tree, "g++", "-print-prog-name=" + name)) for name in ("cc1plus", "as")]
        found.append(self.run(self.command(tree, "gcc", "-print-prog-name=cc1")))
        for language, source in [("g++", "large.cc"), ("gcc", "small0.c")]:
            listed = self.run(self.command(tree, language, *self.standard(language), "-E", "-M", source))
            found += [word for word in listed.split() if word.startswith("/")]
        for path in found:
            if not path.strip().startswith(tree + "/"):
                raise Failed(f"the compiler in {tree} would take {path.strip()}", "report this bug")

    def standard(self, language):
        return ["-std=c++20"] if language == "g++" else []

    def run(self, command):
        return self.scratch.run(command, env=self.environment, cwd=self.desk.path)

    def timed(self, command, objects):
        begun = time.monotonic()
        self.run(command)
        seconds = time.monotonic() - begun
        # The same compiler reading the same headers prints the same, wherever they are.
        together = hashlib.sha256()
        for name in objects:
            with open(self.desk.file(name), "rb") as file:
                together.update(file.read())
            os.remove(self.desk.file(name))
        return Pass(seconds, len(objects), 0, together.hexdigest())

    def large(self, tree):
        words = [*self.standard("g++"), "-c", "large.cc", "-o", "large.o"]
        return self.timed(self.command(tree, "g++", *words), ["large.o"])

    def small(self, tree):
        """One after the other, each by a new compiler process, as with make."""
        words = ["/bin/sh", "small.sh", *self.command(tree, "gcc")]
        return self.timed(words, [f"small{number}.c.o" for number in range(self.small_count)])


def asked(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        say(f"`{' '.join(command)}` says nothing")
        return "unknown"
