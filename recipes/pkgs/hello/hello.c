// The first program that is for somebody else than a compiler.

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    if (printf("Hello from the seed.\n") < 0 || fflush(stdout))
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
