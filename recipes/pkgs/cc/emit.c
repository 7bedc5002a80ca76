// The sections of the program: code, constant text, data, and the relocations that are resolved at the
// end. The kernel allocates the memory of a section when it is used.

enum { SECTION_ROOM = 0x10000000 };
enum { RELATIVE, ABSOLUTE };

char *code;
long code_size;
char *text;        // strings: they are put behind the code, where nothing can be written to
long text_size;
char *data;
long data_size;
long zero_size;    // data that begins as zeroes and takes no room in the file

// A relocation: a place that receives the address of an object.
struct Fix {
    struct Fix *next;   // the one made before
    long kind;
    long at;
    struct Object *object;
    long plus;
};

struct Fix *code_fixes; // 4 bytes each
struct Fix *data_fixes; // 8 bytes each

void set_up_sections(void)
{
    code = map_memory(SECTION_ROOM);
    text = map_memory(SECTION_ROOM);
    data = map_memory(SECTION_ROOM);
}

void want_room(long size)
{
    if (size > SECTION_ROOM - 64)
        fail("the program is too large");
}

void put(char *at, long value, long n)
{
    long i;
    for (i = 0; i < n; i++) {
        at[i] = value;
        value = value >> 8;
    }
}

long get32(char *at)
{
    return at[0] | at[1] << 8 | at[2] << 16 | at[3] << 24;
}

// Emits n bytes of code, most significant byte first: emit(3, 0x4889c1).
void emit(long n, long bytes)
{
    want_room(code_size);
    while (n > 0) {
        n--;
        code[code_size] = bytes >> (n * 8);
        code_size++;
    }
}

void emit32(long value)
{
    want_room(code_size);
    put(code + code_size, value, 4);
    code_size += 4;
}

void emit64(long value)
{
    want_room(code_size);
    put(code + code_size, value, 8);
    code_size += 8;
}

// Four bytes of code: the address of an object, or its distance from the end of these bytes.
void emit_address(long kind, struct Object *o, long plus)
{
    struct Fix *f = alloc(sizeof(struct Fix));
    f->next = code_fixes;
    f->kind = kind;
    f->at = code_size;
    f->object = o;
    f->plus = plus;
    code_fixes = f;
    emit32(0);
}

// A jump target, known before or after the jumps to it. While it is not known, those jumps form a chain
// through their own operands.
struct Spot {
    long place; // -1 while it is not known
    long chain; // the operand of the last jump to it, or 0
};

struct Spot *new_spot(void)
{
    struct Spot *s = alloc(sizeof(struct Spot));
    s->place = -1;
    return s;
}

void emit_spot(struct Spot *s)
{
    if (s->place >= 0) {
        emit32(s->place - (code_size + 4));
    } else {
        emit32(s->chain);
        s->chain = code_size - 4;
    }
}

void place_spot(struct Spot *s)
{
    long at = s->chain;
    s->place = code_size;
    while (at) {
        long next = get32(code + at);
        put(code + at, s->place - (at + 4), 4);
        at = next;
    }
}

void jump(struct Spot *s)
{
    emit(1, 0xe9); // jmp
    emit_spot(s);
}

// Condition codes of x86; the lowest bit negates one.
enum { IF_BELOW = 2, IF_NOT_BELOW = 3, IF_EQUAL = 4, IF_UNEQUAL = 5, IF_NOT_ABOVE = 6, IF_ABOVE = 7, IF_SIGN = 8,
    IF_PARITY = 10, IF_NO_PARITY = 11, IF_LESS = 12, IF_NOT_LESS = 13, IF_NOT_GREATER = 14, IF_GREATER = 15 };

void jump_if(long condition, struct Spot *s)
{
    emit(2, 0x0f80 + condition); // jcc
    emit_spot(s);
}

// A new object that holds a string and its terminating zero.
struct Object *string_object(char *bytes, long length)
{
    struct Object *o = new_object(0, array_of(type_char, length + 1));
    o->section = SECTION_TEXT;
    o->offset = text_size;
    o->is_static = 1;
    want_room(text_size + length + 1);
    copy_bytes(text + text_size, bytes, length);
    text_size += length + 1;
    return o;
}

