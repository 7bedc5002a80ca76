/* A value that waits on the stack while a function returns a struct in registers that does not fill them. */
#include <stdio.h>

struct three { unsigned a; int b; float c; };
struct odd { char text[11]; };
struct few { char text[3]; };
struct five { int n; char c; };

static int seen;
static char f = 41;

static void note(char waiting, long other) { seen = waiting * 1000 + (int)other; }
static struct three three(void) { struct three it = {1, 2, 3}; return it; }
static struct odd odd(void) { struct odd it = {"0123456789"}; return it; }
static struct few few(void) { struct few it = {"ab"}; return it; }
static struct five five(void) { struct five it = {5, 'c'}; return it; }

int main(void)
{
    note(0x11 & f, (three(), 379));
    printf("%d\n", seen);
    note(0x11 & f, odd().text[9]);
    printf("%d\n", seen);
    note(0x11 & f, few().text[1]);
    printf("%d\n", seen);
    note(0x11 & f, five().n + five().c);
    printf("%d\n", seen);
    return 0;
}
