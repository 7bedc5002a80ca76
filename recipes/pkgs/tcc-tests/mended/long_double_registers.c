/* Operands of which one is a long double in the x87 register already, and the other is about to become one. */
#include <stdio.h>

static float f = 1.5f;
static double d = 2, u = 5;
static long double y = 3, z = 0;
static int i = 4;

int main(void)
{
    printf("%g %g\n", (double)(d - y * z), (double)((d - u) - (y - u)));
    printf("%g %g\n", (double)(f - y * z), (double)((y + z) - f));
    printf("%g %g\n", (double)(y * z - d), (double)((y + 1) / d));
    printf("%g %g\n", (double)(i - y * y), (double)(y * y - i));
    printf("%g\n", (double)((y + 1) * ((d + 1) - (y + 2) * (f + u))));
    printf("%d %d\n", d < y + z, y + z < d);
    return 0;
}
