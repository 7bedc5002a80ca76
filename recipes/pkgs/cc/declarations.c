// Declarations: type specifiers, structs, enums, declarators, attributes.

long storage;          // K_TYPEDEF, K_EXTERN, K_STATIC, K_AUTO, K_REGISTER or 0, of the specifiers that were read last
long is_inline;
long of_function;      // a word that only a function may have: `inline` or `_Noreturn`
long known_tag;        // what was read last is a struct, union or enum that is declared before and not defined here
long declares;         // a tag, or the constants of an enum: the declaration may have no declarator
long wanted_align;     // by __attribute__((aligned(N))), else 0
long wanted_packed;
struct Name *declared_name;

struct Type *specifiers(void);
struct Type *declarator(struct Type *base);
void refuse_bracket_words(void);

long begins_type(void)
{
    switch (token->kind) {
    case K_CHAR: case K_CONST: case K_DOUBLE: case K_ENUM: case K_FLOAT: case K_INT: case K_LONG: case K_SHORT:
    case K_SIGNED: case K_STRUCT: case K_UNION: case K_UNSIGNED: case K_VOID: case K_VOLATILE: case K_BOOL:
        return 1;
    case T_NAME:
        return token->name->sym && token->name->sym->kind == SYM_TYPE;
    }
    return 0;
}

long begins_declaration(void)
{
    switch (token->kind) {
    case K_AUTO: case K_EXTERN: case K_INLINE: case K_REGISTER: case K_STATIC: case K_TYPEDEF: case K_NORETURN:
    case K_STATIC_ASSERT: case K_ATTRIBUTE: case K_COMPLEX: case K_TYPEOF: case K_ATOMIC: case K_THREAD: case K_ALIGNAS:
        return 1;
    case K_EXTENSION:
        return token_ahead->kind != '(';
    case T_NAME:
        // A label is no type.
        return begins_type() && token_ahead->kind != ':';
    }
    return begins_type();
}

// Attributes that have no effect here.
char *harmless_attributes[] = {
    "noreturn", "unused", "used", "format", "noinline", "always_inline", "const", "pure", "malloc", "nonnull", "cold",
    "hot", "warn_unused_result", "deprecated", "nothrow", "may_alias", "returns_twice", "fallthrough", 0
};

// The name without underscores around it.
struct Name *plain_attribute(struct Name *name)
{
    long n = name->length;
    if (n > 4 && name->text[0] == '_' && name->text[1] == '_' && name->text[n - 1] == '_' && name->text[n - 2] == '_')
        return name_of(name->text + 2, n - 4);
    return name;
}

void skip_parentheses(void)
{
    long depth = 0;
    do {
        if (token->kind == '(')
            depth++;
        if (token->kind == ')')
            depth--;
        if (token->kind == T_END)
            fail_token("expected `)` before");
        advance();
    } while (depth > 0);
}

void attribute(void)
{
    long i;
    // `const` is a keyword token.
    if (!token->name)
        fail_token("expected an attribute before");
    struct Name *name = plain_attribute(token->name);
    advance();
    if (same_text(name->text, "packed")) {
        wanted_packed = 1;
        return;
    }
    if (same_text(name->text, "aligned")) {
        long align = 16;
        if (accept('(')) {
            align = constant_expression();
            expect(')', "expected `)` before");
        }
        if (align < 1 || align > 4096 || (align & (align - 1)))
            fail("invalid or unsupported alignment");
        if (align > wanted_align)
            wanted_align = align;
        return;
    }
    for (i = 0; harmless_attributes[i]; i++)
        if (same_text(name->text, harmless_attributes[i])) {
            if (token->kind == '(')
                skip_parentheses();
            return;
        }
    fail_name("unsupported attribute:", name);
}

void attributes(void)
{
    while (accept(K_ATTRIBUTE)) {
        expect('(', "expected `(` before");
        expect('(', "expected `(` before");
        while (token->kind != ')') {
            attribute();
            if (!accept(',') && token->kind != ')')
                fail_token("expected `)` before");
        }
        expect(')', "expected `)` before");
        expect(')', "expected `)` before");
    }
    if (token->kind == K_ASM)
        fail("inline assembly is not supported");
}

