// Macros: their definitions, and their expansion.
//
// Tokens come from a stack of inputs above the file: what a macro expanded to is an input, and the macro is switched
// off until that input is used up. A name that is met while its macro is off is painted, and stays a plain name.

enum { M_OBJECT, M_FUNCTION, M_LINE, M_FILE };

struct Macro {
    long kind;
    struct List *body;       // struct Token *
    struct List *parameters; // struct Name *
    long variadic;           // the last parameter takes all the rest
    long off;
};

struct Input {
    struct Input *below;
    struct List *tokens;
    long at;
    struct Macro *macro; // it is switched on again when this input is used up
};

struct Input *input;
long isolated; // tokens end where the inputs end: an argument is expanded by itself

struct Token *next_expanded(void);
void directive(void);
struct Token *end_of_file(void);

void push_input(struct List *tokens, struct Macro *macro)
{
    struct Input *i = alloc(sizeof(struct Input));
    i->below = input;
    i->tokens = tokens;
    i->macro = macro;
    if (macro)
        macro->off = 1;
    input = i;
}

void push_back(struct Token *t)
{
    struct List *one = new_list();
    push(one, t);
    push_input(one, 0);
}

struct Token end_token;

// The next token before expansion. Executes directives on the way.
struct Token *next_raw(void)
{
    while (input) {
        if (input->at < input->tokens->length) {
            input->at++;
            return input->tokens->items[input->at - 1];
        }
        if (input->macro)
            input->macro->off = 0;
        input = input->below;
    }
    if (isolated) {
        end_token.kind = T_END;
        end_token.text = "";
        return &end_token;
    }
    for (;;) {
        struct Token *t = lex();
        if (t->kind == '#' && t->first && !in_directive) {
            directive();
        } else if (t->kind == T_END) {
            t = end_of_file();
            if (t)
                return t;
        } else {
            return t;
        }
    }
}

struct Token *copy_token(struct Token *t)
{
    struct Token *copy = alloc(sizeof(struct Token));
    copy_bytes((char *)copy, (char *)t, sizeof(struct Token));
    return copy;
}

// The index of `name` among the parameters, or -1.
long parameter_index(struct Macro *m, struct Name *name)
{
    long i;
    if (m->kind == M_FUNCTION && name)
        for (i = 0; i < m->parameters->length; i++)
            if (m->parameters->items[i] == name)
                return i;
    return -1;
}

// The tokens of each argument. The opening parenthesis has been read.
struct List *read_arguments(struct Macro *m, struct Name *name)
{
    struct List *all = new_list();
    struct List *one = new_list();
    long depth = 0;
    long wanted = m->parameters->length;
    for (;;) {
        struct Token *t = next_raw();
        if (t->kind == T_END || t->kind == T_LINE_END)
            fail_name("expected `)` after the arguments of macro", name);
        if (depth == 0 && t->kind == ')')
            break;
        if (depth == 0 && t->kind == ',' && !(m->variadic && all->length == wanted - 1)) {
            push(all, one);
            one = new_list();
        } else {
            if (t->kind == '(')
                depth++;
            if (t->kind == ')')
                depth--;
            push(one, t);
        }
    }
    if (wanted > 0 || one->length > 0 || all->length > 0)
        push(all, one);
    // The variable arguments can be omitted together with their comma.
    if (m->variadic && all->length == wanted - 1)
        push(all, new_list());
    if (all->length != wanted)
        fail_name("wrong number of arguments for macro", name);
    return all;
}

// Nested arguments are expanded by nested calls of expand_list.
enum { MAX_ARGUMENT_NESTING = 1000 };

long argument_nesting;

// Expands a list of tokens to its end.
struct List *expand_list(struct List *tokens)
{
    struct Input *input_before = input;
    long isolated_before = isolated;
    struct List *out = new_list();
    argument_nesting++;
    if (argument_nesting > MAX_ARGUMENT_NESTING)
        fail("macros are nested too deeply");
    input = 0;
    isolated = 1;
    push_input(tokens, 0);
    for (;;) {
        struct Token *t = next_expanded();
        if (t->kind == T_END)
            break;
        push(out, t);
    }
    input = input_before;
    isolated = isolated_before;
    argument_nesting--;
    return out;
}

// The text of tokens, one blank where there was white space.
void spell(struct Buffer *b, struct List *tokens)
{
    long i;
    for (i = 0; i < tokens->length; i++) {
        struct Token *t = tokens->items[i];
        if (i > 0 && (t->space || t->first))
            add_byte(b, ' ');
        add_bytes(b, t->text, t->length);
    }
}

// A string literal with that text, escaped with \.
struct Token *quote(struct List *tokens)
{
    struct Buffer *b = alloc(sizeof(struct Buffer));
    long i;
    long n;
    add_byte(b, '"');
    for (i = 0; i < tokens->length; i++) {
        struct Token *t = tokens->items[i];
        long quoted = t->kind == T_STRING || t->kind == T_CHARACTER;
        if (i > 0 && (t->space || t->first))
            add_byte(b, ' ');
        for (n = 0; n < t->length; n++) {
            if (quoted && (t->text[n] == '"' || t->text[n] == '\\'))
                add_byte(b, '\\');
            add_byte(b, t->text[n]);
        }
    }
    add_byte(b, '"');
    struct Token *made = alloc(sizeof(struct Token));
    made->kind = T_STRING;
    made->text = b->bytes;
    made->length = b->length;
    return made;
}

