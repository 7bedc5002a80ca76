//! Declarations and assignments that cc refuses because they contradict others, and similar ones that it accepts.

use super::cc::Room;
use super::cc_wrong::{Wrong, all_are_refused};

/// Contradictory or invalid declarations.
const DECLARATIONS: &[Wrong] = &[
    ("int restrict a;", 1, "`restrict` applies only to pointers to objects"),
    ("int *restrict *p; int restrict *q;", 1, "`restrict` applies only to pointers to objects"),
    ("int (*restrict f)(void);", 1, "`restrict` applies only to pointers to objects"),
    ("typedef int f(void); f *restrict p;", 1, "`restrict` applies only to pointers to objects"),
    ("int n = sizeof(int restrict);", 1, "`restrict` applies only to pointers to objects"),
    (
        "int f(int a[restrict 2], int (*b)[restrict 2]);",
        1,
        "`static` or qualifiers in brackets outside of the outermost array of a parameter",
    ),
    (
        "int a[const 3];",
        1,
        "`static` or qualifiers in brackets outside of the outermost array of a parameter",
    ),
    (
        "int f(int a[2][static 3]);",
        1,
        "`static` or qualifiers in brackets outside of the outermost array of a parameter",
    ),
    (
        "struct s { int a[const 3]; };",
        1,
        "`static` or qualifiers in brackets outside of the outermost array of a parameter",
    ),
    (
        "int n = sizeof(int[static 3]);",
        1,
        "`static` or qualifiers in brackets outside of the outermost array of a parameter",
    ),
    ("int f(int a[static]);", 1, "`static` in brackets without an array length"),
    ("typedef int f(void); const f g;", 1, "a function type cannot be qualified"),
    ("enum { };", 1, "the enum has no constants"),
    ("const struct { int a; };", 1, "the declaration declares nothing"),
    ("struct s { int a; }; const struct s;", 1, "the declaration declares nothing"),
    ("struct s { int a; }; void f(void) { static struct s; }", 1, "the declaration declares nothing"),
    ("enum e { A }; enum e const;", 1, "the declaration declares nothing"),
    ("union u { int a; }; void f(void) { const struct u; }", 1, "tag declared as another kind: `u`"),
    (
        "void f(void) { for (struct s { int a; } x = { 1 }; ; ) ; }",
        1,
        "tag declared in a `for` initialiser: `s`",
    ),
    ("void f(void) { for (struct s *p = 0; ; ) ; }", 1, "tag declared in a `for` initialiser: `s`"),
    ("void f(void) { for (enum e { A } x = A; ; ) ; }", 1, "tag declared in a `for` initialiser: `e`"),
    (
        "void f(void) { for (enum { A } x = A; ; ) ; }",
        1,
        "not a local variable, but declared in a `for` initialiser: `A`",
    ),
    (
        "void f(void) { for (int i = 0, g(void); ; ) ; }",
        1,
        "not a local variable, but declared in a `for` initialiser: `g`",
    ),
    (
        "void f(void) { for (static int i = 0; ; ) ; }",
        1,
        "not a local variable, but declared in a `for` initialiser: `i`",
    ),
    (
        "void f(void) { for (extern int i; ; ) ; }",
        1,
        "not a local variable, but declared in a `for` initialiser: `i`",
    ),
    (
        "void f(void) { for (typedef int i; ; ) ; }",
        1,
        "not a local variable, but declared in a `for` initialiser: `i`",
    ),
    ("register int a;", 1, "`auto` and `register` are not allowed at file scope"),
    ("auto int a;", 1, "`auto` and `register` are not allowed at file scope"),
    ("void f(void) { auto register int a; }", 1, "more than one storage class: `register`"),
    ("struct s { register int a; };", 1, "storage class in the declaration of a member"),
    ("void f(void) { register int a; &a; }", 1, "address of a register variable"),
    ("void f(register int a) { &a; }", 1, "address of a register variable"),
    ("void f(void) { register struct { int a; } s; &s.a; }", 1, "address of a register variable"),
    ("void f(void) { register int a[2]; int *p = a; }", 1, "address of a register variable"),
    ("void f(void) { register int a[2]; &a[1]; }", 1, "address of a register variable"),
    ("void f(int i) { register int a[2]; a[i] = 1; }", 1, "address of a register variable"),
    ("void f(void) { register int a[2]; *a = 1; }", 1, "address of a register variable"),
    ("void f(void) { register struct { int a[2]; } s; s.a + 1; }", 1, "address of a register variable"),
    ("inline int a;", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("void f(void) { _Noreturn int a; }", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("typedef inline int f(void);", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("struct s { inline int a; };", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("int f(inline int a);", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("int n = sizeof(int inline);", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("inline struct s { int a; };", 1, "`inline` or `_Noreturn` for something that is not a function"),
    ("extern int a[]; void f(void) { extern int a[3]; } int a[4];", 1, "conflicting types for `a`"),
    ("extern int a[]; void f(void) { extern int a[3]; } int a[] = { 1, 2 };", 1, "conflicting types for `a`"),
    (
        "extern int a[3]; void f(void) { extern int a[]; { extern int a[4]; } }",
        1,
        "conflicting types for `a`",
    ),
    ("extern int (*p)[3]; extern int (*p)[]; extern int (*p)[4];", 1, "conflicting types for `p`"),
    ("int f(int (*)[3]); int f(int (*)[]); int f(int (*)[4]);", 1, "conflicting types for `f`"),
    ("int (*f(void))[3]; int (*f(void))[]; int (*f(void))[4];", 1, "conflicting types for `f`"),
    ("extern const int a; extern int a;", 1, "conflicting types for `a`"),
    ("extern volatile int a; extern int a;", 1, "conflicting types for `a`"),
    ("extern int *a; extern const int *a;", 1, "conflicting types for `a`"),
    ("extern int a[]; extern const int a[3];", 1, "conflicting types for `a`"),
    ("int f(int *); int f(const int *);", 1, "conflicting types for `f`"),
    ("int f(); int f(int, ...);", 1, "conflicting types for `f`"),
    ("int f(int, ...); int f();", 1, "conflicting types for `f`"),
    ("int f(); int f(char);", 1, "conflicting types for `f`"),
    ("int f(float); int f();", 1, "conflicting types for `f`"),
    ("int f() { return 1; } int f(int);", 1, "conflicting types for `f`"),
    ("int f(int); int f() { return 1; }", 1, "conflicting types for `f`"),
    ("void f(struct s *p); struct s { int a; }; void f(struct s *p);", 1, "conflicting types for `f`"),
    ("typedef int t; typedef const int t;", 1, "redeclaration of `t`"),
    ("static int a; int a;", 1, "non-static declaration follows static declaration of `a`"),
    (
        "static int a; void f(void) { int a; { extern int a; } }",
        1,
        "non-static declaration follows static declaration of `a`",
    ),
    (
        "void f(void) { extern int a; } static int a;",
        1,
        "static declaration follows non-static declaration of `a`",
    ),
    (
        "void f(void) { int g(void); } static int g(void) { return 1; }",
        1,
        "static declaration follows non-static declaration of `g`",
    ),
    ("void f(void) { static int a; extern int a; }", 1, "redeclaration of `a`"),
    ("void f(void) { static int g(void); }", 1, "invalid storage class for a function in a block: `g`"),
    ("void f(void) { register int g(void); }", 1, "invalid storage class for a function in a block: `g`"),
    (
        "typedef int t(void); t f { return 1; }",
        1,
        "a function definition cannot take its parameters from a typedef: `f`",
    ),
    ("int f(int a, int a);", 1, "duplicate parameter `a`"),
    (
        "extern int a[]; void f(void) { extern int a[3]; } int n = sizeof a;",
        1,
        "`sizeof` or `_Alignof` applied to an incomplete type",
    ),
    (
        "void f(void) { extern int a[3]; } void g(void) { extern int a[]; sizeof a; }",
        1,
        "`sizeof` or `_Alignof` applied to an incomplete type",
    ),
    ("struct s; extern struct s a[3];", 1, "the array elements have an incomplete type"),
    ("struct s; int f(struct s a[]);", 1, "the array elements have an incomplete type"),
    ("struct s; void f(struct s *p) { *p; }", 1, "incomplete struct or union type"),
    ("struct s; void f(struct s *p) { (void)*p; }", 1, "incomplete struct or union type"),
    ("struct s; void f(struct s *p) { *p, 1; }", 1, "incomplete struct or union type"),
    ("struct s; void f(struct s *p) { for (; ; *p) ; }", 1, "incomplete struct or union type"),
    ("int a = 1 << 32;", 1, "the initialiser is not constant"),
    ("int a = 1 << -1;", 1, "the initialiser is not constant"),
    ("int *p = (int *)1.5;", 1, "conversion between a pointer and a floating-point number"),
];

/// A const object cannot be changed.
const READ_ONLY: &[&str] = &[
    "const int a = 1; void f(void) { a = 2; }",
    "const int a = 1; void f(void) { a++; }",
    "const int a = 1; void f(void) { --a; }",
    "const int a = 1; void f(void) { a += 2; }",
    "void f(const int a) { a = 2; }",
    "void f(const int *p) { *p = 2; }",
    "void f(const int *p) { p[1] = 2; }",
    "void f(const int a[3]) { a[1] = 2; }",
    "void f(int a[const 3]) { a = 0; }",
    "void f(int *const p) { p = 0; }",
    "int const *const *p; void f(void) { *p = 0; }",
    "const int a[3][2] = { 1 }; void f(void) { a[0][1] = 1; }",
    "typedef int t[3]; const t a = { 1 }; void f(void) { a[0] = 1; }",
    "typedef int *t; void f(const t p) { p = 0; }",
    "typedef const int t; void f(t *p) { *p = 1; }",
    "struct s { const int a; int b; }; void f(struct s *p) { p->a = 1; }",
    "struct s { const int a; int b; }; void f(struct s *p, struct s *q) { *p = *q; }",
    "struct s { struct { int *const a[2]; } x[2]; }; void f(struct s *p, struct s *q) { *p = *q; }",
    "struct s { int a; }; void f(const struct s *p) { p->a = 1; }",
    "struct s { int a[3]; }; void f(const struct s *p) { p->a[1] = 1; }",
    "struct s { int a : 3; }; void f(const struct s *p) { p->a = 1; }",
    "struct s { const int a : 3; }; void f(struct s *p) { p->a = 1; }",
    "struct s { struct { int a; }; }; void f(const struct s *p) { p->a = 1; }",
    "struct s { int a; } const x; void f(void) { x.a = 1; }",
    "struct s { const struct { struct { int a; }; }; }; void f(struct s *p) { p->a = 1; }",
    "void f(void) { for (const int i = 1; i < 2; i++) ; }",
    "void f(void) { static const int a = 1; a = 2; }",
    "void f(void) { (const int){ 1 } = 2; }",
    "void f(void) { *(const int *)0 = 2; }",
    "void f(int c, int *p, const int *q) { *(c ? p : q) = 1; }",
];

/// Similar and correct.
const TAKEN: &[&str] = &[
    "int (a[3])[2]; int n = sizeof a[0]; int (*(b[2]))(void);",
    "int f(int a, int (*b)[sizeof a]) { return (*b)[0]; }",
    "int f(struct s { int a; } *p) { struct s x = *p; return x.a + sizeof(struct s); }",
    "int f(enum { A, B } x) { return x == B; }",
    "int f(int a, int (*g)(int a), int h(int a));",
    "typedef int t; void f(t x, int t) { t = x; }",
    "typedef void v; int f(v); int g(void) { return f(); }",
    "struct s; void f(struct s *p) { (void)p; &*p; }",
    "const int a = 1; static const char *const names[] = { \"a\", \"b\" };",
    "int f(const char *s) { const char *p = s; p++; return *p; }",
    "extern int f(int a[const 3]); int f(int *const a) { return *a; }",
    "int f(const int); int f(int a) { a = 2; return a; }",
    "int f(int *restrict a, const int *restrict b, int c[restrict static 3]) { *a = *b; return *c; }",
    "typedef int *t; int f(t restrict a) { return *a; }",
    "typedef int t[]; const t a = { 1, 2 }; t b = { 1 };",
    "struct s { const int a; }; struct s g(void); void f(void) { struct s x = { 3 }, y = x, z = g(); }",
    "struct s { const int *a; int b; }; void f(struct s *p, struct s *q) { *p = *q; p->a = 0; }",
    "void f(const int a) { int b = a; b++; switch (a) { case 1: ; } }",
    "void f(int *const p) { *p = 1; }",
    "static int a; extern int a; void f(void) { extern int a; }",
    "static int f(void); int f(void) { return 1; } extern int f(void);",
    "static int f(void); void g(void) { int f; { int f(void); } }",
    "int f(); int f(int); int g(); int g(int *, double);",
    "extern int a[]; void f(void) { extern int a[3]; { extern int a[]; sizeof a; } } int a[3];",
    "void f(void) { register int a[2]; a[0] = 1; sizeof a; { int a; &a; } }",
    "void f(void) { register int *p; &*p; &p[1]; }",
    "void f(int i) { for (register int i = 0; ; ) ; for (struct { int a; } x = { 1 }; ; ) ; }",
    "struct u { int a; }; void f(void) { struct u; struct u *p; }",
    "enum e { A, }; struct s; struct { enum { B } b; } c;",
    "int a[1 << 3]; long b = 1L << 40;",
];

#[test]
fn declarations_that_disagree_are_refused() {
    all_are_refused(DECLARATIONS);
}

#[test]
fn nothing_const_is_assigned_to() {
    let refused: Vec<_> = READ_ONLY.iter().map(|text| (*text, 1, "assignment to a const object")).collect();
    all_are_refused(&refused);
}

#[test]
fn declarations_that_agree_are_accepted() {
    let Some(room) = Room::new() else { return };
    for text in TAKEN {
        // A declared but undefined name may be used: the compiler reports it only at the end.
        let (status, said) = room.compile(&format!("{text}\nint main(void) {{ return 0; }}\n"));
        assert!(status == 0 || said.contains(": undefined: "), "{text}: {said}");
    }
}
