// Initialisers: how the values that are written belong to the members and elements of a type. The list of them becomes
// the bytes of a global, or the assignments to a local variable.

struct Node *ready_value; // an expression that was read before it was known what it initialises

void initialiser(struct Type *type, long offset);
long array_rest(struct Type *type, long offset, long index, long braced);
void struct_rest(struct Type *type, long offset, struct Member *m, long braced);

struct Node *take_value(void)
{
    struct Node *n = ready_value;
    ready_value = 0;
    if (!n)
        n = assignment();
    return n;
}

// A value for a number or a pointer, perhaps in braces.
void scalar(struct Type *type, long offset, struct Member *member)
{
    long braced = !ready_value && accept('{');
    struct Node *n = convert(take_value(), type);
    forget_values(offset, size_of(type), member);
    add_init(type, offset, member, n);
    if (braced) {
        accept(',');
        expect('}', "expected `}` before");
    }
}

long is_string_for(struct Type *type)
{
    return !ready_value && token->kind == T_STRING && type->kind == TY_ARRAY && type->base->kind == TY_CHAR;
}

// The length of the string with its ending zero.
long string_init(struct Type *type, long offset)
{
    struct Node *n = string_literal();
    long length = n->type->length;
    if (type->length >= 0 && length > type->length) {
        if (length - 1 > type->length)
            fail("the string is longer than its array");
        length = type->length;
    }
    n->type = array_of(n->type->base, length);
    if (type->length >= 0)
        forget_values(offset, type->length, 0);
    add_init(n->type, offset, 0, n);
    return length;
}

// Whether a list without braces continues with another value.
long goes_on(void)
{
    if (token->kind != ',')
        return 0;
    if (token_ahead->kind == '}' || token_ahead->kind == '.' || token_ahead->kind == '[')
        return 0;
    advance();
    return 1;
}

// After a value in a list with braces: 1 if the list continues.
long list_goes_on(void)
{
    if (accept(',') && token->kind != '}')
        return 1;
    expect('}', "expected `}` before");
    return 0;
}

void designation(struct Type *type, long offset);

// After a designator: more designators, or the value.
void designated(struct Type *type, long offset, struct Member *member)
{
    if (token->kind == '[' || token->kind == '.') {
        designation(type, offset);
        return;
    }
    expect('=', "expected `=` before");
    if (member && member->width)
        scalar(type, offset, member);
    else
        initialiser(type, offset);
}

// The member called `name`, or the anonymous struct that contains it.
struct Member *member_with(struct Type *type, struct Name *name)
{
    struct Member *m;
    for (m = type->layout->members; m; m = m->next) {
        long offset = 0;
        if (m->name == name)
            return m;
        if (!m->name && find_member(m->type->layout, name, &offset))
            return m;
    }
    fail_name("no such member:", name);
    return 0;
}

long designated_index(struct Type *type)
{
    advance();
    if (type->kind != TY_ARRAY)
        fail("array index designator for a type that is not an array");
    long index = constant_expression();
    if (index < 0 || type->length >= 0 && index >= type->length || index > MAX_SIZE)
        fail("designator index out of range");
    expect(']', "expected `]` before");
    return index;
}

struct Member *designated_member(struct Type *type)
{
    if (type->kind != TY_STRUCT)
        fail("member designator for a type that is not a struct or union");
    if (!token_ahead->name)
        fail("expected the name of a member");
    struct Member *m = member_with(type, token_ahead->name);
    if (m->name) {
        advance();
        advance();
    }
    return m;
}

// A designator below another one: what follows it goes on from there.
void designation(struct Type *type, long offset)
{
    if (token->kind == '[') {
        long index = designated_index(type);
        designated(type->base, offset + index * size_of(type->base), 0);
        if (goes_on())
            array_rest(type, offset, index + 1, 0);
    } else {
        struct Member *m = designated_member(type);
        choose_member(type, offset, m);
        designated(m->type, offset + m->offset, m);
        if (!type->layout->is_union && m->next && goes_on())
            struct_rest(type, offset, m->next, 0);
    }
}

// Values for the elements from `index` on. Returns the minimum length of the array.
long array_rest(struct Type *type, long offset, long index, long braced)
{
    long most = index;
    long size = size_of(type->base);
    if (braced && accept('}'))
        return most;
    for (;;) {
        if (braced && token->kind == '[') {
            index = designated_index(type);
            designated(type->base, offset + index * size, 0);
        } else {
            if (type->length >= 0 && index >= type->length) {
                if (braced)
                    fail("more initialisers than elements");
                return most;
            }
            initialiser(type->base, offset + index * size);
        }
        index++;
        if (index > most)
            most = index;
        if (most > MAX_SIZE)
            fail("the array is too large");
        if (braced) {
            if (!list_goes_on())
                return most;
        } else if (index == type->length || !goes_on()) {
            return most;
        }
    }
}