void refuse_function_words(void)
{
    if (of_function)
        fail("`inline` or `_Noreturn` for something that is not a function");
}

// IS_..., or 0 if the token is no qualifier.
long qualifier_of(long kind)
{
    switch (kind) {
    case K_CONST: return IS_CONST;
    case K_VOLATILE: return IS_VOLATILE;
    case K_RESTRICT: return IS_RESTRICT;
    }
    return 0;
}

// The qualifiers after a `*`, mixed with attributes.
long qualifiers(void)
{
    long found = 0;
    for (;;) {
        found = found | qualifier_of(token->kind);
        if (token->kind == K_ATTRIBUTE)
            attributes();
        else if (qualifier_of(token->kind) || token->kind == K_EXTENSION)
            advance();
        else
            return found;
    }
}

// The layout of members, as the System V ABI for x86-64 has it.
struct Layout *layout;       // that members are added to
struct Member *last_member;
long layout_bits;            // how many bits are in use
long layout_packed;

struct Member *add_member(struct Name *name, struct Type *type)
{
    struct Member *m = alloc(sizeof(struct Member));
    long offset = 0;
    if (name && find_member(layout, name, &offset))
        fail_name("duplicate member", name);
    m->name = name;
    m->type = type;
    if (is_read_only(type))
        layout->read_only = 1;
    if (last_member)
        last_member->next = m;
    else
        layout->members = m;
    last_member = m;
    return m;
}

void use_bits(long to)
{
    if (to > layout_bits)
        layout_bits = to;
    if (layout_bits / 8 > MAX_SIZE)
        fail("the struct or union is too large");
}

void use_align(long align)
{
    if (align > layout->align)
        layout->align = align;
}

void plain_member(struct Name *name, struct Type *type)
{
    long align = align_of(type);
    if (layout_packed || wanted_packed)
        align = 1;
    if (wanted_align > align)
        align = wanted_align;
    long at = round_up((layout_bits + 7) / 8, align);
    if (layout->is_union)
        at = 0;
    struct Member *m = add_member(name, type);
    m->offset = at;
    use_align(align);
    // A flexible array member has no size.
    if (type->kind != TY_ARRAY || type->length >= 0)
        use_bits((at + size_of(type)) * 8);
    else
        use_bits(at * 8);
}

void bit_field(struct Name *name, struct Type *type)
{
    long width = constant_expression();
    if (!is_integer(type))
        fail("the bit-field does not have an integer type");
    long unit = size_of(type) * 8;
    if (type->kind == TY_BOOL)
        unit = 1;
    if (width < 0 || width > unit || width == 0 && name)
        fail("the width of the bit-field is invalid for its type");
    if (width > 32 && width < 64)
        fail("bit-fields of 33 to 63 bits are not supported");
    if (layout_packed || wanted_packed || wanted_align)
        fail("packed or aligned bit-fields are not supported");
    unit = size_of(type) * 8;
    long at = layout_bits;
    if (layout->is_union)
        at = 0;
    if (width == 0 || at / unit != (at + width - 1) / unit)
        at = round_up(at, unit);
    use_bits(at + width);
    if (!name)
        return;
    struct Member *m = add_member(name, type);
    m->offset = at / unit * size_of(type);
    m->shift = at % unit;
    m->width = width;
    use_align(size_of(type));
}

void refuse_member_behind_open_array(void)
{
    if (last_member && last_member->type->kind == TY_ARRAY && last_member->type->length < 0)
        fail("a flexible array member is not the last member");
}

// The members of an anonymous struct must differ from those of the enclosing struct, at any depth.
void refuse_duplicate_members(struct Layout *inner)
{
    struct Member *m;
    long offset = 0;
    for (m = inner->members; m; m = m->next)
        if (!m->name)
            refuse_duplicate_members(m->type->layout);
        else if (find_member(layout, m->name, &offset))
            fail_name("duplicate member", m->name);
}

