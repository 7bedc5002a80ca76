// Parsing expressions.

struct Type *function_type;  // of the function that is read; 0 at file scope
struct Name *function_name;
struct Object *function_name_object;

struct Node *expression(void);
struct Node *assignment(void);
struct Node *unary(void);
struct Node *cast_expression(void);
long begins_type(void);
struct Type *type_name(void);
struct Node *compound_literal(struct Type *type);
void initialise_object(struct Object *o);
struct Object *string_object(char *bytes, long length);
long parameters_size(struct Type *function);

struct Node *number_constant(void)
{
    struct Token *t = token;
    long i;
    long hexadecimal = t->length > 1 && (t->text[1] == 'x' || t->text[1] == 'X');
    for (i = 0; i < t->length; i++) {
        long c = t->text[i];
        if (c == '.' || c == 'p' || c == 'P' || (c == 'e' || c == 'E') && !hexadecimal) {
            struct Real *r = alloc(sizeof(struct Real));
            read_real(r, t);
            advance();
            return real_node(r, real_type);
        }
    }
    long value = integer_constant(t);
    struct Type *type = type_int;
    advance();
    // The first type that holds it; a decimal number without u is never unsigned.
    long wide = constant_longs > 0 || ult(0xffffffff, value);
    if (!constant_unsigned && constant_decimal)
        wide = wide || ult(0x7fffffff, value);
    long needs_unsigned = constant_unsigned || wide && value < 0 || !wide && value > 0x7fffffff;
    if (constant_decimal && !constant_unsigned && value < 0)
        fail("the number is too large for a signed type");
    if (constant_longs == 2) {
        type = type_longlong;
        if (needs_unsigned)
            type = type_ulonglong;
    } else if (wide) {
        type = type_long;
        if (needs_unsigned)
            type = type_ulong;
    } else if (needs_unsigned) {
        type = type_uint;
    }
    return number_node(value, type);
}

struct Node *string_literal(void)
{
    struct Buffer *b = alloc(sizeof(struct Buffer));
    while (token->kind == T_STRING) {
        add_string(b, token);
        advance();
    }
    struct Object *o = string_object(b->bytes, b->length);
    return object_node(o, o->type);
}

// __func__ is an array in each function that asks for it.
struct Node *function_name_string(void)
{
    if (!function_name_object)
        function_name_object = string_object(function_name->text, function_name->length);
    return object_node(function_name_object, function_name_object->type);
}

struct Node *named(struct Name *name)
{
    struct Sym *s = name->sym;
    if (!s) {
        if (function_type && same_text(name->text, "__func__"))
            return function_name_string();
        fail_name("undeclared:", name);
    }
    switch (s->kind) {
    case SYM_CONSTANT:
        return number_node(s->value, s->type);
    case SYM_LOCAL: {
        struct Node *n = local_node(s->offset, s->type);
        n->is_register = s->is_register;
        return n;
    }
    case SYM_TYPE:
        fail_name("type used as a value:", name);
    }
    return object_node(s->object, s->type);
}

struct Node *variadic_start(void)
{
    expect('(', "expected `(` before");
    // The last parameter; it is checked and not used.
    assignment();
    expect(')', "expected `)` before");
    if (!function_type || !function_type->variadic)
        fail("the function has no variable arguments");
    struct Node *n = new_node(N_VARIADIC, pointer_to(type_char), 0, 0);
    n->value = parameters_size(function_type);
    return n;
}

struct Node *primary(void)
{
    struct Node *n;
    switch (token->kind) {
    case T_NUMBER:
        return number_constant();
    case T_CHARACTER:
        n = number_node(character_constant(token), type_int);
        advance();
        return n;
    case T_STRING:
        return string_literal();
    case T_NAME: {
        struct Name *name = token->name;
        n = named(name);
        advance();
        return n;
    }
    case '(':
        advance();
        n = expression();
        expect(')', "expected `)` before");
        return n;
    case K_VARIADIC_START:
        advance();
        return variadic_start();
    }
    fail_token("expected an expression before");
    return 0;
}

struct Node *default_argument(struct Node *n)
{
    n = promote(n);
    if (n->type->kind == TY_FLOAT)
        return cast(n, type_double);
    if (n->type->kind == TY_VOID)
        fail("void expression used as an argument");
    return n;
}

enum { MAX_ARGUMENTS = 1000 };

