// The built-in functions of subc, needed when cc compiles its own source.

long __syscall6(long n, long a, long b, long c, long d, long e, long f);

long syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    return __syscall6(n, a, b, c, d, e, f);
}

long udiv(long a, long b)
{
    return (unsigned long)a / (unsigned long)b;
}

long umod(long a, long b)
{
    return (unsigned long)a % (unsigned long)b;
}

long ult(long a, long b)
{
    return (unsigned long)a < (unsigned long)b;
}

long ushr(long a, long n)
{
    return (unsigned long)a >> n;
}
