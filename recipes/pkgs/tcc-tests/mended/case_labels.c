/* Labels and ranges of a switch, of every type that a switch can be about. */
#include <stdio.h>

static int across(unsigned long long x)
{
    switch (x) {
    case 1000000000000000000ULL ... 9999999999999999999ULL: return 1;
    case 0xfffffffffffffff0ULL ... -1ULL: return 2;
    case 5: return 3;
    case 0 ... 4: return 4;
    default: return 5;
    }
}

static int sorted(unsigned long x)
{
    switch (x) {
    case 1: return 1; case 3: return 3; case 5: return 5; case 7: return 7; case 9: return 9; case 11: return 11;
    case -1: return -1; case -3: return -3; case -5: return -5; case -7: return -7; case 1UL << 63: return 63;
    default: return 0;
    }
}

static int signs(long x)
{
    switch (x) {
    case -9 ... -5: return 1; case -4: return 2; case 0: return 3; case 2: return 4; case 4: return 5; case 6: return 6;
    case 8: return 7; case 10: return 8; case 1L << 62: return 9; case -1L << 63: return 10;
    default: return 0;
    }
}

static int words(unsigned x)
{
    switch (x) {
    case -1: return 1; case -8 ... -5: return 2; case 0: return 3; case 2: return 4; case 4: return 5; case 6: return 6;
    case 8: return 7; case 10: return 8; case 0x80000000: return 9; case 12: return 10;
    default: return 0;
    }
}

static int ints(int x)
{
    switch (x) {
    case 0xffffffff: return 1; case 0xfffffff0 ... 0xfffffff5: return 2; case 0: return 3; case 2: return 4;
    case 4: return 5; case 6: return 6; case 8: return 7; case 10: return 8; case 12: return 9; case 14: return 10;
    default: return 0;
    }
}

static int bytes(unsigned char x)
{
    switch (x) {
    case 200 ... 255: return 1;
    case 0: return 2;
    default: return 0;
    }
}

int main(void)
{
    printf("%d %d", across(1000000000000000000ULL), across(1ULL << 63));
    printf(" %d %d", across(9999999999999999999ULL), across(-1));
    printf(" %d %d %d %d %d\n", across(5), across(3), across(6), across(10000000000000000000ULL), across(0));
    printf("%d %d %d %d %d", sorted(-1), sorted(-3), sorted(-5), sorted(-7), sorted(1UL << 63));
    printf(" %d %d %d %d\n", sorted(1), sorted(11), sorted(2), sorted(-2));
    printf("%d %d %d %d", signs(-9), signs(-5), signs(-4), signs(0));
    printf(" %d %d %d %d\n", signs(10), signs(1L << 62), signs(-1L << 63), signs(-10));
    printf("%d %d %d %d", words(-1), words(-8), words(-5), words(0));
    printf(" %d %d %d %d\n", words(12), words(0x80000000), words(-2), words(1));
    printf("%d %d %d %d", ints(-1), ints(-16), ints(-11), ints(-10));
    printf(" %d %d %d\n", ints(0), ints(14), ints(1));
    printf("%d %d %d %d\n", bytes(200), bytes(255), bytes(0), bytes(199));
    return 0;
}
