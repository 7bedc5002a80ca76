// The bits of a long double of the x87: sign and exponent, and a mantissa whose highest bit is not left out.

#include <stdint.h>

union long_double {
    long double value;
    struct {
        uint64_t mantissa;
        uint16_t top;
    } parts;
};
