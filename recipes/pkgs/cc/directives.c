// The directives: #define, #undef, #include, conditions, #error, #line. Unknown ones are errors, and so is #pragma
// (except `once`), because ignoring it could change the meaning of the program.

enum { MAX_FILES = 200, PATH_ROOM = 4096 };

// An #if whose #endif has not been read yet.
struct Condition {
    struct Condition *outer;
    long taken;   // one of its groups was read, or is
    long in_else;
    long line;
};

struct List *include_folders; // char *
struct List *once_files;      // char *
long files_open;

// The rest of the directive's line.
struct List *read_line(void)
{
    struct List *line = new_list();
    for (;;) {
        struct Token *t = lex();
        if (t->kind == T_LINE_END)
            return line;
        push(line, t);
    }
}

void want_line_end(char *directive)
{
    if (lex()->kind != T_LINE_END)
        fail_about("unexpected tokens after", directive, text_length(directive), "");
}

struct Name *read_macro_name(void)
{
    struct Token *t = lex();
    if (t->kind != T_NAME)
        fail("expected the name of a macro");
    if (t->name == name_of_text("defined"))
        fail("`defined` cannot be the name of a macro");
    return t->name;
}

void read_parameters(struct Macro *m)
{
    struct Token *t = lex();
    if (t->kind == ')')
        return;
    for (;;) {
        struct Name *name = t->name;
        if (t->kind == P_ELLIPSIS) {
            m->variadic = 1;
            name = name_of_text("__VA_ARGS__");
        } else if (t->kind != T_NAME) {
            fail("expected the name of a macro parameter");
        }
        if (parameter_index(m, name) >= 0)
            fail_name("duplicate parameter", name);
        push(m->parameters, name);
        t = lex();
        // GNU: a name before the dots.
        if (t->kind == P_ELLIPSIS && !m->variadic) {
            m->variadic = 1;
            t = lex();
        }
        if (t->kind == ')')
            return;
        if (t->kind != ',' || m->variadic)
            fail("expected `)` after the parameters of a macro");
        t = lex();
    }
}

long same_list(struct List *a, struct List *b)
{
    long i;
    if (a->length != b->length)
        return 0;
    for (i = 0; i < a->length; i++)
        if (a->items[i] != b->items[i])
            return 0;
    return 1;
}

long same_macro(struct Macro *a, struct Macro *b)
{
    long i;
    if (a->kind != b->kind || a->variadic != b->variadic || a->body->length != b->body->length)
        return 0;
    if (a->kind == M_FUNCTION && !same_list(a->parameters, b->parameters))
        return 0;
    for (i = 0; i < a->body->length; i++) {
        struct Token *s = a->body->items[i];
        struct Token *t = b->body->items[i];
        if (s->length != t->length || !same_bytes(s->text, t->text, s->length) || i > 0 && s->space != t->space)
            return 0;
    }
    return 1;
}

void check_body(struct Macro *m)
{
    struct List *body = m->body;
    long i;
    for (i = 0; i < body->length; i++) {
        struct Token *t = body->items[i];
        struct Token *next = 0;
        if (i + 1 < body->length)
            next = body->items[i + 1];
        if (t->kind == P_PASTE && (i == 0 || !next))
            fail("`##` at the start or end of a macro");
        if (t->kind == '#' && m->kind == M_FUNCTION && (!next || parameter_index(m, next->name) < 0))
            fail("`#` is not followed by a macro parameter");
    }
}

void define(void)
{
    struct Name *name = read_macro_name();
    struct Macro *m = alloc(sizeof(struct Macro));
    m->kind = M_OBJECT;
    m->parameters = new_list();
    if (*file->at == '(') {
        lex();
        m->kind = M_FUNCTION;
        read_parameters(m);
    }
    m->body = read_line();
    check_body(m);
    if (name->macro && !same_macro(name->macro, m))
        fail_name("conflicting definition of macro", name);
    name->macro = m;
}

// FOLDER/NAME, or only NAME without a folder.
char *join_path(char *folder, long folder_length, char *name, long length)
{
    char *path = alloc(folder_length + length + 2);
    copy_bytes(path, folder, folder_length);
    if (folder_length > 0 && folder[folder_length - 1] != '/') {
        path[folder_length] = '/';
        folder_length++;
    }
    copy_bytes(path + folder_length, name, length);
    return path;
}

