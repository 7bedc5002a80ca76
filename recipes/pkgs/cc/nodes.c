// Expressions as trees. Each node has its type; all conversions are nodes, so that code generation never guesses.

enum {
    // Places
    N_LOCAL,    // value: offset from rbp
    N_GLOBAL,   // object + value
    N_DEREF,    // what a points to, plus value bytes
    N_BITS,     // bit-field `member` of the struct-wide place a
    // Values
    N_NUMBER,   // value; pointers too
    N_REAL,     // real
    N_ADDRESS,  // of a
    N_CAST,     // a as type
    N_ASSIGN,   // a = b
    N_CALL,     // a: the function; arguments in b, chained by next; value: the place of a struct result
    N_COMMA, N_CHOICE, N_AND, N_OR, N_NOT,
    N_NEGATE, N_COMPLEMENT,
    N_ADD, N_SUBTRACT, N_MULTIPLY, N_DIVIDE, N_REMAINDER, N_BIT_AND, N_BIT_OR, N_BIT_XOR, N_SHIFT_LEFT,
    N_SHIFT_RIGHT, N_EQUAL, N_UNEQUAL, N_LESS, N_LESS_EQUAL,
    N_CLEAR,    // zeroes value bytes at the place a
    N_VARIADIC  // the address of the first argument behind the named ones; value: its offset from rbp
};

struct Node {
    long op;
    struct Type *type;
    struct Node *a;
    struct Node *b;
    struct Node *c;
    struct Node *next;
    long value;
    struct Object *object;
    struct Member *member;  // N_BITS: the bit-field. Else the bit-field whose value this is, or 0: see promote
    struct Real *real;
    long depth;             // of the tree below it
    long is_register;       // N_LOCAL: its address may not be taken
};

enum { MAX_DEPTH = 20000 };

long frame_size;    // of the function that is read: bytes below rbp in use
long frame_most;    // the most that were

struct Node *new_node(long op, struct Type *type, struct Node *a, struct Node *b)
{
    struct Node *n = alloc(sizeof(struct Node));
    n->op = op;
    n->type = type;
    n->a = a;
    n->b = b;
    if (a)
        n->depth = a->depth + 1;
    if (b && b->depth >= n->depth)
        n->depth = b->depth + 1;
    if (n->depth > MAX_DEPTH)
        fail("the expression is too large");
    return n;
}

struct Node *number_node(long value, struct Type *type)
{
    struct Node *n = new_node(N_NUMBER, type, 0, 0);
    n->value = value;
    return n;
}

struct Node *object_node(struct Object *o, struct Type *type)
{
    struct Node *n = new_node(N_GLOBAL, type, 0, 0);
    n->object = o;
    use_object(o);
    return n;
}

struct Node *local_node(long offset, struct Type *type)
{
    struct Node *n = new_node(N_LOCAL, type, 0, 0);
    n->value = offset;
    return n;
}

// Allocates room in the frame, which is only guaranteed to be aligned to 8.
long new_local(struct Type *type)
{
    frame_size = round_up(frame_size + size_of(type), 8);
    if (frame_size > frame_most)
        frame_most = frame_size;
    if (frame_size > MAX_SIZE)
        fail("the variables of the function are too large");
    return -frame_size;
}

struct Node *temporary(struct Type *type)
{
    return local_node(new_local(type), type);
}

void refuse_register(struct Node *n)
{
    if (n->is_register)
        fail("address of a register variable");
}

// Whether `n` is a place with an address.
long is_place(struct Node *n)
{
    if (n->op == N_DEREF)
        return n->a->op != N_ADDRESS || is_place(n->a->a);
    return n->op == N_LOCAL || n->op == N_GLOBAL;
}

struct Node *dereference(struct Node *pointer, long offset, struct Type *type)
{
    if (pointer->op == N_ADDRESS && is_place(pointer->a)) {
        struct Node *n = alloc(sizeof(struct Node));
        copy_bytes((char *)n, (char *)pointer->a, sizeof(struct Node));
        n->value += offset;
        n->type = type;
        return n;
    }
    struct Node *n = new_node(N_DEREF, type, pointer, 0);
    n->value = offset;
    return n;
}

struct Node *add_offset(struct Node *pointer, long offset);
struct Node *cast(struct Node *n, struct Type *type);

// The address of a place, or of a struct that a call returned.
struct Node *address_of(struct Node *n, struct Type *type)
{
    if (n->op == N_DEREF) {
        struct Node *p = add_offset(n->a, n->value);
        if (p->type == type)
            return p;
        return cast(p, type);
    }
    return new_node(N_ADDRESS, type, n, 0);
}

struct Node *add_offset(struct Node *pointer, long offset)
{
    if (offset == 0)
        return pointer;
    if (pointer->op == N_NUMBER)
        return number_node(pointer->value + offset, pointer->type);
    if (pointer->op == N_ADDRESS && is_place(pointer->a))
        return new_node(N_ADDRESS, pointer->type, dereference(pointer, offset, pointer->a->type), 0);
    return new_node(N_ADD, pointer->type, pointer, number_node(offset, type_long));
}