// Allocates an object in a section; zeroes take no room in the file.
void place_object(struct Object *o, long section)
{
    long align = align_of(o->type);
    if (wanted_align > align)
        align = wanted_align;
    o->section = section;
    o->defined_in = file_number;
    if (section == SECTION_DATA) {
        data_size = round_up(data_size, align);
        o->offset = data_size;
        data_size += size_of(o->type);
        want_room(data_size);
    } else {
        zero_size = round_up(zero_size, align);
        o->offset = zero_size;
        zero_size += size_of(o->type);
        if (zero_size > MAX_SIZE)
            fail("the variables of the program are too large");
    }
}

// The object and the number that a constant address consists of.
struct Object *constant_object;

long constant_value(struct Node *n)
{
    long a;
    struct Object *o;
    switch (n->op) {
    case N_NUMBER:
        constant_object = 0;
        return n->value;
    case N_ADDRESS:
        if (n->a->op == N_GLOBAL) {
            constant_object = n->a->object;
            return n->a->value;
        }
        break;
    case N_CAST:
        a = constant_value(n->a);
        if (!constant_object && is_integer(n->type))
            return wrap(a, n->type);
        if (size_of(n->type) == 8)
            return a;
        break;
    case N_ADD:
        a = constant_value(n->a);
        o = constant_object;
        a += constant_value(n->b);
        if (o && constant_object)
            break;
        if (o)
            constant_object = o;
        return a;
    case N_SUBTRACT: {
        a = constant_value(n->a);
        o = constant_object;
        long b = constant_value(n->b);
        if (o == constant_object)
            o = 0;
        else if (constant_object)
            break;
        constant_object = o;
        return a - b;
    }
    }
    fail("the initialiser is not constant");
    return 0;
}

void data_value(long at, struct Init *i)
{
    struct Node *n = i->value;
    long size = size_of(i->type);
    if (i->type->kind == TY_ARRAY) {
        // A string.
        copy_bytes(data + at, text + n->object->offset, size);
    } else if (n->op == N_REAL && i->type->kind == TY_LDOUBLE) {
        put(data + at, real_bottom(n->real), 8);
        put(data + at + 8, real_top(n->real), 2);
    } else if (n->op == N_REAL) {
        put(data + at, real_bits(n->real, i->type), size);
    } else if (i->member) {
        long value = constant_value(n);
        if (constant_object)
            fail("the initialiser is not constant");
        long bit;
        for (bit = 0; bit < i->member->width; bit++) {
            char *byte = data + at + (i->member->shift + bit) / 8;
            long mask = (long)1 << (i->member->shift + bit) % 8;
            *byte = *byte & ~mask;
            if (value >> bit & 1)
                *byte = *byte | mask;
        }
    } else if (is_scalar(i->type) && !is_float(i->type)) {
        long value = constant_value(n);
        put(data + at, value, size);
        if (constant_object) {
            struct Fix *f = alloc(sizeof(struct Fix));
            f->next = data_fixes;
            f->kind = ABSOLUTE;
            f->at = at;
            f->object = constant_object;
            f->plus = value;
            data_fixes = f;
            put(data + at, 0, size);
        }
    } else if (i->type->kind == TY_STRUCT && n->op == N_GLOBAL && n->object->section == SECTION_DATA
               && !n->object->name) {
        // A compound literal as the value of a struct.
        long from = n->object->offset + n->value;
        struct Fix *f;
        copy_bytes(data + at, data + from, size);
        for (f = data_fixes; f; f = f->next)
            if (f->at >= from && f->at < from + size && f->object)
                fail("addresses in a copied compound literal are not supported");
    } else {
        fail("the initialiser is not constant");
    }
}

// Allocates an object and writes the initial values that were read for it.
void initialise_object(struct Object *o)
{
    struct Init *i;
    long most = size_of(o->type);
    place_object(o, SECTION_DATA);
    for (i = first_init; i; i = i->next) {
        if (i->offset + size_of(i->type) > most)
            fail("cc is broken: an initial value lies outside of its object");
        data_value(o->offset + i->offset, i);
    }
}
