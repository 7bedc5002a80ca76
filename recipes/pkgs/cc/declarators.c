// Type specifiers, enums, and declarators.

struct Type *enum_specifier(void)
{
    struct Name *name = 0;
    advance();
    attributes();
    if (token->kind == T_NAME) {
        name = token->name;
        advance();
    }
    if (wanted_align || wanted_packed)
        fail("packed or aligned enums are not supported");
    if (token->kind != '{') {
        struct Tag *tag = 0;
        if (!name)
            fail_token("expected a name or `{` before");
        tag = name->tag;
        if (!tag)
            fail_name("undeclared enum", name);
        if (!tag->is_enum)
            fail_name("tag declared as another kind:", name);
        known_tag = 1;
        return tag->type;
    }
    advance();
    if (name && tag_in_scope(name))
        fail_name("redefinition of", name);
    if (token->kind == '}')
        fail("the enum has no constants");
    // As in GCC: unsigned unless a value is negative. Within its own definition it is int.
    struct Type *type = new_type(TY_INT);
    if (name)
        declare_tag(name, type, 1);
    long value = 0;
    long below_zero = 0;
    while (token->kind != '}') {
        struct Name *constant = expect_name();
        if (accept('='))
            value = constant_expression();
        if (value != wrap(value, type_int))
            fail_name("value out of range of int:", constant);
        if (value < 0)
            below_zero = 1;
        if (sym_in_scope(constant))
            fail_name("redeclaration of", constant);
        declare(constant, SYM_CONSTANT, type_int)->value = value;
        value++;
        if (!accept(',') && token->kind != '}')
            fail_token("expected `}` before");
    }
    advance();
    attributes();
    if (wanted_align || wanted_packed)
        fail("packed or aligned enums are not supported");
    type->is_unsigned = !below_zero;
    known_tag = 0;
    return type;
}

// How often each keyword occurred in the specifiers.
long words_long;
long words_sign; // K_SIGNED, K_UNSIGNED or 0
long words_base; // K_VOID, K_CHAR, K_SHORT, K_INT, ..., or 0
long words_int;

void take_word(long kind)
{
    if (kind == K_LONG) {
        words_long++;
    } else if (kind == K_SIGNED || kind == K_UNSIGNED) {
        if (words_sign)
            fail_token("invalid combination of type specifiers:");
        words_sign = kind;
    } else if (kind == K_INT) {
        words_int++;
    } else {
        if (words_base)
            fail_token("invalid combination of type specifiers:");
        words_base = kind;
    }
}

struct Type *pick(struct Type *with_sign, struct Type *without)
{
    if (words_sign == K_UNSIGNED)
        return without;
    return with_sign;
}

struct Type *type_of_words(void)
{
    long plain = !words_sign && !words_long && !words_int;
    if (words_int > 1 || words_long > 2)
        fail_token("invalid combination of type specifiers before");
    switch (words_base) {
    case 0:
        if (words_long == 0)
            return pick(type_int, type_uint);
        if (words_long == 1)
            return pick(type_long, type_ulong);
        return pick(type_longlong, type_ulonglong);
    case K_CHAR:
        if (words_long || words_int)
            break;
        if (words_sign)
            return pick(type_schar, type_uchar);
        return type_char;
    case K_SHORT:
        if (words_long)
            break;
        return pick(type_short, type_ushort);
    case K_DOUBLE:
        if (words_sign || words_int || words_long > 1)
            break;
        if (words_long)
            return type_ldouble;
        return type_double;
    case K_VOID:
        if (plain)
            return type_void;
        break;
    case K_BOOL:
        if (plain)
            return type_bool;
        break;
    case K_FLOAT:
        if (plain)
            return type_float;
        break;
    }
    fail_token("invalid combination of type specifiers before");
    return 0;
}

void take_storage(long kind)
{
    if (storage)
        fail_token("more than one storage class:");
    storage = kind;
}

// Adds the qualifiers that were written, if the type allows them.
struct Type *with_qualifiers(struct Type *type, long qualifiers)
{
    struct Type *t = type;
    while (t->kind == TY_ARRAY)
        t = t->base;
    if (qualifiers && t->kind == TY_FUNCTION)
        fail("a function type cannot be qualified");
    if ((qualifiers & IS_RESTRICT) && (t->kind != TY_POINTER || t->base->kind == TY_FUNCTION))
        fail("`restrict` applies only to pointers to objects");
    return qualify(type, qualifiers);
}