void struct_rest(struct Type *type, long offset, struct Member *m, long braced)
{
    if (braced && accept('}'))
        return;
    for (;;) {
        if (braced && token->kind == '.') {
            m = designated_member(type);
            choose_member(type, offset, m);
            designated(m->type, offset + m->offset, m);
        } else {
            if (!m)
                fail("more initialisers than members");
            choose_member(type, offset, m);
            if (m->width)
                scalar(m->type, offset + m->offset, m);
            else
                initialiser(m->type, offset + m->offset);
        }
        m = m->next;
        if (type->layout->is_union)
            m = 0;
        if (braced) {
            if (!list_goes_on())
                return;
        } else if (!m || !goes_on()) {
            return;
        }
    }
}

// Values for an array without a length are only for a variable of that type itself: its length is returned.
long array_initialiser(struct Type *type, long offset)
{
    if (is_string_for(type))
        return string_init(type, offset);
    if (!ready_value && accept('{')) {
        long ahead = token_ahead->kind;
        if (is_string_for(type) && (ahead == '}' || ahead == ',' || ahead == T_STRING)) {
            long length = string_init(type, offset);
            accept(',');
            expect('}', "expected `}` before");
            return length;
        }
        if (type->length >= 0)
            forget_values(offset, size_of(type), 0);
        return array_rest(type, offset, 0, 1);
    }
    if (type->length < 0)
        fail("the initialiser of an array is not in braces");
    return array_rest(type, offset, 0, 0);
}

void inner_initialiser(struct Type *type, long offset)
{
    if (type->kind == TY_ARRAY) {
        if (type->length < 0)
            fail("initialisers for a flexible array member are not supported");
        if (type->length == 0)
            fail("initialisers for an array of length 0");
        array_initialiser(type, offset);
    } else if (type->kind == TY_STRUCT) {
        if (is_incomplete(type))
            fail("incomplete struct or union type");
        if (!ready_value && accept('{')) {
            forget_values(offset, size_of(type), 0);
            struct_rest(type, offset, type->layout->members, 1);
            return;
        }
        // A value for the whole struct, or for the first of its members.
        if (!ready_value && token->kind != T_STRING)
            ready_value = assignment();
        if (ready_value && ready_value->type->kind == TY_STRUCT && ready_value->type->layout == type->layout) {
            forget_values(offset, size_of(type), 0);
            add_init(type, offset, 0, take_value());
        } else {
            struct_rest(type, offset, type->layout->members, 0);
        }
    } else {
        scalar(type, offset, 0);
    }
}

void initialiser(struct Type *type, long offset)
{
    go_deeper();
    inner_initialiser(type, offset);
    come_back();
}

// Reads an initialiser for a variable, and returns its type, now with a length.
struct Type *read_initialiser(struct Type *type)
{
    first_init = 0;
    last_init = 0;
    chosen_members = 0;
    inits_end = 0;
    if (type->kind == TY_ARRAY && type->length < 0)
        return array_of(type->base, array_initialiser(type, 0));
    if (is_incomplete(type))
        fail("initialiser for an incomplete type");
    if (type->kind == TY_ARRAY && type->length == 0) {
        expect('{', "expected `{` before");
        expect('}', "expected `}` before");
        return type;
    }
    // Braces can be omitted only within other braces: here, a comma would start the next variable.
    if (type->kind == TY_ARRAY && token->kind != '{' && !is_string_for(type))
        fail("the initialiser of an array is not in braces");
    if (type->kind == TY_STRUCT && token->kind != '{') {
        struct Node *n = assignment();
        if (n->type->kind != TY_STRUCT || n->type->layout != type->layout)
            fail("the initialiser of a struct or union is neither in braces nor of the same type");
        add_init(type, 0, 0, n);
        return type;
    }
    initialiser(type, 0);
    return type;
}

// The assignments to a local variable, after clearing it.
struct Node *local_initialiser(struct Node *variable)
{
    struct Node *n = 0;
    struct Init *i = first_init;
    // A single value for the whole variable needs no clearing.
    long whole = i && !i->next && i->offset == 0 && !i->member && size_of(i->type) == size_of(variable->type);
    if (!whole) {
        n = new_node(N_CLEAR, type_void, variable, 0);
        n->value = size_of(variable->type);
    }
    for (; i; i = i->next) {
        struct Node *place = local_node(variable->value + i->offset, i->type);
        if (i->member) {
            place = new_node(N_BITS, i->type, place, 0);
            place->member = i->member;
        }
        struct Node *one = store(place, i->value);
        if (n)
            n = new_node(N_COMMA, type_void, n, one);
        else
            n = one;
    }
    return n;
}

// (type){ values }
struct Node *compound_literal(struct Type *type)
{
    struct Init *first_before = first_init;
    struct Init *last_before = last_init;
    struct Chosen *chosen_before = chosen_members;
    long end_before = inits_end;
    struct Node *ready_before = ready_value;
    struct Node *n;
    ready_value = 0;
    type = read_initialiser(type);
    if (function_type) {
        struct Node *variable = temporary(type);
        n = address_of(variable, pointer_to(type));
        n = dereference(comma(local_initialiser(variable), n), 0, type);
    } else {
        struct Object *o = new_object(0, type);
        initialise_object(o);
        n = object_node(o, type);
    }
    first_init = first_before;
    last_init = last_before;
    chosen_members = chosen_before;
    inits_end = end_before;
    ready_value = ready_before;
    return n;
}
