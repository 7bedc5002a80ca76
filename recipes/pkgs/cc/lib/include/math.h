#pragma once

double ldexp(double x, int exponent);
long double ldexpl(long double x, int exponent);
double fabs(double x);
float fabsf(float x);
long double fabsl(long double x);

#define HUGE_VAL 1e999
#define INFINITY 1e99F