// Reads all specifiers. Besides the type that it returns, it sets storage, is_inline, of_function and the wanted_...
// variables.
struct Type *specifiers(void)
{
    struct Type *type = 0;
    long long_before = words_long;
    long sign_before = words_sign;
    long base_before = words_base;
    long int_before = words_int;
    long found = 0;
    long known = 0;
    long qualifiers = 0;
    storage = 0;
    is_inline = 0;
    of_function = 0;
    declares = 0;
    wanted_align = 0;
    wanted_packed = 0;
    words_long = 0;
    words_sign = 0;
    words_base = 0;
    words_int = 0;
    for (;;) {
        long kind = token->kind;
        long words = words_long || words_sign || words_base || words_int;
        switch (kind) {
        case K_CHAR: case K_SHORT: case K_INT: case K_LONG: case K_FLOAT: case K_DOUBLE: case K_VOID: case K_BOOL:
        case K_SIGNED: case K_UNSIGNED:
            if (type)
                fail_token("two types in one declaration:");
            take_word(kind);
            advance();
            found = 1;
            continue;
        case K_TYPEDEF: case K_EXTERN: case K_STATIC: case K_AUTO: case K_REGISTER:
            take_storage(kind);
            advance();
            continue;
        case K_CONST: case K_VOLATILE: case K_RESTRICT:
            qualifiers = qualifiers | qualifier_of(kind);
            advance();
            continue;
        case K_EXTENSION:
            advance();
            continue;
        case K_INLINE: case K_NORETURN:
            if (kind == K_INLINE)
                is_inline = 1;
            of_function = 1;
            advance();
            continue;
        case K_ATTRIBUTE:
            attributes();
            continue;
        case K_STRUCT: case K_UNION: case K_ENUM: {
            long storage_before = storage;
            long inline_before = is_inline;
            long of_function_before = of_function;
            if (type || words)
                fail_token("two types in one declaration:");
            long alone = !qualifiers && !storage && !of_function;
            go_deeper();
            if (kind == K_ENUM)
                type = enum_specifier();
            else
                type = struct_specifier(kind == K_UNION, alone);
            come_back();
            storage = storage_before;
            is_inline = inline_before;
            of_function = of_function_before;
            declares = kind == K_ENUM || type->layout->tag;
            known = known_tag;
            found = 1;
            continue;
        }
        case K_COMPLEX: case K_TYPEOF: case K_ATOMIC: case K_THREAD: case K_ALIGNAS:
            fail_token("unsupported:");
        case T_NAME:
            if (!type && !words && begins_type()) {
                type = token->name->sym->type;
                advance();
                found = 1;
                continue;
            }
        }
        break;
    }
    if (!found)
        fail_token("expected a type before");
    if (!type)
        type = type_of_words();
    // `const struct S;` declares nothing new.
    if (known && (qualifiers || storage || of_function))
        declares = 0;
    type = with_qualifiers(type, qualifiers);
    words_long = long_before;
    words_sign = sign_before;
    words_base = base_before;
    words_int = int_before;
    return type;
}

// The qualifiers (IS_...) and STATIC_LENGTH found in the brackets of the outermost array, added up. They apply to
// the pointer that the parameter becomes.
enum { STATIC_LENGTH = 8 };

long bracket_words;

long array_words(void)
{
    long words = 0;
    for (;;) {
        if (token->kind == K_STATIC)
            words = words | STATIC_LENGTH;
        else if (!qualifier_of(token->kind))
            return words;
        words = words | qualifier_of(token->kind);
        advance();
    }
}

void refuse_bracket_words(void)
{
    if (bracket_words)
        fail("`static` or qualifiers in brackets outside of the outermost array of a parameter");
}

void parameters_of(struct Type *t)
{
    struct Parameter *last = 0;
    do {
        if (accept(P_ELLIPSIS)) {
            if (!last)
                fail("`...` without a named parameter before it");
            t->variadic = 1;
            break;
        }
        struct Parameter *p = alloc(sizeof(struct Parameter));
        struct Type *base = specifiers();
        if (storage && storage != K_REGISTER)
            fail("invalid storage class for a parameter");
        p->is_register = storage == K_REGISTER;
        refuse_function_words();
        declared_name = 0;
        p->type = declarator(base);
        p->name = declared_name;
        attributes();
        if (wanted_align || wanted_packed)
            fail("`aligned` or `packed` is not supported here");
        if (p->type->kind == TY_ARRAY) {
            p->type = with_qualifiers(pointer_to(p->type->base), bracket_words & ~STATIC_LENGTH);
            bracket_words = 0;
        }
        refuse_bracket_words();
        if (p->type->kind == TY_FUNCTION)
            p->type = pointer_to(p->type);
        // `void` through a typedef.
        if (p->type == type_void && !last && !p->name && token->kind == ')')
            return;
        if (p->type->kind == TY_VOID)
            fail("parameter of type void");
        if (p->name && sym_in_scope(p->name))
            fail_name("duplicate parameter", p->name);
        // It has no location yet; only its type can be used.
        if (p->name)
            declare(p->name, SYM_LOCAL, p->type);
        if (last)
            last->next = p;
        else
            t->parameters = p;
        last = p;
    } while (accept(','));
}

