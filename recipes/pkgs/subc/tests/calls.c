// Calls: arguments of every kind, in every place; recursion; system calls.
long depth; char letters[] = { 'a', 'b', 'c' }; char *word = "word";
long twelve(char a, long b, char *c, long d, char e, long *f, long g, char h, void *i, long j, char **k, long l)
{ return a + b * 2 + c[1] * 3 + d * 4 + e * 5 + *f * 6 + g * 7 + h * 8 +
    (long)(i == 0) * 9 + j * 10 + k[0][1] * 11 + l * 12;
}
long ackermann(long m, long n) { depth++; if (m == 0) return n + 1; if (n == 0) return ackermann(m - 1, 1);
return ackermann(m - 1, ackermann(m, n - 1)); }
char next(char c) { return c + 1; }
char *skip(char *s, long n) { return s + n; }
void swap(long *a, long *b) { long t = *a; *a = *b; *b = t; }
void fill(char *to, char with, long n) { while (n--) *to++ = with; }
long forward(long a, char c);
long none(void) { return 40 + 2; }
long also_none() { return none() + 1; }
void quicksort(long *from, long *to)
{
    long *i; long *j;
    if (to - from < 2) return;
    i = from; j = to - 1;
    long pivot = from[(to - from) / 2];
    while (i <= j) {
        while (*i < pivot) i++;
        while (*j > pivot) j--;
        if (i <= j) swap(i++, j--);
    }
    quicksort(from, j + 1); quicksort(i, to);
}
long many_locals(long n)
{
    long a = n, b = a * 2, c = b + a; char d = c, e = d * 2; long f[5]; char g[7]; char *h = g; long *i = f;
    fill(g, 'g', 7); f[0] = a; f[1] = b; f[2] = c; f[3] = d; f[4] = e;
    { long a = 100; char g[3]; fill(g, 'x', 3); i[0] += a + g[2]; { long f = 3; a += f; i[1] += a; } }
    { long z = 7; char y = 9; i[2] += z * y; }
    return f[0] + f[1] * 3 + f[2] * 5 + f[3] * 7 + f[4] * 11 + h[6] + g[0];
}
long main(long argc, char **argv)
{
    long x = 3; char c = 'c'; long list[12]; long i; char **names = &word; char text[40];
    show("twelve", twelve(300, x + 1, word, -x, c, &x, x ? 5 : 6, 'h' + 256, 0, none(), names, also_none()));
    show("twelve", 1 + twelve(c++, c * 0 + 1, skip(word, 1), twelve(1, 2, word, 4, 5, &x, 7, 8, word, 10,
        &word, 12), next(next(c)), list, 7, 8, word, 10, &word, 12) * 0 + x);
    show("ackermann", ackermann(2, 6)); show("depth", depth); show("next", next(255));
    show("next", next(next(254) + 1)); show("skip", *skip(skip(word, 1), 1));
    show("c", next(c) << 24); show("forward", forward(none(), 511));
    for (i = 0; i < 12; i++) list[i] = (i * 7919 + 13) % 101 - 50;
    quicksort(list, list + 12); for (i = 0; i < 12; i++) show("sorted", list[i]);
    show("locals", many_locals(5)); show("locals", many_locals(-77)); swap(&x, &list[3]); show("x", x);
    show("list", list[3]);
    fill(text, '-', 39); text[39] = '\n'; text[x & 31] = '*'; print_bytes(text, 40);
    show("letters", letters[0] + letters[1] * 2 + letters[2] * 4);
    show("write", syscall6(1, 1, (long)"direct\n", 7, 0, 0, 0)); show("bad", syscall6(1, -1, 0, 0, 0, 0, 0));
    show("no such call", syscall6(100000, 0, 0, 0, 0, 0, 0));
    show("open", syscall6(2, (long)"/does/not/exist", 0, 0, 0, 0, 0));
    long page = syscall6(9, 0, 4096, 3, 34, -1, 0); *(long *)page = 12345;
    show("mmap", *(long *)page + ((char *)page)[1]); show("munmap", syscall6(11, page, 4096, 0, 0, 0, 0));
    show("argc", argc); for (i = 1; i < argc; i++) { print(argv[i]); print(" "); } print("\n");
    show("u", udiv(-1, 10)); show("u", umod(-1, 10)); show("u", ult(-1, 1)); show("u", ult(1, -1));
    show("u", ult(5, 5)); show("u", ushr(-1, 60)); show("u", ushr(-1, 0)); show("u", ushr(x, x & 3));
    show("u", udiv(x + 100, c) + 1);
    show("nest", none() + none() * (also_none() - none()) - (none() - (none() - (none() - also_none()))));
    return forward(1, 2);
}
long forward(long a, char c) { return a * 256 + c; }