// Arrays and functions become pointers where a value is wanted.
struct Node *value_of(struct Node *n)
{
    if (n->type->kind == TY_ARRAY) {
        refuse_register(n);
        return address_of(n, pointer_to(n->type->base));
    }
    if (n->type->kind == TY_FUNCTION)
        return address_of(n, pointer_to(n->type));
    return n;
}

struct Node *real_node(struct Real *r, struct Type *type)
{
    struct Node *n = new_node(N_REAL, type, 0, 0);
    n->real = r;
    return n;
}

struct Real *copy_real(struct Real *r)
{
    struct Real *copy = alloc(sizeof(struct Real));
    copy_bytes((char *)copy, (char *)r, sizeof(struct Real));
    return copy;
}

struct Node *cast_constant(struct Node *n, struct Type *type)
{
    if (n->op == N_NUMBER && is_float(type)) {
        struct Real *r = alloc(sizeof(struct Real));
        real_from_integer(r, n->value, n->type->is_unsigned || n->type->kind == TY_POINTER, type);
        return real_node(r, type);
    }
    if (n->op == N_NUMBER)
        return number_node(wrap(n->value, type), type);
    if (is_float(type)) {
        struct Real *r = copy_real(n->real);
        real_round_to(r, 0, type);
        return real_node(r, type);
    }
    if (type->kind == TY_BOOL)
        return number_node(n->real->mantissa != 0, type);
    return number_node(wrap(real_to_integer(n->real), type), type);
}

// n as a value of `type`, which the caller has checked to be allowed.
struct Node *cast(struct Node *n, struct Type *type)
{
    type = unqualified(type);
    if (unqualified(n->type) == type || type->kind == TY_VOID && n->type->kind == TY_VOID)
        return n;
    if (type->kind == TY_POINTER && is_float(n->type) || is_float(type) && n->type->kind == TY_POINTER)
        fail("conversion between a pointer and a floating-point number");
    if ((n->op == N_NUMBER || n->op == N_REAL) && is_scalar(type))
        return cast_constant(n, type);
    if (is_scalar(type) && !is_scalar(n->type))
        fail("expected a number or a pointer");
    if (n->op == N_ADDRESS && type->kind == TY_POINTER)
        return new_node(N_ADDRESS, type, n->a, 0);
    // A floating-point number is true if it is not 0; truncating it first would lose fractions.
    if (type->kind == TY_BOOL && is_float(n->type))
        n = new_node(N_UNEQUAL, type_int, n, cast(number_node(0, type_int), n->type));
    return new_node(N_CAST, type, n, 0);
}

long is_null(struct Node *n)
{
    return n->op == N_NUMBER && n->value == 0 && (is_integer(n->type) || n->type == pointer_to(type_void));
}

long fold(long op, long x, long y, struct Type *t)
{
    switch (op) {
    case N_ADD: return x + y;
    case N_SUBTRACT: return x - y;
    case N_MULTIPLY: return x * y;
    case N_BIT_AND: return x & y;
    case N_BIT_OR: return x | y;
    case N_BIT_XOR: return x ^ y;
    case N_EQUAL: return x == y;
    case N_UNEQUAL: return x != y;
    case N_SHIFT_LEFT: return x << (y & 63);
    case N_SHIFT_RIGHT:
        if (t->is_unsigned)
            return ushr(x, y & 63);
        return x >> (y & 63);
    case N_DIVIDE:
        if (t->is_unsigned)
            return udiv(x, y);
        if (y == -1)
            return -x;
        return x / y;
    case N_REMAINDER:
        if (t->is_unsigned)
            return umod(x, y);
        if (y == -1)
            return 0;
        return x % y;
    }
    if (t->is_unsigned || t->kind == TY_POINTER) {
        if (op == N_LESS)
            return ult(x, y);
        return !ult(y, x);
    }
    if (op == N_LESS)
        return x < y;
    return x <= y;
}

// a op b, both already converted to the type of the operation (except the count of a shift).
struct Node *binary(long op, struct Node *a, struct Node *b, struct Type *type)
{
    if (a->op == N_NUMBER && b->op == N_NUMBER && is_scalar(a->type)) {
        long divides = op == N_DIVIDE || op == N_REMAINDER;
        long shifts = op == N_SHIFT_LEFT || op == N_SHIFT_RIGHT;
        // Undefined results are not constants.
        if (!(divides && b->value == 0) && !(shifts && !ult(b->value, size_of(type) * 8)))
            return number_node(wrap(fold(op, a->value, b->value, a->type), type), type);
    }
    return new_node(op, type, a, b);
}

// n as something that is zero or not.
struct Node *truth(struct Node *n)
{
    n = value_of(n);
    if (!is_scalar(n->type))
        fail("the condition is neither a number nor a pointer");
    if (is_float(n->type)) {
        if (n->op == N_REAL)
            return number_node(n->real->mantissa != 0, type_int);
        return new_node(N_UNEQUAL, type_int, n, cast(number_node(0, type_int), n->type));
    }
    return n;
}
