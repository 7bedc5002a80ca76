// What names mean: objects and functions of the whole program, and the scopes of one file.

enum { SECTION_NONE, SECTION_CODE, SECTION_TEXT, SECTION_DATA, SECTION_ZERO };

// A function or a variable with an address that is fixed in the program.
struct Object {
    struct Object *next;  // in the order in which they were met
    struct Name *name;    // 0 for strings and the like
    struct Type *type;
    long told_in;         // the number of the file that told its type last; the type is what all its scopes told
    long section;         // SECTION_NONE while it is not defined
    long offset;
    long is_static;
    long tentative;       // `int x;` of this file, zeroes unless a definition follows
    long defined_in;      // the number of the file that defines it
    long used;
    char *used_file;      // where it was first asked for
    long used_line;
};

enum { SYM_OBJECT, SYM_LOCAL, SYM_TYPE, SYM_CONSTANT };

struct Sym {
    long kind;
    struct Name *name;
    struct Type *type;
    struct Object *object;  // of a SYM_OBJECT
    long offset;            // of a SYM_LOCAL from rbp
    long value;             // of a SYM_CONSTANT
    long is_linked;         // what it means can be declared again, in other scopes, too
    long is_register;       // it has no address that a program may take
    struct Sym *outer;      // what the name means around this scope
    struct Sym *next;       // declared before it in the same scope
};

struct Tag {
    struct Name *name;
    struct Type *type;
    long is_enum;
    struct Tag *outer;
    struct Tag *next;
};

struct Scope {
    struct Scope *outer;
    struct Sym *syms;
    struct Tag *tags;
    long frame;   // how much of the frame was in use when it began
};

long file_number; // of the file that is compiled
struct Scope *scope;
struct Scope *file_scope;
struct Object *objects;
struct Object *last_object;

struct Object *new_object(struct Name *name, struct Type *type)
{
    struct Object *o = alloc(sizeof(struct Object));
    o->name = name;
    o->type = type;
    if (last_object)
        last_object->next = o;
    else
        objects = o;
    last_object = o;
    return o;
}

void enter_scope(void)
{
    struct Scope *s = alloc(sizeof(struct Scope));
    s->outer = scope;
    scope = s;
}

void leave_scope(void)
{
    struct Sym *s;
    struct Tag *t;
    for (s = scope->syms; s; s = s->next)
        s->name->sym = s->outer;
    for (t = scope->tags; t; t = t->next)
        t->name->tag = t->outer;
    scope = scope->outer;
}

// What the name means in the innermost scope itself, or 0.
struct Sym *sym_in_scope(struct Name *name)
{
    struct Sym *s;
    // The innermost meaning is in this scope, or none is.
    if (!name->sym)
        return 0;
    for (s = scope->syms; s; s = s->next)
        if (s == name->sym)
            return s;
    return 0;
}

struct Sym *declare(struct Name *name, long kind, struct Type *type)
{
    struct Sym *s = alloc(sizeof(struct Sym));
    s->kind = kind;
    s->name = name;
    s->type = type;
    s->outer = name->sym;
    s->next = scope->syms;
    scope->syms = s;
    name->sym = s;
    return s;
}

struct Tag *tag_in_scope(struct Name *name)
{
    struct Tag *t;
    for (t = scope->tags; t; t = t->next)
        if (t->name == name)
            return t;
    return 0;
}

struct Tag *declare_tag(struct Name *name, struct Type *type, long is_enum)
{
    struct Tag *t = alloc(sizeof(struct Tag));
    t->name = name;
    t->type = type;
    t->is_enum = is_enum;
    t->outer = name->tag;
    t->next = scope->tags;
    scope->tags = t;
    name->tag = t;
    return t;
}

void use_object(struct Object *o)
{
    if (o->used)
        return;
    o->used = 1;
    o->used_file = here_file;
    o->used_line = here_line;
}
