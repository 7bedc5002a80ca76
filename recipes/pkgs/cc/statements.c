// Statements: each is translated to code while it is read.

struct Case {
    long value;
    struct Spot *spot;
};

// An enclosing loop or switch.
struct Around {
    struct Around *outer;
    struct Spot *break_to;
    struct Spot *continue_to; // 0 around a switch
    struct List *cases;       // struct Case *, of a switch; else 0
    struct Spot *default_case;
    struct Type *type;        // of what is switched over
};

struct Around *around;

struct Label {
    struct Label *next;
    struct Name *name;
    struct Spot *spot;
    long line; // of the first goto
};

struct Label *labels;

void statement(void);
void local_declaration(void);

struct Label *label_of(struct Name *name)
{
    if (!name->label) {
        struct Label *l = alloc(sizeof(struct Label));
        l->name = name;
        l->spot = new_spot();
        l->line = here_line;
        l->next = labels;
        labels = l;
        name->label = l;
    }
    return name->label;
}

void check_labels(void)
{
    struct Label *l;
    for (l = labels; l; l = l->next) {
        l->name->label = 0;
        if (l->spot->place < 0) {
            here_line = l->line;
            fail_name("undefined label", l->name);
        }
    }
    labels = 0;
}

struct Around *go_inside(struct Spot *break_to, struct Spot *continue_to)
{
    struct Around *a = alloc(sizeof(struct Around));
    a->outer = around;
    a->break_to = break_to;
    a->continue_to = continue_to;
    around = a;
    return a;
}

void go_outside(void)
{
    around = around->outer;
}

struct Node *condition_in_parentheses(void)
{
    expect('(', "expected `(` before");
    struct Node *n = truth(expression());
    expect(')', "expected `)` before");
    return n;
}

void if_statement(void)
{
    struct Spot *no = new_spot();
    branch(condition_in_parentheses(), no, 0);
    statement();
    if (accept(K_ELSE)) {
        struct Spot *end = new_spot();
        jump(end);
        place_spot(no);
        statement();
        place_spot(end);
    } else {
        place_spot(no);
    }
}

void while_statement(void)
{
    struct Spot *again = new_spot();
    struct Spot *end = new_spot();
    place_spot(again);
    branch(condition_in_parentheses(), end, 0);
    go_inside(end, again);
    statement();
    go_outside();
    jump(again);
    place_spot(end);
}

void do_statement(void)
{
    struct Spot *again = new_spot();
    struct Spot *check = new_spot();
    struct Spot *end = new_spot();
    place_spot(again);
    go_inside(end, check);
    statement();
    go_outside();
    expect(K_WHILE, "expected `while` before");
    place_spot(check);
    branch(condition_in_parentheses(), again, 1);
    expect(';', "expected `;` before");
    place_spot(end);
}

// The initialiser of a `for` may declare only local variables.
void check_for_declaration(void)
{
    struct Sym *s;
    if (scope->tags)
        fail_name("tag declared in a `for` initialiser:", scope->tags->name);
    for (s = scope->syms; s; s = s->next)
        if (s->kind != SYM_LOCAL)
            fail_name("not a local variable, but declared in a `for` initialiser:", s->name);
}

void for_statement(void)
{
    struct Spot *again = new_spot();
    struct Spot *next = new_spot();
    struct Spot *end = new_spot();
    struct Node *step = 0;
    long frame = frame_size;
    expect('(', "expected `(` before");
    enter_scope();
    if (begins_declaration()) {
        local_declaration();
        check_for_declaration();
    } else if (!accept(';')) {
        generate_effect(complete_value(expression()));
        expect(';', "expected `;` before");
    }
    place_spot(again);
    if (token->kind != ';')
        branch(truth(expression()), end, 0);
    expect(';', "expected `;` before");
    if (token->kind != ')')
        step = complete_value(expression());
    expect(')', "expected `)` before");
    go_inside(end, next);
    statement();
    go_outside();
    place_spot(next);
    if (step)
        generate_effect(step);
    jump(again);
    place_spot(end);
    leave_scope();
    frame_size = frame;
}

long case_below(struct Case *a, struct Case *b, struct Type *t)
{
    if (t->is_unsigned)
        return ult(a->value, b->value);
    return a->value < b->value;
}

// Sorts cases[from] to cases[to - 1] by merging.
void sort_cases(struct Case **cases, long from, long to, struct Type *t)
{
    long middle = (from + to) / 2;
    long i;
    if (to - from < 2)
        return;
    sort_cases(cases, from, middle, t);
    sort_cases(cases, middle, to, t);
    struct Case **sorted = alloc((to - from) * sizeof(struct Case *));
    long left = from;
    long right = middle;
    for (i = 0; i < to - from; i++) {
        if (right == to || left < middle && !case_below(cases[right], cases[left], t)) {
            sorted[i] = cases[left];
            left++;
        } else {
            sorted[i] = cases[right];
            right++;
        }
    }
    for (i = 0; i < to - from; i++)
        cases[from + i] = sorted[i];
}

void compare_with(long value)
{
    load_number(RCX, value);
    emit(3, 0x4839c8); // cmp rax, rcx
}

