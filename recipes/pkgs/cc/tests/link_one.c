// Two files: what is external is shared, what is static is not. Compiled with link_two.c.
#include <stdio.h>

extern int shared;
extern const char *message(void);
extern int add_to(int n);
static int own = 1;
int zero;
struct s { int a, b; };
extern struct s both;
int (*pointer)(int) = add_to;
static int helper(void) { return own; }
int counter(void);
static inline int small(int n) { return n + 1; }

int main(void)
{
    shared += 5;
    printf("%d %s %d %d %d\n", shared, message(), add_to(3), helper(), zero);
    printf("%d %d %d %d\n", both.b, pointer(4), counter() + counter(), small(1));
    return shared;
}
