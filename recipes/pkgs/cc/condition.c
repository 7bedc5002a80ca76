// The expressions of #if and #elif: 64-bit integers, signed or unsigned, over the tokens of one line.

struct List *if_tokens;
long if_at;
long if_unsigned; // the type of the value that was last returned

long if_choice(long counts);

long if_kind(void)
{
    if (if_at >= if_tokens->length)
        return T_LINE_END;
    return ((struct Token *)if_tokens->items[if_at])->kind;
}

long if_primary(long counts);

long if_operand(long counts)
{
    long kind = if_kind();
    long value;
    if (kind == T_LINE_END)
        fail("the condition ends too early");
    struct Token *t = if_tokens->items[if_at];
    if_at++;
    if_unsigned = 0;
    switch (kind) {
    case T_NUMBER:
        value = integer_constant(t);
        if_unsigned = constant_unsigned || value < 0;
        return value;
    case T_CHARACTER:
        return character_constant(t);
    case T_NAME:
        return 0;
    case '(':
        value = if_choice(counts);
        if (if_kind() != ')')
            fail("expected `)` in the condition");
        if_at++;
        return value;
    case '!':
        value = !if_primary(counts);
        if_unsigned = 0;
        return value;
    case '-':
        return -if_primary(counts);
    case '+':
        return if_primary(counts);
    case '~':
        return ~if_primary(counts);
    }
    fail_about("not allowed in a condition:", t->text, t->length, "");
    return 0;
}

// How deeply operands are nested.
long if_nesting;

long if_primary(long counts)
{
    if_nesting++;
    if (if_nesting > 1000)
        fail("the condition is nested too deeply");
    long value = if_operand(counts);
    if_nesting--;
    return value;
}

long operator_rank(long kind)
{
    switch (kind) {
    case '*': case '/': case '%': return 10;
    case '+': case '-': return 9;
    case P_SHL: case P_SHR: return 8;
    case '<': case '>': case P_LE: case P_GE: return 7;
    case P_EQ: case P_NE: return 6;
    case '&': return 5;
    case '^': return 4;
    case '|': return 3;
    case P_AND: return 2;
    case P_OR: return 1;
    }
    return 0;
}

long if_apply(long op, long a, long b, long without_sign)
{
    switch (op) {
    case '*': return a * b;
    case '/':
        if (without_sign)
            return udiv(a, b);
        if (b == -1)
            return -a;
        return a / b;
    case '%':
        if (without_sign)
            return umod(a, b);
        if (b == -1)
            return 0;
        return a % b;
    case '+': return a + b;
    case '-': return a - b;
    case '&': return a & b;
    case '^': return a ^ b;
    case '|': return a | b;
    case P_EQ: return a == b;
    case P_NE: return a != b;
    }
    if (without_sign) {
        switch (op) {
        case '<': return ult(a, b);
        case '>': return ult(b, a);
        case P_LE: return !ult(b, a);
        }
        return !ult(a, b);
    }
    switch (op) {
    case '<': return a < b;
    case '>': return a > b;
    case P_LE: return a <= b;
    }
    return a >= b;
}

// counts is 0 where the value is not used: no division happens there.
long if_binary(long rank, long counts)
{
    long a = if_primary(counts);
    for (;;) {
        long op = if_kind();
        long a_unsigned = if_unsigned;
        if (operator_rank(op) < rank || operator_rank(op) == 0)
            return a;
        if_at++;
        if (op == P_AND || op == P_OR) {
            long asked = counts && (a != 0) == (op == P_AND);
            long b = if_binary(operator_rank(op) + 1, asked);
            if (op == P_AND)
                a = a && b;
            else
                a = a || b;
            if_unsigned = 0;
            continue;
        }
        long b = if_binary(operator_rank(op) + 1, counts);
        if (op == P_SHL || op == P_SHR) {
            if (ult(63, b)) {
                if (counts)
                    fail("shift by more than 63 bits in the condition");
                b = 0;
            }
            if (op == P_SHL)
                a = a << b;
            else if (a_unsigned)
                a = ushr(a, b);
            else
                a = a >> b;
            if_unsigned = a_unsigned;
            continue;
        }
        long without_sign = a_unsigned || if_unsigned;
        if ((op == '/' || op == '%') && b == 0) {
            if (counts)
                fail("division by zero in the condition");
            b = 1;
        }
        a = if_apply(op, a, b, without_sign);
        // A comparison is an int.
        if_unsigned = without_sign && operator_rank(op) != 7 && operator_rank(op) != 6;
    }
}

long if_choice(long counts)
{
    long value = if_binary(1, counts);
    if (if_kind() != '?')
        return value;
    if_at++;
    long yes = if_choice(counts && value);
    long yes_unsigned = if_unsigned;
    if (if_kind() != ':')
        fail("expected `:` in the condition");
    if_at++;
    long no = if_choice(counts && !value);
    if_unsigned = if_unsigned || yes_unsigned;
    if (value)
        return yes;
    return no;
}

// Each `defined NAME` becomes 1 or 0 before macros are expanded.
struct List *replace_defined(struct List *line)
{
    struct List *out = new_list();
    struct Name *defined = name_of_text("defined");
    long i;
    for (i = 0; i < line->length; i++) {
        struct Token *t = line->items[i];
        if (t->name != defined) {
            push(out, t);
            continue;
        }
        long parenthesis = 0;
        i++;
        if (i < line->length && ((struct Token *)line->items[i])->kind == '(') {
            parenthesis = 1;
            i++;
        }
        if (i >= line->length || !((struct Token *)line->items[i])->name)
            fail("`defined` expects a name");
        struct Name *name = ((struct Token *)line->items[i])->name;
        if (parenthesis) {
            i++;
            if (i >= line->length || ((struct Token *)line->items[i])->kind != ')')
                fail("expected `)` after `defined`");
        }
        if (name->macro)
            push(out, token_of("1", 1));
        else
            push(out, token_of("0", 1));
    }
    return out;
}

long condition_value(struct List *line)
{
    // An expression within an expression does not come up: macros hold no directives.
    if_tokens = expand_list(replace_defined(line));
    if_at = 0;
    if_nesting = 0;
    if (if_tokens->length == 0)
        fail("the condition has no expression");
    long value = if_choice(1);
    if (if_at < if_tokens->length)
        fail("unexpected token after the condition");
    return value;
}
