// Macros in all their shapes, conditions, #line, and what is predefined.
#include <stdio.h>
#include "included.h"
#include "included.h"

#define OBJECT 1 + 2
#define FUNCTION(a, b) (a * b)
#define NOTHING
#define STRING(x) #x
#define EXPANDED(x) STRING(x)
#define ALL_EXPANDED(...) LIST(__VA_ARGS__)
#define PASTE(a, b) a##b
#define PASTE3(a, b, c) a##b##c
#define LATER(a, b) PASTE(a, b)
#define SELF SELF + 1
#define FIRST SECOND
#define SECOND FIRST
#define LIST(...) #__VA_ARGS__
#define CALL(format, ...) printf(format, ##__VA_ARGS__)
#define NAMED(format, rest...) printf(format, rest)
#define EMPTY()
#define DEFER(x) x EMPTY()
#define F(x) x + f
#define f(x) F(x)
#define COMMA ,
#define TWO(a, b) a b
#define hash_hash # ## #
#define mkstr(a) # a
#define in_between(a) mkstr(a)
#define join(c, d) in_between(c hash_hash d)

int SECOND = 5;
int XY = 7;

// The examples of the C standard, 6.10.3.5.
#define x 3
#define g(a) h(x * (a))
#undef x
#define x 2
#define h g
#define z z[0]
#define t(a) a
#define str(s) # s
#define xstr(s) str(s)
#define debug(s, t) printf("x" # s "= %d, x" # t "= %s", \
    x ## s, x ## t)
#define INCFILE(n) vers ## n
#define glue(a, b) a ## b
#define xglue(a, b) glue(a, b)
#define HIGHLOW "hello"
#define LOW LOW ", world"

int main(void)
{
    printf("%d %d\n", OBJECT * 2, FUNCTION(2 + 1, 3 NOTHING));
    printf("%s|%s|%s\n", STRING(OBJECT), EXPANDED(OBJECT), STRING( a  +   "b\n" '\'' ));
    printf("%d %d %s\n", PASTE(X, Y), LATER(PASTE(X, ), Y), EXPANDED(PASTE3(a, , b)));
    printf("%s %s %s\n", EXPANDED(SELF), EXPANDED(FIRST), LIST(1, "two", (3, 4)));
    printf("%s [%s] [%s]\n", LIST(), STRING(), EXPANDED(EMPTY() a));
    CALL("no arguments\n");
    CALL("%d and %d\n", 1, 2);
    NAMED("%s %s\n", "a", "b");
    printf("%s\n", EXPANDED(f(1)(2)(3)));
    printf("%s %s\n", EXPANDED(DEFER(F)(9)), ALL_EXPANDED(TWO(a COMMA b, c)));
    printf("%s\n", join(x, y));
    printf("%s\n", xstr(g(x + (3, 4) - w) | h 5 & t(t)(0)));
    printf("%s\n", xstr(strncmp("abc\0d", "abc", '\4') == 0));
    printf("%s\n", xstr(INCFILE(2).h));
    printf("%s %s\n", glue(HIGH, LOW), xglue(HIGH, LOW));
    printf("%s\n", EXPANDED(FUNCTION
        (1,
         2)));

#if 0
    this is not read, and don't say that its quotes "end
#elif defined OBJECT && !defined(UNKNOWN) && (OBJECT == 3)
    puts("elif");
#else
#error not here
#endif
#ifndef OBJECT
#error nor here
#else
    puts("else");
#endif
#if -1 > 0u && (2 ? 3 : 4) == 3 && 'a' == 97 && ~0 == -1 && (1 << 4 | 1) == 17 && 7 % 4 == 3 && UNKNOWN == 0
    puts("arithmetic");
#endif
#if 0 && 1 / 0
#error no division
#endif
#if (1 || 1 / 0) && -1 / 2 == 0 && -1 >> 1 == -1 && 0xffffffffffffffff == -1 && 18446744073709551615u / 3 == 0x5555555555555555
    puts("no division where it is not asked for");
#endif
#undef OBJECT
#ifdef OBJECT
#error undefined
#endif
#
    printf("%d %d\n", __STDC__, __STDC_HOSTED__);
#line 1000
    printf("%d\n", __LINE__);
#line 2000 "another.c"
    printf("%d %s\n", __LINE__, __FILE__);
    printf("a line " \
           "that goes on %d\n", __LI\
NE__ > 2000);
    /* a comment */ puts("/* no comment */ // neither"); // a comment \
    that goes on, too
    return INCLUDED_ONCE;
}
