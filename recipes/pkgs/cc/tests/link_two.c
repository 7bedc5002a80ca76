// See link_one.c.
int shared = 7;
struct s { int a, b; } both = { 1, 2 };
static int own = 100;
extern int zero;
static int helper(void) { return own++; }
static inline int small(int n) { return n + 2; }
const char *message(void) { return small(1) == 3 ? "from the other file" : "wrong"; }
int add_to(int n) { zero = n; return shared + n + helper(); }
int counter(void) { static int n; return ++n; }
