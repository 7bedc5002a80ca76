/* A return right before a function's last brace, inside of statements without braces that go on after it. */
#include <stdio.h>

static int in_while(const char *text) { int n = 0; while (1) if (text[n]) n++; else return n; }

static int in_for(const char *text) { int n = 0; for (;;) if (text[n]) n++; else return n; }

static int in_do(const char *text) { int n = 0; do if (!text[n]) return n; while (++n); return -1; }

static int in_switch(int x) { switch (x) case 0: default: return x + 1; }

static int in_both(int x) { while (1) switch (x) case 0: if (x++) continue; else return 7; }

static int *found;
static void without_value(int *at) { while (1) if (*at) at++; else return (void)(found = at); }

int main(void)
{
    int some[] = {1, 2, 0};
    without_value(some);
    printf("%d %d %d %d %d %d\n", in_while("abc"), in_for("abcd"), in_do("ab"), in_switch(4), in_both(0),
           (int)(found - some));
    return 0;
}
