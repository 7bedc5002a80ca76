// Qualifiers, compatible types, and composite types.

// Adds qualifiers to a type. Qualifiers of an array belong to its elements.
struct Type *qualify(struct Type *t, long qualifiers)
{
    struct Type *copy;
    if (t->kind == TY_ARRAY) {
        struct Type *base = qualify(t->base, qualifiers);
        if (base == t->base)
            return t;
        return array_of(base, t->length);
    }
    qualifiers = qualifiers | t->qualifiers;
    if (qualifiers == t->qualifiers)
        return t;
    t = unqualified(t);
    for (copy = t->qualified; copy; copy = copy->qualified)
        if (copy->qualifiers == qualifiers)
            return copy;
    copy = alloc(sizeof(struct Type));
    copy_bytes((char *)copy, (char *)t, sizeof(struct Type));
    copy->qualifiers = qualifiers;
    copy->plain = t;
    copy->pointer = 0;
    t->qualified = copy; // the older ones are behind it
    return copy;
}

// Whether an object of the type, or part of it, is const.
long is_read_only(struct Type *t)
{
    if (t->kind == TY_ARRAY)
        return is_read_only(t->base);
    return (t->qualifiers & IS_CONST) || t->kind == TY_STRUCT && t->layout->read_only;
}

struct Type *promoted(struct Type *t)
{
    if (is_integer(t) && t->kind < TY_INT)
        return type_int;
    return t;
}

long same_type(struct Type *a, struct Type *b);

// Whether f(), of type `empty`, is compatible with the prototype b: without a prototype, arguments are promoted.
long same_without_prototype(struct Type *empty, struct Type *b)
{
    struct Parameter *p;
    if (b->no_prototype)
        return 1;
    if (b->variadic || empty->is_definition && b->parameters)
        return 0;
    for (p = b->parameters; p; p = p->next)
        if (p->type->kind == TY_FLOAT || promoted(p->type) != p->type && !same_type(promoted(p->type), p->type))
            return 0;
    return 1;
}

long same_parameters(struct Type *a, struct Type *b)
{
    struct Parameter *p = a->parameters;
    struct Parameter *q = b->parameters;
    if (a->no_prototype)
        return same_without_prototype(a, b);
    if (b->no_prototype)
        return same_without_prototype(b, a);
    if (a->variadic != b->variadic)
        return 0;
    while (p && q) {
        // Top-level qualifiers of a parameter do not belong to the type of the function.
        if (!same_type(unqualified(p->type), unqualified(q->type)))
            return 0;
        p = p->next;
        q = q->next;
    }
    return !p && !q;
}

long same_type(struct Type *a, struct Type *b)
{
    if (a == b)
        return 1;
    if (a->kind != b->kind || a->is_unsigned != b->is_unsigned || a->plain_char != b->plain_char)
        return 0;
    if (a->qualifiers != b->qualifiers)
        return 0;
    switch (a->kind) {
    case TY_POINTER:
        return same_type(a->base, b->base);
    case TY_ARRAY:
        return same_type(a->base, b->base) && (a->length < 0 || b->length < 0 || a->length == b->length);
    case TY_FUNCTION:
        return same_type(a->base, b->base) && same_parameters(a, b);
    case TY_STRUCT:
        return a->layout == b->layout;
    }
    return 1;
}

struct Type *composite(struct Type *a, struct Type *b);

struct Type *composite_function(struct Type *a, struct Type *b)
{
    struct Type *t = new_type(TY_FUNCTION);
    struct Parameter *p;
    struct Parameter *q = a->parameters;
    struct Parameter *last = 0;
    copy_bytes((char *)t, (char *)b, sizeof(struct Type));
    t->pointer = 0;
    t->base = composite(a->base, b->base);
    if (b->no_prototype) {
        t->parameters = a->parameters;
        t->variadic = a->variadic;
        t->no_prototype = a->no_prototype;
        t->is_definition = a->is_definition || b->is_definition;
        return t;
    }
    if (a->no_prototype)
        return t;
    for (p = b->parameters; p; p = p->next) {
        struct Parameter *copy = alloc(sizeof(struct Parameter));
        copy->name = p->name;
        copy->type = composite(unqualified(q->type), unqualified(p->type));
        if (last)
            last->next = copy;
        else
            t->parameters = copy;
        last = copy;
        q = q->next;
    }
    return t;
}

// The type that a declaration of type b gives to what was of type a, where both are compatible: either may tell the
// length of an array, or the parameters of a function.
struct Type *composite(struct Type *a, struct Type *b)
{
    if (a == b)
        return b;
    if (b->kind == TY_FUNCTION)
        return composite_function(a, b);
    if (b->kind != TY_ARRAY && b->kind != TY_POINTER)
        return b;
    struct Type *base = composite(a->base, b->base);
    if (b->kind == TY_ARRAY && b->length < 0)
        return array_of(base, a->length);
    if (base == b->base)
        return b;
    if (b->kind == TY_ARRAY)
        return array_of(base, b->length);
    return qualify(pointer_to(base), b->qualifiers);
}

// The usual arithmetic conversions: the type in which a and b are added.
struct Type *common_type(struct Type *a, struct Type *b)
{
    if (is_float(a) || is_float(b)) {
        if (a->kind > b->kind)
            return a;
        return b;
    }
    a = promoted(a);
    b = promoted(b);
    if (a->kind < b->kind) {
        struct Type *t = a;
        a = b;
        b = t;
    }
    // Now a has the higher rank.
    if (a->kind == b->kind) {
        if (a->is_unsigned)
            return a;
        return b;
    }
    if (a->is_unsigned || !b->is_unsigned || size_of(a) > size_of(b))
        return a;
    // long long and unsigned long: neither can represent all values of the other.
    return type_ulonglong;
}