// Scans `text`, which must be exactly one token.
struct Token *token_of(char *text, long length)
{
    struct File *f = alloc(sizeof(struct File));
    long in_directive_before = in_directive;
    f->below = file;
    f->name = file->name;
    f->line = file->line;
    f->at = copy_text(text, length);
    f->end = f->at + length;
    file = f;
    in_directive = 1;
    struct Token *t = lex();
    long whole = f->at == f->end && t->length == length;
    file = f->below;
    in_directive = in_directive_before;
    if (!whole)
        fail_about("pasting does not give a valid token:", text, length, "");
    return t;
}

struct Token *paste(struct Token *a, struct Token *b)
{
    struct Buffer *text = alloc(sizeof(struct Buffer));
    add_bytes(text, a->text, a->length);
    add_bytes(text, b->text, b->length);
    struct Token *t = token_of(text->bytes, text->length);
    t->space = a->space;
    return t;
}

// Pushes tokens, the first with the white space of the place that they are put at.
void push_all(struct List *out, struct List *tokens, struct Token *place)
{
    long i;
    for (i = 0; i < tokens->length; i++) {
        struct Token *t = tokens->items[i];
        if (i == 0 && t->space != place->space) {
            t = copy_token(t);
            t->space = place->space;
        }
        push(out, t);
    }
}

// Pastes `tokens` to what is last in `out`; empty tells that an operand had no tokens at all.
void paste_all(struct List *out, struct List *tokens, struct Token *place, long left_empty)
{
    long i;
    if (left_empty) {
        push_all(out, tokens, place);
        return;
    }
    for (i = 0; i < tokens->length; i++)
        if (i == 0)
            out->items[out->length - 1] = paste(out->items[out->length - 1], tokens->items[0]);
        else
            push(out, tokens->items[i]);
}

struct List *list_of(struct Token *t)
{
    struct List *list = new_list();
    push(list, t);
    return list;
}

// The body with the arguments in their places. `#` and `##` take them as they are, the rest takes them expanded.
struct List *substitute(struct Macro *m, struct List *arguments)
{
    struct List *out = new_list();
    struct List *expanded = new_list();
    long i;
    long empty = 0; // the operand to the left of a ## had no tokens
    for (i = 0; arguments && i < arguments->length; i++)
        push(expanded, 0);
    for (i = 0; i < m->body->length; i++) {
        struct Token *t = m->body->items[i];
        struct Token *next = 0;
        if (i + 1 < m->body->length)
            next = m->body->items[i + 1];
        long pasted = i > 0 && ((struct Token *)m->body->items[i - 1])->kind == P_PASTE;
        long parameter = parameter_index(m, t->name);
        struct List *tokens;
        if (t->kind == P_PASTE)
            continue;
        if (t->kind == '#' && m->kind == M_FUNCTION) {
            i++;
            struct Token *text = quote(arguments->items[parameter_index(m, next->name)]);
            text->space = t->space;
            tokens = list_of(text);
            next = 0;
            if (i + 1 < m->body->length)
                next = m->body->items[i + 1];
        } else if (parameter >= 0 && (pasted || next && next->kind == P_PASTE)) {
            tokens = arguments->items[parameter];
            // GNU: `, ## __VA_ARGS__` takes the comma away with the arguments, and pastes nothing otherwise.
            if (pasted && i > 1 && m->variadic && parameter == m->parameters->length - 1
                && ((struct Token *)m->body->items[i - 2])->kind == ',') {
                if (tokens->length == 0)
                    out->length--;
                else
                    push_all(out, expand_list(tokens), t);
                continue;
            }
        } else if (parameter >= 0) {
            if (!expanded->items[parameter])
                expanded->items[parameter] = expand_list(arguments->items[parameter]);
            tokens = expanded->items[parameter];
        } else {
            tokens = list_of(t);
        }
        if (pasted) {
            paste_all(out, tokens, t, empty);
            empty = empty && tokens->length == 0;
        } else {
            push_all(out, tokens, t);
            empty = tokens->length == 0;
        }
    }
    return out;
}

struct Token *built_in_token(struct Macro *m)
{
    struct Buffer *b = alloc(sizeof(struct Buffer));
    if (m->kind == M_LINE) {
        char digits[NUMBER_ROOM];
        long at = NUMBER_ROOM;
        long n = file->line;
        do {
            at--;
            digits[at] = '0' + n % 10;
            n /= 10;
        } while (n);
        add_bytes(b, &digits[at], NUMBER_ROOM - at);
    } else {
        add_byte(b, '"');
        long i;
        for (i = 0; file->name[i]; i++) {
            if (file->name[i] == '"' || file->name[i] == '\\')
                add_byte(b, '\\');
            add_byte(b, file->name[i]);
        }
        add_byte(b, '"');
    }
    return token_of(b->bytes, b->length);
}

// The next token with all macros expanded.
struct Token *next_expanded(void)
{
    long space = 0; // there was white space before a macro that expanded to nothing
    for (;;) {
        struct Token *t = next_raw();
        struct Macro *m = 0;
        if (space && !t->space) {
            t = copy_token(t);
            t->space = 1;
        }
        if (t->kind == T_NAME && !t->painted)
            m = t->name->macro;
        if (!m)
            return t;
        if (m->off) {
            t = copy_token(t);
            t->painted = 1;
            return t;
        }
        struct List *arguments = 0;
        if (m->kind == M_LINE || m->kind == M_FILE) {
            struct Token *made = built_in_token(m);
            made->space = t->space;
            return made;
        }
        if (m->kind == M_FUNCTION) {
            struct Token *after = next_raw();
            if (after->kind != '(') {
                if (after != &end_token)
                    push_back(after);
                return t;
            }
            arguments = read_arguments(m, t->name);
        }
        struct List *made = substitute(m, arguments);
        space = t->space || t->first;
        if (made->length > 0) {
            struct Token *head = copy_token(made->items[0]);
            head->space = space;
            head->first = 0;
            made->items[0] = head;
        }
        push_input(made, m);
    }
}