// Opens the file if it exists.
long try_include(char *path)
{
    long i;
    for (i = 0; i < once_files->length; i++)
        if (same_text(once_files->items[i], path))
            return 1;
    char *text = read_file(path);
    if (!text && file_length < 0) {
        if (!file)
            refuse("cannot read", path);
        fail_about("cannot read", path, text_length(path), "");
    }
    if (!text)
        return 0;
    if (files_open == MAX_FILES)
        fail("#include nested too deeply");
    if (text_length(text) != file_length)
        fail_about("NUL byte in", path, text_length(path), "");
    files_open++;
    open_text(path, text, file_length);
    return 1;
}

void include_named(char *name, long length, long quoted)
{
    long i;
    long folder = 0;
    if (quoted && name[0] != '/') {
        for (i = 0; file->name[i]; i++)
            if (file->name[i] == '/')
                folder = i + 1;
        if (try_include(join_path(file->name, folder, name, length)))
            return;
    }
    if (name[0] == '/') {
        if (try_include(copy_text(name, length)))
            return;
    } else {
        for (i = 0; i < include_folders->length; i++) {
            char *where = include_folders->items[i];
            if (try_include(join_path(where, text_length(where), name, length)))
                return;
        }
    }
    fail_about("no such include file:", name, length, "");
}

void include(void)
{
    skip_blanks();
    if (*file->at == '<') {
        char *name = file->at + 1;
        long n = 0;
        while (name[n] != '>') {
            if (name[n] == '\n' || name[n] == 0)
                fail("expected `>` after the file name");
            n++;
        }
        file->at = name + n + 1;
        want_line_end("#include");
        in_directive = 0;
        include_named(name, n, 0);
        return;
    }
    struct List *line = read_line();
    struct Token *t = 0;
    if (line->length > 0)
        t = line->items[0];
    if (t && t->kind != T_STRING) {
        line = expand_list(line);
        if (line->length > 0)
            t = line->items[0];
    }
    in_directive = 0;
    if (t && t->kind == T_STRING && line->length == 1) {
        include_named(t->text + 1, t->length - 2, 1);
    } else if (t && t->kind == '<') {
        struct Buffer *b = alloc(sizeof(struct Buffer));
        spell(b, line);
        if (b->bytes[b->length - 1] != '>')
            fail("expected `>` after the file name");
        include_named(b->bytes + 1, b->length - 2, 0);
    } else {
        fail("#include expects \"NAME\" or <NAME>");
    }
}

void skip_group(void);

void begin_condition(long holds)
{
    struct Condition *c = alloc(sizeof(struct Condition));
    c->outer = file->conditions;
    c->line = file->line;
    c->taken = holds != 0;
    file->conditions = c;
    if (!holds)
        skip_group();
}

void want_condition(char *directive)
{
    if (!file->conditions)
        fail_about("missing #if before", directive, text_length(directive), "");
    if (directive[2] == 'l' && file->conditions->in_else)
        fail_about("unexpected after #else:", directive, text_length(directive), "");
}

// A directive between groups, found while skipping one: 1 if the group after it is read.
long ends_skipping(struct Name *name)
{
    struct Condition *c = file->conditions;
    if (name == name_of_text("endif")) {
        want_line_end("#endif");
        file->conditions = c->outer;
        return 1;
    }
    if (name == name_of_text("else")) {
        want_condition("#else");
        want_line_end("#else");
        c->in_else = 1;
        if (c->taken)
            return 0;
        c->taken = 1;
        return 1;
    }
    if (name == name_of_text("elif")) {
        want_condition("#elif");
        if (c->taken)
            return 0;
        in_skipped = 0;
        c->taken = condition_value(read_line()) != 0;
        in_skipped = 1;
        return c->taken;
    }
    return 0;
}

void skip_to_line_end(void)
{
    while (lex()->kind != T_LINE_END)
        ;
}

// Skips a group whose condition is false, up to the directive that ends it.
void skip_group(void)
{
    long depth = 0;
    struct Name *name_if = name_of_text("if");
    struct Name *name_ifdef = name_of_text("ifdef");
    struct Name *name_ifndef = name_of_text("ifndef");
    struct Name *name_endif = name_of_text("endif");
    in_skipped = 1;
    for (;;) {
        skip_to_line_end();
        in_directive = 0;
        skip_blanks();
        in_directive = 1;
        if (file->at >= file->end) {
            here_line = file->conditions->line;
            fail("#if without #endif");
        }
        if (lex()->kind != '#')
            continue;
        struct Token *t = lex();
        if (t->name == name_if || t->name == name_ifdef || t->name == name_ifndef) {
            depth++;
        } else if (depth > 0) {
            if (t->name == name_endif)
                depth--;
        } else if (t->name && ends_skipping(t->name)) {
            break;
        }
    }
    in_skipped = 0;
}

