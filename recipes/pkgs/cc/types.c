// Types. Qualifiers restrict assignments and declarations; the code is the same with and without
// them, since nothing is optimised: every access happens as it is written.

enum {
    TY_VOID, TY_BOOL, TY_CHAR, TY_SHORT, TY_INT, TY_LONG, TY_LONGLONG, TY_FLOAT, TY_DOUBLE, TY_LDOUBLE,
    TY_POINTER, TY_ARRAY, TY_FUNCTION, TY_STRUCT
};

struct Scope;

enum { IS_CONST = 1, IS_VOLATILE = 2, IS_RESTRICT = 4 };

struct Type {
    long kind;
    long is_unsigned;
    long plain_char;           // char is a type of its own, though it behaves as signed char
    struct Type *base;         // what a pointer points to, an array holds, a function returns
    long length;               // of an array; -1 while it is not known
    struct Parameter *parameters;
    struct Scope *prototype;   // what is declared among the parameters
    long variadic;
    long no_prototype;         // declared as f(): it takes anything
    long is_hole;              // a void that a declarator fills with another type: see inner_declarator
    long is_definition;        // f() { ... }: without a prototype, and yet known to have no parameters
    struct Layout *layout;     // of a struct or union
    struct Type *pointer;      // the type of a pointer to this, once it was asked for
    long qualifiers;           // IS_..., added up; never of an array or a function
    struct Type *plain;        // of a type with qualifiers: the one without
    struct Type *qualified;    // the copy with qualifiers that was made last, which has the one before it here
};

// The layout of a struct or union, shared by copies of its type.
struct Layout {
    struct Name *tag;
    long is_union;
    long complete;
    long read_only;            // a member, or a part of one, is const
    long size;
    long align;
    struct Member *members;
};

struct Member {
    struct Member *next;
    struct Name *name;   // 0: a struct or union without a name, whose members count as ours
    struct Type *type;
    long offset;
    long width;          // of a bit-field in bits, else 0
    long shift;          // the bit-field's first bit in the integer at offset
};

struct Parameter {
    struct Parameter *next;
    struct Name *name;
    long is_register;
    struct Type *type;
};

struct Type *type_void;
struct Type *type_bool;
struct Type *type_char;
struct Type *type_schar;
struct Type *type_uchar;
struct Type *type_short;
struct Type *type_ushort;
struct Type *type_int;
struct Type *type_uint;
struct Type *type_long;
struct Type *type_ulong;
struct Type *type_longlong;
struct Type *type_ulonglong;
struct Type *type_float;
struct Type *type_double;
struct Type *type_ldouble;

struct Type *new_type(long kind)
{
    struct Type *t = alloc(sizeof(struct Type));
    t->kind = kind;
    return t;
}

struct Type *new_unsigned(long kind)
{
    struct Type *t = new_type(kind);
    t->is_unsigned = 1;
    return t;
}

void set_up_types(void)
{
    type_void = new_type(TY_VOID);
    type_bool = new_unsigned(TY_BOOL);
    type_char = new_type(TY_CHAR);
    type_char->plain_char = 1;
    type_schar = new_type(TY_CHAR);
    type_uchar = new_unsigned(TY_CHAR);
    type_short = new_type(TY_SHORT);
    type_ushort = new_unsigned(TY_SHORT);
    type_int = new_type(TY_INT);
    type_uint = new_unsigned(TY_INT);
    type_long = new_type(TY_LONG);
    type_ulong = new_unsigned(TY_LONG);
    type_longlong = new_type(TY_LONGLONG);
    type_ulonglong = new_unsigned(TY_LONGLONG);
    type_float = new_type(TY_FLOAT);
    type_double = new_type(TY_DOUBLE);
    type_ldouble = new_type(TY_LDOUBLE);
}

struct Type *pointer_to(struct Type *base)
{
    if (!base->pointer) {
        base->pointer = new_type(TY_POINTER);
        base->pointer->base = base;
    }
    return base->pointer;
}