void member_declarators(struct Type *base)
{
    long align = wanted_align;
    long packed = wanted_packed;
    // An anonymous struct: its members are members of this one.
    if (token->kind == ';' && base->kind == TY_STRUCT && !base->layout->tag) {
        refuse_member_behind_open_array();
        refuse_duplicate_members(base->layout);
        plain_member(0, base);
        return;
    }
    if (token->kind == ';')
        fail("the member has no name");
    do {
        struct Type *type = base;
        wanted_align = align;
        wanted_packed = packed;
        declared_name = 0;
        if (token->kind != ':')
            type = declarator(base);
        refuse_bracket_words();
        struct Name *name = declared_name;
        refuse_member_behind_open_array();
        if (accept(':')) {
            bit_field(name, type);
            attributes();
            if (wanted_align || wanted_packed)
                fail("packed or aligned bit-fields are not supported");
            continue;
        }
        attributes();
        if (!name)
            fail("the member has no name");
        long open = type->kind == TY_ARRAY && type->length < 0;
        if (is_incomplete(type) && !(open && !is_incomplete(type->base) && layout->members && !layout->is_union))
            fail_name("incomplete type of member", name);
        plain_member(name, type);
    } while (accept(','));
}

void member_list(struct Layout *l)
{
    struct Layout *layout_before = layout;
    struct Member *last_before = last_member;
    long bits_before = layout_bits;
    long packed_before = layout_packed;
    layout = l;
    last_member = 0;
    layout_bits = 0;
    layout_packed = wanted_packed;
    long align = wanted_align;
    l->align = 1;
    while (!accept('}')) {
        if (accept(';'))
            continue;
        long outer_storage = storage;
        struct Type *base = specifiers();
        if (storage)
            fail("storage class in the declaration of a member");
        refuse_function_words();
        storage = outer_storage;
        member_declarators(base);
        expect(';', "expected `;` before");
    }
    wanted_align = align;
    wanted_packed = layout_packed;
    long packed_first = layout_packed;
    attributes();
    if (wanted_packed && !packed_first && l->members)
        fail("`packed` is supported only between `struct` and its name or `{`");
    use_align(wanted_align);
    wanted_align = 0;
    wanted_packed = 0;
    l->size = round_up((layout_bits + 7) / 8, l->align);
    l->complete = 1;
    layout = layout_before;
    last_member = last_before;
    layout_bits = bits_before;
    layout_packed = packed_before;
}

// alone: nothing else is written before `struct`.
struct Type *struct_specifier(long is_union, long alone)
{
    struct Name *name = 0;
    struct Type *type = 0;
    long align = wanted_align;
    long packed = wanted_packed;
    wanted_align = 0;
    wanted_packed = 0;
    advance();
    attributes();
    if (token->kind == T_NAME) {
        name = token->name;
        advance();
        struct Tag *tag = name->tag;
        // `struct S;` and `struct S {` refer to the current scope.
        if (token->kind == '{' || token->kind == ';' && alone)
            tag = tag_in_scope(name);
        if (tag) {
            type = tag->type;
            if (tag->is_enum || type->layout->is_union != is_union)
                fail_name("tag declared as another kind:", name);
        }
    } else if (token->kind != '{') {
        fail_token("expected a name or `{` before");
    }
    long known = type && token->kind != '{';
    if (!type) {
        type = new_type(TY_STRUCT);
        type->layout = alloc(sizeof(struct Layout));
        type->layout->is_union = is_union;
        type->layout->tag = name;
        if (name)
            declare_tag(name, type, 0);
    }
    if (accept('{')) {
        if (type->layout->complete || type->layout->align)
            fail_name("redefinition of", name);
        member_list(type->layout);
    } else if (wanted_align || wanted_packed) {
        fail("attributes of a struct outside of its definition");
    }
    wanted_align = align;
    wanted_packed = packed;
    known_tag = known;
    return type;
}
