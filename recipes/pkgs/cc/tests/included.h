#ifndef INCLUDED
#define INCLUDED
enum { INCLUDED_ONCE = 42 };
#endif
