// Declarations at file and block scope, and function definitions.

// Rejects an alignment that would be ignored: of a function, or of a variable that is not defined here.
void refuse_alignment(char *what, struct Name *name)
{
    if (wanted_align)
        fail_name(what, name);
}

// The innermost meaning of the name that has linkage, perhaps hidden by one without.
struct Sym *linked_sym(struct Name *name)
{
    struct Sym *s = name->sym;
    while (s && !s->is_linked)
        s = s->outer;
    return s;
}

// The object that a declaration with linkage refers to. before: the earlier meaning of the name, or 0.
struct Object *linked_object(struct Name *name, struct Type *type, struct Sym *before, long is_static)
{
    struct Object *o = name->object;
    if (before)
        o = before->object;
    // Another function of this file may have declared it.
    if (is_static && o && !o->is_static && (before || o->told_in == file_number))
        fail_name("static declaration follows non-static declaration of", name);
    if (before || o && !is_static)
        return o;
    o = new_object(name, type);
    o->is_static = is_static;
    if (!is_static)
        name->object = o;
    return o;
}

// Declares a name with linkage: a function, a variable at file scope, or an extern variable in a block.
struct Sym *declare_linked(struct Name *name, struct Type *type, long is_static)
{
    struct Sym *s = sym_in_scope(name);
    struct Sym *before = linked_sym(name);
    if (s && !s->is_linked)
        fail_name("redeclaration of", name);
    struct Object *o = linked_object(name, type, before, is_static);
    // Other scopes of this file may have declared it, too. Declarations in other files are not compared.
    if (before && !same_type(before->type, type) || o->told_in == file_number && !same_type(o->type, type))
        fail_name("conflicting types for", name);
    if (o->told_in == file_number)
        o->type = composite(o->type, type);
    else
        o->type = type;
    o->told_in = file_number;
    // Only a visible declaration contributes to the type here.
    if (before && name->sym == before)
        type = composite(before->type, type);
    if (!s) {
        s = declare(name, SYM_OBJECT, type);
        s->is_linked = 1;
        s->object = o;
    }
    s->type = type;
    return s;
}

void define_once(struct Object *o)
{
    if (o->section != SECTION_NONE)
        fail_name("redefinition of", o->name);
}

// Tags and enumeration constants declared among the parameters are visible in the body of the function.
void declare_prototype(struct Scope *prototype)
{
    struct Sym *s;
    struct Tag *t;
    if (!prototype)
        return;
    for (s = prototype->syms; s; s = s->next)
        if (s->kind == SYM_CONSTANT)
            declare(s->name, SYM_CONSTANT, s->type)->value = s->value;
    for (t = prototype->tags; t; t = t->next)
        declare_tag(t->name, t->type, t->is_enum);
}

void declare_parameters(struct Type *type)
{
    long at = FIRST_ARGUMENT;
    struct Parameter *p;
    if (type->base->kind == TY_STRUCT)
        at += 8;
    for (p = type->parameters; p; p = p->next) {
        if (!p->name)
            fail("the parameter has no name");
        if (is_incomplete(p->type))
            fail_name("incomplete type of parameter", p->name);
        struct Sym *s = declare(p->name, SYM_LOCAL, p->type);
        s->offset = at;
        s->is_register = p->is_register;
        at += slot_size(p->type);
    }
}

void function_definition(struct Sym *s, struct Type *type)
{
    struct Object *o = s->object;
    define_once(o);
    if (is_incomplete(type->base) && type->base->kind != TY_VOID)
        fail("incomplete return type");
    if (type->no_prototype) {
        if (s->type->parameters || s->type->variadic)
            fail_name("conflicting types for", s->name);
        // From here on it is known to have no parameters.
        o->type->is_definition = 1;
        s->type->is_definition = 1;
    }
    function_type = type;
    function_name = s->name;
    function_name_object = 0;
    begin_function(o);
    enter_scope();
    declare_prototype(type->prototype);
    declare_parameters(type);
    advance();
    block();
    leave_scope();
    check_labels();
    end_function();
    function_type = 0;
}

void declare_typedef(struct Name *name, struct Type *type)
{
    struct Sym *s = sym_in_scope(name);
    if (wanted_align || wanted_packed)
        fail_name("`aligned` or `packed` is not supported for type", name);
    if (s && (s->kind != SYM_TYPE || !same_type(s->type, type)))
        fail_name("redeclaration of", name);
    if (!s)
        declare(name, SYM_TYPE, type);
}

void define_variable(struct Sym *s)
{
    struct Object *o = s->object;
    define_once(o);
    long align = wanted_align;
    s->type = read_initialiser(s->type);
    if (!same_type(o->type, s->type))
        fail_name("conflicting types for", s->name);
    o->type = s->type;
    o->tentative = 0;
    wanted_align = align;
    initialise_object(o);
}

void file_variable(struct Name *name, struct Type *type)
{
    long is_extern = storage == K_EXTERN;
    if (type->kind == TY_VOID)
        fail_name("variable of type void:", name);
    struct Sym *s = declare_linked(name, type, storage == K_STATIC);
    if (!storage && s->object->is_static)
        fail_name("non-static declaration follows static declaration of", name);
    if (accept('=')) {
        define_variable(s);
    } else if (!is_extern) {
        if (s->object->section == SECTION_NONE)
            s->object->tentative = 1;
        else if (s->object->defined_in != file_number)
            fail_name("redefinition of", name);
        refuse_alignment("`aligned` is supported only with an initialiser:", name);
    } else {
        refuse_alignment("`aligned` is supported only with an initialiser:", name);
    }
}

// Whether a declaration ends after its specifiers.
long nothing_declared(void)
{
    if (token->kind != ';')
        return 0;
    if (!declares)
        fail("the declaration declares nothing");
    refuse_function_words();
    advance();
    return 1;
}