struct Node *call(struct Node *function)
{
    function = value_of(function);
    if (function->type->kind != TY_POINTER || function->type->base->kind != TY_FUNCTION)
        fail("the called object is not a function");
    struct Type *type = function->type->base;
    struct Parameter *p = type->parameters;
    struct Node *last = 0;
    struct Node *n = new_node(N_CALL, type->base, function, 0);
    long count = 0;
    while (token->kind != ')') {
        count++;
        if (count > MAX_ARGUMENTS)
            fail("too many arguments");
        struct Node *argument = assignment();
        if (p)
            argument = convert(argument, p->type);
        else if (type->variadic || type->no_prototype)
            argument = default_argument(argument);
        else
            fail("too many arguments");
        if (p)
            p = p->next;
        // A node can be shared; a link of the list cannot.
        argument = new_node(N_COMMA, argument->type, 0, argument);
        if (last)
            last->next = argument;
        else
            n->b = argument;
        last = argument;
        if (!accept(','))
            break;
        if (token->kind == ')')
            fail_token("expected an expression before");
    }
    if (p)
        fail("too few arguments");
    expect(')', "expected `)` before");
    if (type->base->kind == TY_STRUCT)
        n->value = new_local(type->base);
    return n;
}

struct Node *indirect(struct Node *n)
{
    n = value_of(n);
    if (n->type->kind != TY_POINTER)
        fail("dereference of something that is not a pointer");
    return dereference(n, 0, n->type->base);
}

// a[index]
struct Node *element(struct Node *a, struct Node *index)
{
    // As in GCC, elements of a register array can be used if the index is constant.
    long is_register = a->is_register && a->type->kind == TY_ARRAY && index->op == N_NUMBER;
    if (is_register)
        a->is_register = 0;
    struct Node *n = add(a, index);
    if (n->type->kind == TY_POINTER && n->type->base->kind == TY_FUNCTION)
        fail("subscript of a pointer to a function");
    n = indirect(n);
    n->is_register = is_register;
    return n;
}

struct Node *postfix_of(struct Node *n)
{
    for (;;) {
        switch (token->kind) {
        case '[':
            advance();
            n = element(n, expression());
            expect(']', "expected `]` before");
            break;
        case '(':
            advance();
            n = call(n);
            break;
        case '.':
            advance();
            n = member_of(n, expect_name());
            break;
        case P_ARROW:
            advance();
            n = member_of(indirect(n), expect_name());
            break;
        case P_INC:
            advance();
            n = step_after(N_ADD, n);
            break;
        case P_DEC:
            advance();
            n = step_after(N_SUBTRACT, n);
            break;
        default:
            return n;
        }
    }
}

long type_follows(void)
{
    // After a parenthesis, the next token decides.
    struct Token *t = token;
    if (t->kind != '(')
        return 0;
    token = token_ahead;
    long yes = begins_type();
    token = t;
    return yes;
}

struct Node *size_or_align(long is_size)
{
    struct Type *t;
    advance();
    if (type_follows()) {
        advance();
        t = type_name();
        expect(')', "expected `)` before");
        if (token->kind == '{')
            t = postfix_of(compound_literal(t))->type;
    } else {
        struct Node *n = unary();
        if (n->op == N_BITS)
            fail("`sizeof` applied to a bit-field");
        t = n->type;
    }
    if (is_incomplete(t) && t->kind != TY_VOID && t->kind != TY_FUNCTION)
        fail("`sizeof` or `_Alignof` applied to an incomplete type");
    if (is_size)
        return number_node(size_of(t), type_ulong);
    return number_node(align_of(t), type_ulong);
}

struct Node *take_address(struct Node *n)
{
    if (n->op == N_BITS)
        fail("address of a bit-field");
    if (n->type->kind != TY_FUNCTION && !is_place(n))
        fail("address of an expression that is not an lvalue");
    refuse_register(n);
    return address_of(n, pointer_to(n->type));
}

struct Node *unary(void)
{
    long kind = token->kind;
    switch (kind) {
    case P_INC:
        advance();
        return assign_with(N_ADD, unary(), number_node(1, type_int));
    case P_DEC:
        advance();
        return assign_with(N_SUBTRACT, unary(), number_node(1, type_int));
    case '&':
        advance();
        return take_address(cast_expression());
    case '*':
        advance();
        return indirect(cast_expression());
    case '+': {
        advance();
        struct Node *n = promote(cast_expression());
        want_arithmetic(n);
        return new_value(n);
    }
    case '-':
        advance();
        return minus(cast_expression());
    case '~':
        advance();
        return complement(cast_expression());
    case '!':
        advance();
        return negation(cast_expression());
    case K_SIZEOF:
        return size_or_align(1);
    case K_ALIGNOF:
        return size_or_align(0);
    case K_EXTENSION:
        advance();
        return cast_expression();
    }
    return postfix_of(primary());
}

