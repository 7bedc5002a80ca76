// The semantics of each operator: operand types, conversions, and the resulting tree.

// The integer promotions. A bit-field narrower than an int becomes one, whatever type it was declared with; so does the
// value of an assignment to it.
struct Node *promote(struct Node *n)
{
    n = value_of(n);
    if (n->member && (n->member->width < 32 || n->member->width == 32 && !n->type->is_unsigned))
        return cast(n, type_int);
    if (n->member && n->member->width == 32)
        return cast(n, type_uint);
    return cast(n, promoted(n->type));
}

// n as a value that cannot be assigned to.
struct Node *new_value(struct Node *n)
{
    if (n->member || is_place(n))
        return new_node(N_CAST, n->type, n, 0);
    return n;
}

void want_arithmetic(struct Node *n)
{
    if (!is_arithmetic(n->type))
        fail("operand is not a number");
}

void want_integer(struct Node *n)
{
    if (!is_integer(n->type))
        fail("operand is not an integer");
}

// a op b, both brought to their common type; comparisons are an int.
struct Node *arithmetic(long op, struct Node *a, struct Node *b)
{
    a = promote(a);
    b = promote(b);
    want_arithmetic(a);
    want_arithmetic(b);
    struct Type *t = common_type(a->type, b->type);
    a = cast(a, t);
    b = cast(b, t);
    if (is_float(t) && op != N_ADD && op != N_SUBTRACT && op != N_MULTIPLY && op != N_DIVIDE && op < N_EQUAL)
        fail("operands are not integers");
    if (is_float(t) && op <= N_DIVIDE && a->op == N_REAL && b->op == N_REAL) {
        struct Real *r = real_calculate(op, a->real, b->real, t);
        if (r)
            return real_node(r, t);
    }
    if (op >= N_EQUAL)
        return binary(op, a, b, type_int);
    return binary(op, a, b, t);
}

struct Node *shift(long op, struct Node *a, struct Node *b)
{
    a = promote(a);
    b = promote(b);
    want_integer(a);
    want_integer(b);
    return binary(op, a, b, a->type);
}

long element_size(struct Type *pointer)
{
    if (pointer->base->kind == TY_STRUCT && is_incomplete(pointer->base))
        fail("arithmetic on a pointer to an incomplete struct or union");
    return size_of(pointer->base);
}

struct Node *add(struct Node *a, struct Node *b)
{
    a = promote(a);
    b = promote(b);
    if (b->type->kind == TY_POINTER) {
        struct Node *n = a;
        a = b;
        b = n;
    }
    if (a->type->kind != TY_POINTER)
        return arithmetic(N_ADD, a, b);
    want_integer(b);
    b = binary(N_MULTIPLY, cast(b, type_long), number_node(element_size(a->type), type_long), type_long);
    if (b->op == N_NUMBER)
        return add_offset(a, b->value);
    return binary(N_ADD, a, b, a->type);
}

struct Node *subtract(struct Node *a, struct Node *b)
{
    a = promote(a);
    b = promote(b);
    if (a->type->kind != TY_POINTER)
        return arithmetic(N_SUBTRACT, a, b);
    struct Node *size = number_node(element_size(a->type), type_long);
    if (b->type->kind == TY_POINTER) {
        if (!same_type(unqualified(a->type->base), unqualified(b->type->base)))
            fail("difference of pointers to different types");
        if (size->value == 0)
            fail("difference of pointers to objects of size 0");
        struct Node *n = binary(N_SUBTRACT, cast(a, type_long), cast(b, type_long), type_long);
        return binary(N_DIVIDE, n, size, type_long);
    }
    want_integer(b);
    b = binary(N_MULTIPLY, cast(b, type_long), size, type_long);
    if (b->op == N_NUMBER)
        return add_offset(a, -b->value);
    return binary(N_SUBTRACT, a, b, a->type);
}

// op is N_EQUAL to N_LESS_EQUAL.
struct Node *compare(long op, struct Node *a, struct Node *b)
{
    a = promote(a);
    b = promote(b);
    if (a->type->kind != TY_POINTER && b->type->kind != TY_POINTER)
        return arithmetic(op, a, b);
    if (a->type->kind != TY_POINTER && !is_null(a) || b->type->kind != TY_POINTER && !is_null(b))
        fail("comparison of a pointer with a number");
    struct Type *t = pointer_to(type_void);
    return binary(op, cast(a, t), cast(b, t), type_int);
}