void static_assertion(void)
{
    expect('(', "expected `(` before");
    long holds = constant_expression();
    if (accept(',')) {
        if (token->kind != T_STRING)
            fail_token("expected a string before");
        if (!holds)
            fail_about("static assertion failed:", token->text, token->length, "");
        advance();
    }
    if (!holds)
        fail("static assertion failed");
    expect(')', "expected `)` before");
    expect(';', "expected `;` before");
}

// Tentative definitions become variables that are zero.
void define_tentative(void)
{
    struct Object *o;
    for (o = objects; o; o = o->next)
        if (o->tentative) {
            o->tentative = 0;
            if (o->type->kind == TY_ARRAY && o->type->length < 0)
                o->type = array_of(o->type->base, 1);
            if (is_incomplete(o->type))
                fail_name("incomplete type of", o->name);
            wanted_align = 0;
            if (o->section != SECTION_NONE)
                fail_name("redefinition of", o->name);
            place_object(o, SECTION_ZERO);
        }
}

void file_declaration(void)
{
    if (accept(';'))
        return;
    if (accept(K_STATIC_ASSERT)) {
        static_assertion();
        return;
    }
    struct Type *base = specifiers();
    long inline_function = is_inline;
    long function_word = of_function;
    long first = 1;
    long class = storage;
    long align = wanted_align;
    if (class == K_AUTO || class == K_REGISTER)
        fail("`auto` and `register` are not allowed at file scope");
    if (nothing_declared())
        return;
    do {
        storage = class;
        wanted_align = align;
        struct Type *type = declarator(base);
        struct Name *name = declared_name;
        of_function = function_word && (class == K_TYPEDEF || type->kind != TY_FUNCTION);
        refuse_function_words();
        refuse_bracket_words();
        if (!name)
            fail_token("expected a name before");
        attributes();
        if (class == K_TYPEDEF) {
            declare_typedef(name, type);
        } else if (type->kind == TY_FUNCTION) {
            // An inline function that is not extern is visible in this file only.
            refuse_alignment("`aligned` is not supported for functions:", name);
            long own = class == K_STATIC || inline_function && class != K_EXTERN && !sym_in_scope(name);
            struct Sym *s = declare_linked(name, type, own);
            if (first && token->kind == '{') {
                // The parameters of a typedef cannot be used in a body.
                if (type == base)
                    fail_name("a function definition cannot take its parameters from a typedef:", name);
                function_definition(s, type);
                return;
            }
        } else {
            file_variable(name, type);
        }
        first = 0;
    } while (accept(','));
    expect(';', "expected `;` before");
}

void local_variable(struct Name *name, struct Type *type)
{
    long align = wanted_align;
    if (sym_in_scope(name))
        fail_name("redeclaration of", name);
    // A long double would be aligned to 16, but 8 suffices.
    if (align > 8 || !is_incomplete(type) && align_of(type) > 16)
        fail("local variables aligned to more than 8 bytes are not supported");
    struct Sym *s = declare(name, SYM_LOCAL, type);
    s->is_register = storage == K_REGISTER;
    if (!accept('=')) {
        if (is_incomplete(type))
            fail_name("incomplete type of", name);
        s->offset = new_local(type);
        return;
    }
    if (type->kind == TY_ARRAY && type->length < 0) {
        // The length is only known after the values.
        s->type = read_initialiser(type);
        s->offset = new_local(s->type);
    } else {
        if (is_incomplete(type))
            fail_name("incomplete type of", name);
        s->offset = new_local(type);
        read_initialiser(type);
    }
    generate_effect(local_initialiser(local_node(s->offset, s->type)));
}

void local_static(struct Name *name, struct Type *type)
{
    if (sym_in_scope(name))
        fail_name("redeclaration of", name);
    struct Object *o = new_object(name, type);
    o->is_static = 1;
    struct Sym *s = declare(name, SYM_OBJECT, type);
    s->object = o;
    if (accept('=')) {
        define_variable(s);
    } else {
        if (is_incomplete(type))
            fail_name("incomplete type of", name);
        place_object(o, SECTION_ZERO);
    }
}

void local_linked(struct Name *name, struct Type *type)
{
    if (type->kind == TY_FUNCTION)
        refuse_alignment("`aligned` is not supported for functions:", name);
    refuse_alignment("`aligned` is supported only with an initialiser:", name);
    if (storage && storage != K_EXTERN)
        fail_name("invalid storage class for a function in a block:", name);
    struct Sym *before = linked_sym(name);
    if (type->kind != TY_FUNCTION && before && before != name->sym && before->object->is_static)
        fail_name("non-static declaration follows static declaration of", name);
    declare_linked(name, type, 0);
}

void local_declaration(void)
{
    if (accept(K_STATIC_ASSERT)) {
        static_assertion();
        return;
    }
    struct Type *base = specifiers();
    long function_word = of_function;
    long class = storage;
    long align = wanted_align;
    if (nothing_declared())
        return;
    do {
        storage = class;
        wanted_align = align;
        struct Type *type = declarator(base);
        struct Name *name = declared_name;
        of_function = function_word && (class == K_TYPEDEF || type->kind != TY_FUNCTION);
        refuse_function_words();
        refuse_bracket_words();
        if (!name)
            fail_token("expected a name before");
        attributes();
        if (class == K_TYPEDEF)
            declare_typedef(name, type);
        else if (type->kind == TY_FUNCTION || class == K_EXTERN)
            local_linked(name, type);
        else if (type->kind == TY_VOID)
            fail_name("variable of type void:", name);
        else if (class == K_STATIC)
            local_static(name, type);
        else
            local_variable(name, type);
    } while (accept(','));
    expect(';', "expected `;` before");
}