// Jumps to the case equal to rax, by binary search.
void choose_case(struct Case **cases, long from, long to, struct Around *a, struct Spot *otherwise)
{
    long i;
    if (to - from <= 4) {
        for (i = from; i < to; i++) {
            compare_with(cases[i]->value);
            jump_if(IF_EQUAL, cases[i]->spot);
        }
        jump(otherwise);
        return;
    }
    struct Spot *upper = new_spot();
    long middle = (from + to) / 2;
    compare_with(cases[middle]->value);
    if (a->type->is_unsigned)
        jump_if(IF_NOT_BELOW, upper);
    else
        jump_if(IF_NOT_LESS, upper);
    choose_case(cases, from, middle, a, otherwise);
    place_spot(upper);
    choose_case(cases, middle, to, a, otherwise);
}

void switch_statement(void)
{
    struct Spot *choose = new_spot();
    struct Spot *end = new_spot();
    long i;
    expect('(', "expected `(` before");
    struct Node *n = promote(expression());
    want_integer(n);
    expect(')', "expected `)` before");
    generate(n);
    jump(choose);
    struct Around *a = go_inside(end, 0);
    a->cases = new_list();
    a->type = n->type;
    statement();
    go_outside();
    jump(end);
    place_spot(choose);
    struct Case **cases = (struct Case **)a->cases->items;
    sort_cases(cases, 0, a->cases->length, n->type);
    for (i = 1; i < a->cases->length; i++)
        if (cases[i]->value == cases[i - 1]->value)
            fail("duplicate case in the preceding switch");
    if (!a->default_case)
        a->default_case = end;
    choose_case(cases, 0, a->cases->length, a, a->default_case);
    place_spot(end);
}

struct Around *switch_around(void)
{
    struct Around *a = around;
    while (a && !a->cases)
        a = a->outer;
    if (!a)
        fail("`case` or `default` outside of a switch");
    return a;
}

void case_label(void)
{
    struct Around *a = switch_around();
    struct Spot *spot = new_spot();
    long value = wrap(constant_expression(), a->type);
    long last = value;
    if (accept(P_ELLIPSIS)) {
        last = wrap(constant_expression(), a->type);
        // The difference wraps round when they are very far apart.
        if (last < value || last - value < 0 || last - value > 0xffff)
            fail("the range of cases is empty or has more than 65,536 values");
    }
    long above = last - value;
    expect(':', "expected `:` before");
    place_spot(spot);
    // Counts, because the last value may be the largest one.
    while (above >= 0) {
        struct Case *c = alloc(sizeof(struct Case));
        c->value = value + above;
        c->spot = spot;
        push(a->cases, c);
        above--;
    }
}

void return_statement(void)
{
    struct Type *result = function_type->base;
    struct Node *n = 0;
    if (token->kind != ';') {
        n = expression();
        if (result->kind == TY_VOID) {
            if (n->type->kind != TY_VOID)
                fail("`return` with a value in a function returning void");
            generate_effect(n);
            n = 0;
        } else {
            n = convert(n, result);
        }
    } else if (result->kind != TY_VOID) {
        fail("`return` without a value in a function returning one");
    }
    expect(';', "expected `;` before");
    generate_return(n);
}

// Declarations and statements up to the closing brace.
void block(void)
{
    long frame = frame_size;
    while (!accept('}')) {
        if (begins_declaration())
            local_declaration();
        else
            statement();
    }
    // Variables of consecutive blocks share their room.
    frame_size = frame;
}

void leave_by(struct Spot *spot)
{
    expect(';', "expected `;` before");
    jump(spot);
}

void plain_statement(void)
{
    struct Around *a = around;
    switch (token->kind) {
    case '{':
        advance();
        enter_scope();
        block();
        leave_scope();
        return;
    case ';':
        advance();
        return;
    case K_IF:
        advance();
        if_statement();
        return;
    case K_WHILE:
        advance();
        while_statement();
        return;
    case K_DO:
        advance();
        do_statement();
        return;
    case K_FOR:
        advance();
        for_statement();
        return;
    case K_SWITCH:
        advance();
        switch_statement();
        return;
    case K_CASE:
        advance();
        case_label();
        statement();
        return;
    case K_DEFAULT:
        advance();
        a = switch_around();
        if (a->default_case)
            fail("second `default` in a switch");
        a->default_case = new_spot();
        expect(':', "expected `:` before");
        place_spot(a->default_case);
        statement();
        return;
    case K_BREAK:
        advance();
        if (!a)
            fail("`break` outside of a loop or switch");
        leave_by(a->break_to);
        return;
    case K_CONTINUE:
        advance();
        while (a && !a->continue_to)
            a = a->outer;
        if (!a)
            fail("`continue` outside of a loop");
        leave_by(a->continue_to);
        return;
    case K_RETURN:
        advance();
        return_statement();
        return;
    case K_GOTO:
        advance();
        leave_by(label_of(expect_name())->spot);
        return;
    case K_ASM:
        fail("inline assembly is not supported");
    case T_NAME:
        if (token_ahead->kind == ':') {
            struct Label *l = label_of(token->name);
            if (l->spot->place >= 0)
                fail_name("duplicate label", token->name);
            advance();
            advance();
            place_spot(l->spot);
            attributes();
            statement();
            return;
        }
    }
    generate_effect(complete_value(expression()));
    expect(';', "expected `;` before");
}

void statement(void)
{
    go_deeper();
    plain_statement();
    come_back();
}