void set_line(void)
{
    struct List *line = expand_list(read_line());
    if (line->length < 1 || line->length > 2 || ((struct Token *)line->items[0])->kind != T_NUMBER)
        fail("#line expects a number");
    if (line->length == 2) {
        struct Buffer *b = alloc(sizeof(struct Buffer));
        struct Token *t = line->items[1];
        if (t->kind != T_STRING)
            fail("#line expects a quoted file name after the number");
        add_string(b, t);
        file->name = copy_text(b->bytes, b->length);
    }
    // The line end has not been read yet and adds one.
    file->line = integer_constant(line->items[0]) - 1;
}

void pragma(void)
{
    struct List *line = read_line();
    struct Token *t = 0;
    if (line->length == 1)
        t = line->items[0];
    if (!t || t->name != name_of_text("once"))
        fail("unsupported #pragma");
    push(once_files, file->name);
}

// After the `#`.
void directive(void)
{
    in_directive = 1;
    struct Token *t = lex();
    struct Name *name = t->name;
    if (t->kind == T_LINE_END) {
        in_directive = 0;
        return;
    }
    if (!name)
        fail("expected the name of a directive after `#`");
    if (same_text(name->text, "define")) {
        define();
    } else if (same_text(name->text, "undef")) {
        struct Name *undefined = read_macro_name();
        want_line_end("#undef");
        undefined->macro = 0;
    } else if (same_text(name->text, "include")) {
        include();
    } else if (same_text(name->text, "if")) {
        begin_condition(condition_value(read_line()));
    } else if (same_text(name->text, "ifdef") || same_text(name->text, "ifndef")) {
        struct Name *asked = read_macro_name();
        want_line_end("the name");
        begin_condition((asked->macro != 0) == (name->text[2] == 'd'));
    } else if (same_text(name->text, "elif") || same_text(name->text, "else")) {
        // The previous group was read, so the rest is skipped.
        if (name->text[2] == 'i')
            want_condition("#elif");
        else
            want_condition("#else");
        if (name->text[2] == 's') {
            want_line_end("#else");
            file->conditions->in_else = 1;
        }
        skip_group();
    } else if (same_text(name->text, "endif")) {
        if (!file->conditions)
            fail("#endif without #if");
        want_line_end("#endif");
        file->conditions = file->conditions->outer;
    } else if (same_text(name->text, "error")) {
        struct Buffer *b = alloc(sizeof(struct Buffer));
        add_text(b, "#error");
        add_byte(b, ' ');
        spell(b, read_line());
        add_byte(b, 0);
        fail(b->bytes);
    } else if (same_text(name->text, "line")) {
        set_line();
    } else if (same_text(name->text, "pragma")) {
        pragma();
    } else {
        fail_name("unknown directive", name);
    }
    in_directive = 0;
}

// The end of a file: continues with the file that includes it, or returns T_END.
struct Token *end_of_file(void)
{
    if (file->conditions) {
        here_line = file->conditions->line;
        fail("#if without #endif");
    }
    if (file->below) {
        file = file->below;
        files_open--;
        return 0;
    }
    struct Token *t = alloc(sizeof(struct Token));
    t->kind = T_END;
    t->text = "";
    t->first = 1;
    return t;
}

void define_built_in(char *name, long kind)
{
    struct Macro *m = alloc(sizeof(struct Macro));
    m->kind = kind;
    m->body = new_list();
    name_of_text(name)->macro = m;
}

// Reads text that is nothing but directives: what -D and the compiler define.
void read_definitions(char *text)
{
    file = 0;
    open_text("-D", copy_text(text, text_length(text)), text_length(text));
    if (next_raw()->kind != T_END)
        fail("-D expects NAME or NAME=VALUE");
}

// Every file starts with the same macros.
void begin_file(char *path, char *definitions)
{
    long i;
    for (i = 0; i < NAME_BUCKETS; i++) {
        struct Name *n;
        for (n = name_buckets[i]; n; n = n->next)
            n->macro = 0;
    }
    define_built_in("__LINE__", M_LINE);
    define_built_in("__FILE__", M_FILE);
    once_files = new_list();
    input = 0;
    files_open = 0;
    read_definitions(definitions);
    file = 0;
    if (!try_include(path))
        refuse("cannot open", path);
}