struct Node *logical(long op, struct Node *a, struct Node *b)
{
    a = truth(a);
    b = truth(b);
    if (a->op == N_NUMBER && (a->value != 0) == (op == N_OR))
        return number_node(op == N_OR, type_int);
    if (a->op == N_NUMBER && b->op == N_NUMBER)
        return number_node(b->value != 0, type_int);
    return new_node(op, type_int, a, b);
}

struct Node *negation(struct Node *n)
{
    n = truth(n);
    if (n->op == N_NUMBER)
        return number_node(!n->value, type_int);
    return new_node(N_NOT, type_int, n, 0);
}

struct Node *minus(struct Node *n)
{
    n = promote(n);
    want_arithmetic(n);
    if (n->op == N_NUMBER)
        return number_node(wrap(-n->value, n->type), n->type);
    if (n->op == N_REAL) {
        struct Real *r = copy_real(n->real);
        r->negative = !r->negative;
        return real_node(r, n->type);
    }
    return new_node(N_NEGATE, n->type, n, 0);
}

struct Node *complement(struct Node *n)
{
    n = promote(n);
    want_integer(n);
    if (n->op == N_NUMBER)
        return number_node(wrap(~n->value, n->type), n->type);
    return new_node(N_COMPLEMENT, n->type, n, 0);
}

// Even an unused value must not have an incomplete struct type.
struct Node *complete_value(struct Node *n)
{
    n = value_of(n);
    if (n->type->kind == TY_STRUCT && is_incomplete(n->type))
        fail("incomplete struct or union type");
    return n;
}

struct Node *comma(struct Node *a, struct Node *b)
{
    b = value_of(b);
    struct Node *n = new_node(N_COMMA, b->type, complete_value(a), b);
    n->member = b->member;
    return n;
}

// Converts n as if by assignment to an object of that type.
struct Node *convert(struct Node *n, struct Type *type)
{
    n = value_of(n);
    if (type->kind == TY_STRUCT) {
        if (n->type->kind != TY_STRUCT || n->type->layout != type->layout)
            fail("value is not of the expected struct or union type");
        return n;
    }
    if (n->type->kind == TY_VOID)
        fail("void expression used as a value");
    if (type->kind == TY_POINTER && n->type->kind != TY_POINTER && !is_null(n))
        fail("number used where a pointer is expected");
    if (is_integer(type) && type->kind != TY_BOOL && n->type->kind == TY_POINTER)
        fail("pointer used where a number is expected");
    return cast(n, type);
}

void want_place(struct Node *n)
{
    struct Type *type = n->type;
    if (n->op == N_BITS)
        n = n->a;
    if (!is_place(n))
        fail("assignment to an expression that is not an lvalue");
    if (n->type->kind == TY_ARRAY || n->type->kind == TY_FUNCTION)
        fail("assignment to an array or a function");
    if (is_read_only(type))
        fail("assignment to a const object");
}

struct Node *store(struct Node *place, struct Node *value)
{
    struct Node *n = new_node(N_ASSIGN, place->type, place, value);
    n->member = place->member;
    return n;
}

struct Node *assign(struct Node *place, struct Node *value)
{
    want_place(place);
    if (place->type->kind == TY_VOID)
        fail("assignment to an expression that is not an lvalue");
    return store(place, convert(value, place->type));
}

// Evaluates a place only once although it is used twice: `before` stores its address, unless it has no side effects.
struct Node *before;

struct Node *stable(struct Node *place)
{
    before = 0;
    if (place->op == N_BITS) {
        struct Node *inner = stable(place->a);
        struct Node *n = new_node(N_BITS, place->type, inner, 0);
        n->member = place->member;
        return n;
    }
    if (place->op == N_LOCAL || place->op == N_GLOBAL)
        return place;
    struct Type *type = pointer_to(place->type);
    struct Node *address = temporary(type);
    before = store(address, address_of(place, type));
    return dereference(address, 0, place->type);
}

