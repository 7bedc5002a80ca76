// What subc knows without a declaration, for other compilers of x86-64 Linux:
//   gcc -std=gnu17 -w -funsigned-char -fwrapv -fno-strict-aliasing -fno-builtin -include host.h ...
#ifndef SUBC_HOST_H
#define SUBC_HOST_H

// A system call: n is its number. The result is as the kernel gives it, below 0 after an error.
static inline long syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

// a / b and a % b without signs. b is not 0.
static inline long udiv(long a, long b)
{
    return (unsigned long)a / (unsigned long)b;
}

static inline long umod(long a, long b)
{
    return (unsigned long)a % (unsigned long)b;
}

// 1 if a is below b without signs, else 0.
static inline long ult(long a, long b)
{
    return (unsigned long)a < (unsigned long)b;
}

// a shifted right by n, which is 0 to 63; zeroes come from the left.
static inline long ushr(long a, long n)
{
    return (unsigned long)a >> n;
}

#endif
