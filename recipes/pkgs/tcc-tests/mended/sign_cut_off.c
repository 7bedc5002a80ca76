/* Narrow integers that become others. */
#include <stdio.h>

static signed char c = -1;
static short s = -2;
static unsigned char uc = 0xfe;

static unsigned short returned(void) { return c; }
static unsigned taken(unsigned short x) { return x; }

int main(void)
{
    signed char local = -3;
    signed char *at = &local;
    printf("%x %x\n", (unsigned short)c ^ (signed char)0x99999999, (unsigned short)c);
    printf("%x %x %x\n", (unsigned short)*at, (unsigned)c, (unsigned char)s);
    printf("%x %x %d\n", returned(), taken(local), (unsigned short)c == 0xffff);
    printf("%llx %llx %x\n", (unsigned long long)c, (unsigned long long)(unsigned short)c, (short)uc);
    printf("%d\n", ((unsigned short)c + 1) >> 4);
    return 0;
}
