"""What is imported: made or copied once, the same on every machine as far as that can be."""

import fnmatch
import hashlib
import os
import random
import shutil
import stat
import subprocess

from lib.scratch import Failed, say, used_bytes

# Text files are log-normal in size: the median is exp(7.9), 2,700 bytes; one in thirty exceeds 16 KiB.
TEXT_MEDIAN_LN, TEXT_SIGMA, MAX_TEXT = 7.9, 1.0, 256 << 10
TEXT_FOLDER = 60

# The packages of a C and C++ toolchain, by Debian's names; whoever can build Stele has them.
TOOLCHAIN = [
    *("binutils", "binutils-common", "binutils-x86-64-linux-gnu", "binutils-aarch64-linux-gnu"),
    *("cpp", "cpp-[0-9]*", "gcc", "gcc-[0-9]*", "g++", "g++-[0-9]*", "libc-dev-bin", "libc6-dev", "linux-libc-dev"),
    *("libgcc-[0-9]*-dev", "libstdc++-[0-9]*-dev"),
    *("libclang1-[0-9]*", "libclang-cpp[0-9]*", "libclang-common-[0-9]*-dev"),
]
# What of it a compilation needs, short of linking.
COMPILERS = [
    *("/usr/bin/*g++*", "/usr/bin/*gcc*", "/usr/bin/*as", "/usr/include/*"),
    *("/usr/lib/gcc/*/cc1", "/usr/lib/gcc/*/cc1plus", "/usr/lib/gcc/*.h"),
]


class Source:
    """A directory to import, and what is in it."""

    def __init__(self, key, title, path):
        self.key, self.title, self.path = key, title, path
        self.files = sorted(regular_files(path))
        sizes = [os.lstat(file).st_size for file in self.files]
        self.bytes = sum(sizes)
        self.executables = sum(os.lstat(file).st_mode & stat.S_IXUSR != 0 for file in self.files)
        self.large = sum(size > 16 << 10 for size in sizes)

    def describe(self):
        if len(self.files) == 1:
            return self.title
        return (
            f"{self.title}: {len(self.files):,} files, {self.bytes / 1e6:,.0f} MB; {self.large:,} files above 16 KiB, "
            f"{self.executables:,} executable"
        )

    def warm(self):
        """Brings every byte and every inode into the page cache."""
        buffer = bytearray(1 << 20)
        for path in self.files:
            with open(path, "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def regular_files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield path


def one_large_file(folder, size):
    """Random bytes, so that no store can compress or deduplicate them; always the same ones."""
    os.makedirs(folder)
    generator = random.Random(11)
    with open(os.path.join(folder, "random.bin"), "wb") as file:
        for _ in range(size >> 20):
            file.write(generator.randbytes(1 << 20))
    return Source("large", f"one file of {size >> 20:,} MiB of random bytes, in a directory", folder)


def text_tree(folder, count):
    """Many small text files, which compress about as well as real text does."""
    generator = random.Random(7)
    words = ["%x" % generator.getrandbits(64) for _ in range(4000)]
    for first in range(0, count, TEXT_FOLDER):
        number = first // TEXT_FOLDER
        place = os.path.join(folder, f"d{number % 40:02d}", f"s{number // 40:03d}")
        os.makedirs(place)
        for at in range(first, min(first + TEXT_FOLDER, count)):
            size = min(int(generator.lognormvariate(TEXT_MEDIAN_LN, TEXT_SIGMA)), MAX_TEXT)
            text = " ".join(generator.choices(words, k=size // 16 + 1))[:size]
            with open(os.path.join(place, f"f{at - first:03d}.txt"), "w", encoding="ascii") as file:
                # The number makes each file unlike every other.
                file.write(f"{text}{at}")
    return Source("text", "a tree of small text files", folder)


def toolchain_tree(folder, wanted):
    """A copy of the machine's own C and C++ toolchain: of those files that one of the patterns `wanted` is for."""
    files = [path for path in toolchain_files() if any(fnmatch.fnmatch(path, pattern) for pattern in wanted)]
    if not files:
        raise Failed(
            "no toolchain was found to import: neither dpkg knows one, nor is there a gcc below /usr/lib",
            "install g++ and libc6-dev",
        )
    for path in files:
        copy = folder + path
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    return Source("toolchain", "a C and C++ toolchain (gcc, binutils, libc, libstdc++, libclang)", folder)


def toolchain_files():
    if not shutil.which("dpkg-query"):
        folders = ["/usr/lib/gcc", "/usr/include"]
        return sorted(path for folder in folders for path in regular_files(folder))
    form = "${db:Status-Status} ${binary:Package}\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", form], stdout=subprocess.PIPE, text=True, check=True).stdout
    installed = [line.split()[1] for line in listed.splitlines() if line.startswith("installed ")]
    wanted = [name for name in installed if any(fnmatch.fnmatch(name.split(":")[0], each) for each in TOOLCHAIN)]
    if not wanted:
        return []
    listed = subprocess.run(["dpkg", "-L", *wanted], stdout=subprocess.PIPE, text=True, check=True).stdout
    files = {line for line in listed.splitlines() if line.startswith("/")}
    return sorted(path for path in files if os.path.lexists(path) and not is_plain_folder(path))


def is_plain_folder(path):
    return stat.S_ISDIR(os.lstat(path).st_mode)


def tiny_files(folder, count):
    """`count` files of 200 bytes, each unlike every other, a thousand to a directory."""
    for first in range(0, count, 1000):
        place = os.path.join(folder, f"{first // 1000:04d}")
        os.mkdir(place)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        for at in range(first, min(first + 1000, count)):
            text = hashlib.sha512(b"%d" % at).hexdigest()
            file = os.open(f"{at - first:03d}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=handle)
            os.write(file, (text + text[:71] + "\n").encode())
            os.close(file)
        os.close(handle)


def make_sources(scratch, sizes):
    say("making the trees to import")
    folder = scratch.folder("sources")
    sources = [
        one_large_file(os.path.join(folder, "large"), sizes.large),
        text_tree(os.path.join(folder, "text"), sizes.text_files),
        toolchain_tree(os.path.join(folder, "toolchain"), sizes.toolchain),
    ]
    scratch.run(["sync", "-f", folder])
    for source in sources:
        say(source.describe() + f" ({used_bytes(source.path) / 1e6:,.0f} MB on disk)")
    return sources