struct Type *parameter_list(struct Type *result)
{
    struct Type *t = new_type(TY_FUNCTION);
    t->base = result;
    if (accept(')')) {
        t->no_prototype = 1;
        return t;
    }
    if (token->kind == K_VOID && token_ahead->kind == ')') {
        advance();
        advance();
        return t;
    }
    enter_scope();
    t->prototype = scope;
    parameters_of(t);
    leave_scope();
    expect(')', "expected `)` before");
    return t;
}

// Whether it can be the element of an array: it is complete, or will be once the declarator has been read.
long has_size(struct Type *t)
{
    while (t->kind == TY_ARRAY && t->length >= 0)
        t = t->base;
    return t->is_hole || !is_incomplete(t);
}

// The part of a declarator after the name: array lengths, parameters.
struct Type *declarator_end(struct Type *base)
{
    bracket_words = 0;
    if (accept('[')) {
        long length = -1;
        long words = array_words();
        if (token->kind != ']') {
            length = constant_expression();
            if (length < 0)
                fail("the array length is negative");
        } else if (words & STATIC_LENGTH) {
            fail("`static` in brackets without an array length");
        }
        expect(']', "expected `]` before");
        go_deeper();
        base = declarator_end(base);
        come_back();
        refuse_bracket_words();
        bracket_words = words;
        if (!has_size(base))
            fail("the array elements have an incomplete type");
        return array_of(base, length);
    }
    if (accept('(')) {
        long storage_before = storage;
        long inline_before = is_inline;
        long of_function_before = of_function;
        long align_before = wanted_align;
        struct Type *t = parameter_list(base);
        storage = storage_before;
        is_inline = inline_before;
        of_function = of_function_before;
        wanted_align = align_before;
        if (token->kind == '(' || token->kind == '[' || base->kind == TY_FUNCTION || base->kind == TY_ARRAY)
            fail("a function cannot return a function or an array");
        return t;
    }
    return base;
}

// Checks `restrict` on a pointer whose target was not known when it was read.
void refuse_restrict(struct Type *target)
{
    struct Type *t = 0;
    if (target->pointer && target->kind == TY_FUNCTION)
        t = target->pointer->qualified;
    for (; t; t = t->qualified)
        if (t->qualifiers & IS_RESTRICT)
            fail("`restrict` applies only to pointers to objects");
}

// A declarator, possibly without a name. Sets declared_name to the name, or to 0.
struct Type *inner_declarator(struct Type *base)
{
    if (token->kind == K_EXTENSION || token->kind == K_ATTRIBUTE)
        qualifiers();
    while (accept('*'))
        base = with_qualifiers(pointer_to(base), qualifiers());
    struct Name *name = 0;
    if (token->kind == '(') {
        long nested = token_ahead->kind == '*' || token_ahead->kind == '(' || token_ahead->kind == K_ATTRIBUTE;
        if (token_ahead->kind == T_NAME)
            nested = !type_follows();
        if (nested) {
            // The base type of the inner declarator is only known after it.
            struct Type *hole = new_type(TY_VOID);
            hole->is_hole = 1;
            advance();
            struct Type *inner = declarator(hole);
            long words = bracket_words;
            name = declared_name;
            expect(')', "expected `)` before");
            struct Type *outer = declarator_end(base);
            declared_name = name;
            if (inner == hole)
                return outer;
            refuse_bracket_words();
            bracket_words = words;
            struct Type *pointer = hole->pointer;
            copy_bytes((char *)hole, (char *)outer, sizeof(struct Type));
            hole->pointer = pointer;
            refuse_restrict(hole);
            if (inner->kind == TY_ARRAY && !has_size(inner->base))
                fail("the array elements have an incomplete type");
            return inner;
        }
    }
    if (token->kind == T_NAME) {
        name = token->name;
        advance();
    }
    base = declarator_end(base);
    declared_name = name;
    return base;
}

struct Type *declarator(struct Type *base)
{
    go_deeper();
    struct Type *t = inner_declarator(base);
    come_back();
    return t;
}

struct Type *type_name(void)
{
    struct Type *base = specifiers();
    if (storage)
        fail("storage class in a type name");
    refuse_function_words();
    if (wanted_align || wanted_packed)
        fail("`aligned` or `packed` is not supported here");
    struct Type *t = declarator(base);
    refuse_bracket_words();
    if (declared_name)
        fail_name("unexpected name in a type:", declared_name);
    return t;
}
