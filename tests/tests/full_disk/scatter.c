// scatter FOLDER MIB SIZE SEED: so many MiB of files of SIZE bytes that no compressor makes smaller.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t state;

// splitmix64
static uint64_t next(void) {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

int main(int argc, char **argv) {
    if (argc != 5 || chdir(argv[1]) != 0)
        return 2;
    size_t left = strtoull(argv[2], 0, 10) << 20, size = strtoull(argv[3], 0, 10);
    state = strtoull(argv[4], 0, 10);
    uint64_t *bytes = malloc(size + 8);
    for (unsigned n = 0; bytes != 0 && left > 0; n++) {
        char name[16];
        snprintf(name, sizeof name, "%u", n);
        size_t step = left < size ? left : size;
        for (size_t at = 0; at < step; at += 8)
            bytes[at / 8] = next();
        int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (file < 0 || write(file, bytes, step) != (ssize_t)step || close(file) != 0) {
            perror(name);
            return 1;
        }
        left -= step;
    }
    return bytes == 0;
}
