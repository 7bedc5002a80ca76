/* musl's general sqrtl.c has a constant that tcc does not fold, and its sqrtl.c for x86-64 has operands on the x87
   stack, which tcc does not know. This one takes the processor's instruction, by way of memory. */

#include <math.h>

long double sqrtl(long double x)
{
	__asm__ __volatile__ ("fldt %0 ; fsqrt ; fstpt %0" : "+m"(x));
	return x;
}
