// Names: each text is one struct Name, so that names are compared by their address. What a name means at the moment
// (as a macro, an object, a tag, a label) is stored with it.

enum { NAME_BUCKETS = 8192 };

struct Macro;
struct Sym;
struct Tag;
struct Label;
struct Object;

struct Name {
    char *text;
    long length;
    long keyword;          // K_..., or 0
    struct Macro *macro;
    struct Sym *sym;       // the innermost object, function, type name or constant of that name
    struct Tag *tag;       // the innermost struct, union or enum of that name
    struct Label *label;   // in the function that is being read
    struct Object *object; // what all files of the program know by that name
    struct Name *next;     // in the same bucket
};

struct Name *name_buckets[NAME_BUCKETS];

struct Name *name_of(char *text, long length)
{
    long hash = 5381;
    long i;
    for (i = 0; i < length; i++)
        hash = (hash * 33 + text[i]) & 0xffffffff;
    struct Name **bucket = &name_buckets[hash & (NAME_BUCKETS - 1)];
    struct Name *n;
    for (n = *bucket; n; n = n->next)
        if (n->length == length && same_bytes(n->text, text, length))
            return n;
    n = alloc(sizeof(struct Name));
    n->text = copy_text(text, length);
    n->length = length;
    n->next = *bucket;
    *bucket = n;
    return n;
}

struct Name *name_of_text(char *text)
{
    return name_of(text, text_length(text));
}

void fail_name(char *what, struct Name *name)
{
    fail_about(what, name->text, name->length, "");
}