struct Type *array_of(struct Type *base, long length)
{
    struct Type *t = new_type(TY_ARRAY);
    t->base = base;
    t->length = length;
    return t;
}

// The type without qualifiers; of an array, that of elements without them.
struct Type *unqualified(struct Type *t)
{
    if (t->kind == TY_ARRAY && unqualified(t->base) != t->base)
        return array_of(unqualified(t->base), t->length);
    if (t->qualifiers)
        return t->plain;
    return t;
}

long is_integer(struct Type *t)
{
    return t->kind >= TY_BOOL && t->kind <= TY_LONGLONG;
}

long is_float(struct Type *t)
{
    return t->kind >= TY_FLOAT && t->kind <= TY_LDOUBLE;
}

long is_arithmetic(struct Type *t)
{
    return t->kind >= TY_BOOL && t->kind <= TY_LDOUBLE;
}

long is_scalar(struct Type *t)
{
    return t->kind >= TY_BOOL && t->kind <= TY_POINTER;
}

long is_incomplete(struct Type *t)
{
    if (t->kind == TY_ARRAY)
        return t->length < 0 || is_incomplete(t->base);
    if (t->kind == TY_STRUCT)
        return !t->layout->complete;
    return t->kind == TY_VOID || t->kind == TY_FUNCTION;
}

// Sizes are limited far below the address space, so that sums of them cannot wrap.
enum { MAX_SIZE = 0x40000000 };

long size_of(struct Type *t)
{
    switch (t->kind) {
    case TY_VOID: case TY_FUNCTION: return 1; // GNU: a void pointer counts bytes
    case TY_BOOL: case TY_CHAR: return 1;
    case TY_SHORT: return 2;
    case TY_INT: case TY_FLOAT: return 4;
    case TY_LDOUBLE: return 16;
    case TY_ARRAY: {
        if (t->length < 0)
            fail("the length of the array is unknown here");
        long size = size_of(t->base);
        if (size > 0 && t->length > MAX_SIZE / size)
            fail("the array is too large");
        return t->length * size;
    }
    case TY_STRUCT:
        if (!t->layout->complete)
            fail("incomplete struct or union type");
        return t->layout->size;
    }
    return 8;
}

long align_of(struct Type *t)
{
    if (t->kind == TY_ARRAY)
        return align_of(t->base);
    if (t->kind == TY_STRUCT) {
        size_of(t);
        return t->layout->align;
    }
    return size_of(t);
}

long round_up(long n, long to)
{
    return (n + to - 1) / to * to;
}

// The value of v converted to this integer type.
long wrap(long v, struct Type *t)
{
    long bits = size_of(t) * 8;
    if (t->kind == TY_BOOL)
        return v != 0;
    if (bits == 64)
        return v;
    v = v << (64 - bits);
    if (t->is_unsigned)
        return ushr(v, 64 - bits);
    return v >> (64 - bits);
}

// Whether b can represent every value of a, as extended to 64 bits.
long holds_all(struct Type *b, struct Type *a)
{
    if (b->kind == TY_BOOL)
        return a->kind == TY_BOOL;
    if (size_of(b) == 8)
        return 1;
    if (size_of(a) == size_of(b))
        return a->is_unsigned == b->is_unsigned;
    return size_of(a) < size_of(b) && (a->is_unsigned || !b->is_unsigned);
}

// The qualifiers of the anonymous structs around the member that was found last; the caller clears them before.
long member_qualifiers;

struct Member *find_member(struct Layout *l, struct Name *name, long *offset)
{
    struct Member *m;
    for (m = l->members; m; m = m->next) {
        if (m->name == name) {
            *offset += m->offset;
            return m;
        }
        if (!m->name && m->type->kind == TY_STRUCT) {
            long before = *offset;
            *offset += m->offset;
            struct Member *inner = find_member(m->type->layout, name, offset);
            if (inner) {
                member_qualifiers = member_qualifiers | m->type->qualifiers;
                return inner;
            }
            *offset = before;
        }
    }
    return 0;
}
