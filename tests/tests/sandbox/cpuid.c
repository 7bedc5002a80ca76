/* Prints the processor's vendor, as CPUID leaf 0 gives it. */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    unsigned int highest, first, last, middle;
    char vendor[13] = {0};

    if (!__get_cpuid(0, &highest, &first, &last, &middle))
        return 1;
    memcpy(vendor, &first, 4);
    memcpy(vendor + 4, &middle, 4);
    memcpy(vendor + 8, &last, 4);
    puts(vendor);
    return 0;
}
