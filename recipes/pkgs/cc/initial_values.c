// The values that an initialiser gives, in a flat list: which bytes get which value. A later value for the same bytes
// takes the place of an earlier one.

struct Init {
    struct Init *next;
    long offset;
    struct Type *type;
    struct Member *member; // a bit-field
    struct Node *value;
};

// Which member of the union at `offset` has its values in the list.
struct Chosen {
    struct Chosen *next;
    long offset;
    struct Layout *layout;
    struct Member *member;
};

struct Init *first_init;
struct Init *last_init;
struct Chosen *chosen_members;
long inits_end; // no value in the list reaches beyond

void keep_init(struct Init *i)
{
    i->next = 0;
    if (last_init)
        last_init->next = i;
    else
        first_init = i;
    last_init = i;
}

void add_init(struct Type *type, long offset, struct Member *member, struct Node *value)
{
    struct Init *i = alloc(sizeof(struct Init));
    long end = offset + size_of(type);
    i->offset = offset;
    i->type = type;
    i->member = member;
    i->value = value;
    keep_init(i);
    if (end > inits_end)
        inits_end = end;
}

// Removes the values of these bytes, or of that bit-field, since new ones follow. The value of a whole struct around
// them goes, too, as in GCC.
void forget_values(long offset, long size, struct Member *bits)
{
    struct Init *i = first_init;
    // Values usually come in order, and then there are none to remove.
    if (offset >= inits_end)
        return;
    first_init = 0;
    last_init = 0;
    while (i) {
        struct Init *next = i->next;
        long end = i->offset + size_of(i->type);
        long inside = i->offset >= offset && end <= offset + size;
        long around = i->type->kind == TY_STRUCT && i->offset < offset + size && offset < end;
        if (bits)
            inside = i->offset == offset && i->member == bits;
        if (!inside && !around)
            keep_init(i);
        i = next;
    }
}

// A value for member m of a type follows. If it is a union whose values are for another member, they are forgotten.
void choose_member(struct Type *type, long offset, struct Member *m)
{
    struct Chosen *c;
    if (!type->layout->is_union)
        return;
    if (offset < inits_end)
        for (c = chosen_members; c; c = c->next)
            if (c->offset == offset && c->layout == type->layout) {
                if (c->member != m)
                    forget_values(offset, size_of(type), 0);
                c->member = m;
                return;
            }
    c = alloc(sizeof(struct Chosen));
    c->next = chosen_members;
    c->offset = offset;
    c->layout = type->layout;
    c->member = m;
    chosen_members = c;
}
