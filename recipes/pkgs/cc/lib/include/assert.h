// This header may be included again after NDEBUG has changed.
#undef assert

void __assert_fail(const char *what, const char *file, int line, const char *function);

#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__, __func__))
#endif
