/* Sums with an address, which initialise static integers. */
#include <stdio.h>

static int numbers[4] = { 1, 2, 3, 4 };
static long before = 43 + (long)"What" - 1;
static unsigned long behind = (unsigned long)"What" + 2;
static long plain = (long)"plain";
static long element = (long)&numbers[1] + sizeof(int);
static long function = (long)printf - 1;
static const char *text = "abc" + 1;
static struct { char tag; long at; const char *text; } all[2] = {
    { 'a', (long)"first" + 1, "second" + 3 },
    { 'b', 7 + (long)&numbers[3] - 7, (char *)((long)"third" + 2) },
};
/* A compound literal is copied, and has no address here. */
static long literal = (long){ 5 };
static struct pair { int a, b; } copied = (struct pair){ 6, 7 };

int main(void)
{
    printf("%s %s %s\n", (char *)before - 42, (char *)behind, (char *)plain);
    printf("%d %d %s\n", *(int *)element, function + 1 == (long)printf, text);
    printf("%s %s %d %s\n", (char *)all[0].at, all[0].text, *(int *)all[1].at, all[1].text);
    printf("%ld %d %d\n", literal, copied.a, copied.b);
    return 0;
}