struct Node *cast_or_unary(void)
{
    if (!type_follows())
        return unary();
    advance();
    struct Type *t = type_name();
    expect(')', "expected `)` before");
    if (token->kind == '{')
        return postfix_of(compound_literal(t));
    t = unqualified(t);
    struct Node *n = value_of(cast_expression());
    if (t->kind == TY_VOID)
        return new_node(N_CAST, t, complete_value(n), 0);
    if (t->kind == TY_STRUCT) {
        if (n->type->kind != TY_STRUCT || t->layout != n->type->layout)
            fail("cast to a struct or union type");
        return new_value(n);
    }
    if (!is_scalar(t))
        fail("cast to an array or function type");
    if (n->type->kind == TY_VOID)
        fail("void expression used as a value");
    return new_value(cast(n, t));
}

struct Node *cast_expression(void)
{
    go_deeper();
    struct Node *n = cast_or_unary();
    come_back();
    return n;
}

long node_op(long kind)
{
    switch (kind) {
    case '*': case P_MUL_ASSIGN: return N_MULTIPLY;
    case '/': case P_DIV_ASSIGN: return N_DIVIDE;
    case '%': case P_MOD_ASSIGN: return N_REMAINDER;
    case '+': case P_ADD_ASSIGN: return N_ADD;
    case '-': case P_SUB_ASSIGN: return N_SUBTRACT;
    case P_SHL: case P_SHL_ASSIGN: return N_SHIFT_LEFT;
    case P_SHR: case P_SHR_ASSIGN: return N_SHIFT_RIGHT;
    case '&': case P_AND_ASSIGN: return N_BIT_AND;
    case '^': case P_XOR_ASSIGN: return N_BIT_XOR;
    case '|': case P_OR_ASSIGN: return N_BIT_OR;
    case '<': case '>': return N_LESS;
    case P_LE: case P_GE: return N_LESS_EQUAL;
    case P_EQ: return N_EQUAL;
    case P_NE: return N_UNEQUAL;
    case P_AND: return N_AND;
    case P_OR: return N_OR;
    }
    return 0;
}

struct Node *binary_expression(long rank)
{
    struct Node *a = cast_expression();
    for (;;) {
        long kind = token->kind;
        long here = operator_rank(kind);
        if (here < rank || here == 0)
            return a;
        advance();
        struct Node *b = binary_expression(here + 1);
        // a > b is b < a: the order of evaluation is unspecified.
        if (kind == '>' || kind == P_GE)
            a = operate(node_op(kind), b, a);
        else
            a = operate(node_op(kind), a, b);
    }
}

struct Node *conditional(void);

// After the condition and the `?`.
struct Node *two_values(struct Node *n)
{
    // GNU: the condition is the value, evaluated once.
    if (accept(':')) {
        n = value_of(n);
        struct Node *kept = temporary(n->type);
        kept->member = n->member;
        struct Node *first = store(kept, n);
        return comma(first, choice(kept, kept, conditional()));
    }
    struct Node *yes = expression();
    expect(':', "expected `:` before");
    return choice(n, yes, conditional());
}

struct Node *conditional(void)
{
    struct Node *n = binary_expression(1);
    if (accept('?')) {
        go_deeper();
        n = two_values(n);
        come_back();
    }
    return n;
}

struct Node *assignment(void)
{
    struct Node *n = conditional();
    long kind = token->kind;
    go_deeper();
    if (kind == '=') {
        advance();
        n = assign(n, assignment());
    } else if (kind >= P_MUL_ASSIGN && kind <= P_OR_ASSIGN || kind == P_SHL_ASSIGN || kind == P_SHR_ASSIGN) {
        advance();
        n = assign_with(node_op(kind), n, assignment());
    }
    come_back();
    return n;
}

struct Node *expression(void)
{
    struct Node *n = assignment();
    while (token->kind == ',') {
        advance();
        n = comma(n, assignment());
    }
    return n;
}

// A constant integer expression.
long constant_expression(void)
{
    struct Node *n = conditional();
    if (n->op != N_NUMBER || !is_integer(n->type))
        fail("expected a constant integer expression");
    return n->value;
}