struct Node *operate(long op, struct Node *a, struct Node *b)
{
    switch (op) {
    case N_ADD: return add(a, b);
    case N_SUBTRACT: return subtract(a, b);
    case N_SHIFT_LEFT: case N_SHIFT_RIGHT: return shift(op, a, b);
    case N_EQUAL: case N_UNEQUAL: case N_LESS: case N_LESS_EQUAL: return compare(op, a, b);
    case N_AND: case N_OR: return logical(op, a, b);
    }
    return arithmetic(op, a, b);
}

// place op= value
struct Node *assign_with(long op, struct Node *place, struct Node *value)
{
    want_place(place);
    struct Node *target = stable(place);
    struct Node *first = before;
    struct Node *n = assign(target, operate(op, target, value));
    if (first)
        return comma(first, n);
    return n;
}

// place++ and place--: op is N_ADD or N_SUBTRACT.
struct Node *step_after(long op, struct Node *place)
{
    want_place(place);
    if (!is_scalar(place->type))
        fail("operand is neither a number nor a pointer");
    struct Node *target = stable(place);
    struct Node *first = before;
    struct Node *old = temporary(place->type);
    old->member = place->member;
    struct Node *n = assign(target, operate(op, old, number_node(1, type_int)));
    n = comma(store(old, target), comma(n, old));
    if (first)
        return comma(first, n);
    return n;
}

// The type of `c ? a : b` for pointers.
struct Type *choice_of_pointers(struct Node *a, struct Node *b)
{
    if (is_null(a) && b->type->kind == TY_POINTER)
        return b->type;
    if (is_null(b) && a->type->kind == TY_POINTER)
        return a->type;
    if (a->type->kind != TY_POINTER || b->type->kind != TY_POINTER)
        fail("incompatible operands of `?:`");
    struct Type *base = a->type->base;
    struct Type *other = b->type->base;
    // An array with a known length is more specific.
    if (other->kind == TY_VOID || base->kind == TY_ARRAY && base->length < 0) {
        base = other;
        other = a->type->base;
    }
    while (other->kind == TY_ARRAY)
        other = other->base;
    // The result has the qualifiers of both targets.
    return pointer_to(qualify(base, other->qualifiers));
}

struct Node *choice(struct Node *condition, struct Node *a, struct Node *b)
{
    struct Type *t;
    condition = truth(condition);
    a = value_of(a);
    b = value_of(b);
    if (is_arithmetic(a->type) && is_arithmetic(b->type)) {
        a = promote(a);
        b = promote(b);
        t = common_type(a->type, b->type);
    } else if (a->type->kind == TY_VOID || b->type->kind == TY_VOID) {
        t = type_void;
    } else if (a->type->kind == TY_STRUCT) {
        t = a->type;
        if (b->type->kind != TY_STRUCT || a->type->layout != b->type->layout)
            fail("incompatible operands of `?:`");
    } else {
        t = choice_of_pointers(a, b);
    }
    a = cast(a, t);
    b = cast(b, t);
    if (condition->op == N_NUMBER && (a->op == N_NUMBER || a->op == N_REAL) && (b->op == N_NUMBER || b->op == N_REAL)) {
        if (condition->value)
            return a;
        return b;
    }
    struct Node *n = new_node(N_CHOICE, t, a, b);
    n->c = condition;
    return n;
}

struct Node *member_of(struct Node *n, struct Name *name)
{
    if (n->type->kind != TY_STRUCT)
        fail_name("not a struct or union, so it has no member", name);
    if (is_incomplete(n->type))
        fail("incomplete struct or union type");
    long offset = 0;
    member_qualifiers = 0;
    struct Member *m = find_member(n->type->layout, name, &offset);
    if (!m)
        fail_name("no such member:", name);
    // Members inherit the qualifiers of the struct.
    struct Type *type = qualify(m->type, n->type->qualifiers | member_qualifiers);
    struct Node *place = dereference(new_node(N_ADDRESS, pointer_to(n->type), n, 0), offset, type);
    if (!m->width)
        return place;
    struct Node *bits = new_node(N_BITS, type, place, 0);
    bits->member = m;
    return bits;
}
