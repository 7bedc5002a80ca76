// System calls, memory, strings and errors. Nothing in this file is specific to C.

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_MMAP = 9, SYS_EXIT = 60 };
enum { OPEN_READ = 0, OPEN_NEW = 0xc1 };        // O_WRONLY | O_CREAT | O_EXCL
enum { MAP_READ_WRITE = 3, MAP_LAZY = 0x4022 }; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
enum { CHUNK = 0x1000000, NUMBER_ROOM = 24 };

// The location of the current token. Every message contains it.
char *here_file;
long here_line;

long text_length(char *s)
{
    long n = 0;
    while (s[n])
        n++;
    return n;
}

long same_bytes(char *a, char *b, long n)
{
    long i;
    for (i = 0; i < n; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

long same_text(char *a, char *b)
{
    long n = text_length(a);
    return n == text_length(b) && same_bytes(a, b, n);
}

void copy_bytes(char *to, char *from, long n)
{
    long i;
    for (i = 0; i < n; i++)
        to[i] = from[i];
}

// Writes all bytes: 1, or 0 on failure.
long write_all(long fd, char *bytes, long n)
{
    while (n > 0) {
        long done = syscall6(SYS_WRITE, fd, (long)bytes, n, 0, 0, 0);
        if (done <= 0)
            return 0;
        bytes += done;
        n -= done;
    }
    return 1;
}

void say(char *s)
{
    write_all(2, s, text_length(s));
}

void say_number(long n)
{
    char digits[NUMBER_ROOM];
    long at = NUMBER_ROOM - 1;
    digits[at] = 0;
    if (n < 0) {
        say("-");
        n = -n;
    }
    do {
        at--;
        digits[at] = '0' + umod(n, 10);
        n = udiv(n, 10);
    } while (n);
    say(&digits[at]);
}

void give_up(void)
{
    syscall6(SYS_EXIT, 1, 0, 0, 0, 0, 0);
}

// Reports an error without a line: about arguments, files or memory.
void refuse(char *what, char *name)
{
    say("cc: ");
    say(what);
    if (name) {
        say(" ");
        say(name);
    }
    say("\n");
    give_up();
}

// Reports FILE:LINE: what `name` rest. Without a name, only `what`.
void fail_about(char *what, char *name, long length, char *rest)
{
    say(here_file);
    say(":");
    say_number(here_line);
    say(": ");
    say(what);
    if (name) {
        say(" `");
        write_all(2, name, length);
        say("`");
        say(rest);
    }
    say("\n");
    give_up();
}

void fail(char *what)
{
    fail_about(what, 0, 0, "");
}

// Memory is never freed: a compiler runs only briefly.
char *heap;
long heap_left;

char *map_memory(long n)
{
    long at = syscall6(SYS_MMAP, 0, n, MAP_READ_WRITE, MAP_LAZY, -1, 0);
    if (at < 0 && at > -4096)
        refuse("out of memory", 0);
    return (char *)at;
}

// n bytes of zeroes, at a multiple of 8.
void *alloc(long n)
{
    n = (n + 7) & ~7;
    if (n > heap_left) {
        heap_left = CHUNK;
        if (n > CHUNK)
            heap_left = n;
        heap = map_memory(heap_left);
    }
    char *p = heap;
    heap += n;
    heap_left -= n;
    return p;
}

char *copy_text(char *s, long n)
{
    char *p = alloc(n + 1);
    copy_bytes(p, s, n);
    return p;
}

// Text that grows at its end.
struct Buffer {
    char *bytes;
    long length;
    long room;
};

void add_bytes(struct Buffer *b, char *s, long n)
{
    if (b->length + n > b->room) {
        b->room = (b->length + n) * 2 + 64;
        char *grown = alloc(b->room);
        copy_bytes(grown, b->bytes, b->length);
        b->bytes = grown;
    }
    copy_bytes(b->bytes + b->length, s, n);
    b->length += n;
}

void add_text(struct Buffer *b, char *s)
{
    add_bytes(b, s, text_length(s));
}

void add_byte(struct Buffer *b, long c)
{
    char byte[8];
    byte[0] = c;
    add_bytes(b, byte, 1);
}

// A list of pointers that grows at its end.
struct List {
    void **items;
    long length;
    long room;
};

struct List *new_list(void)
{
    return alloc(sizeof(struct List));
}

void push(struct List *list, void *item)
{
    if (list->length == list->room) {
        list->room = list->room * 2 + 8;
        void **grown = alloc(list->room * sizeof(void *));
        copy_bytes((char *)grown, (char *)list->items, list->length * sizeof(void *));
        list->items = grown;
    }
    list->items[list->length] = item;
    list->length++;
}

// The contents of the file with a terminating zero; 0 if it cannot be opened. Sets file_length to its length, or to -1
// if the file was opened and cannot be read.
long file_length;

char *read_file(char *path)
{
    long fd = syscall6(SYS_OPEN, (long)path, OPEN_READ, 0, 0, 0, 0);
    if (fd < 0)
        return 0;
    long room = 65536;
    char *bytes = alloc(room);
    long length = 0;
    for (;;) {
        long n = syscall6(SYS_READ, fd, (long)(bytes + length), room - length, 0, 0, 0);
        if (n < 0) {
            // The caller reports it with its location.
            file_length = -1;
            return 0;
        }
        if (n == 0)
            break;
        length += n;
        if (length == room) {
            char *grown = alloc(room * 2);
            copy_bytes(grown, bytes, length);
            bytes = grown;
            room *= 2;
        }
    }
    syscall6(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    bytes[length] = 0;
    file_length = length;
    return bytes;
}

void write_program(char *path, struct Buffer *b)
{
    long fd = syscall6(SYS_OPEN, (long)path, OPEN_NEW, 0x1ed, 0, 0, 0);
    if (fd < 0)
        refuse("cannot create", path);
    if (!write_all(fd, b->bytes, b->length))
        refuse("cannot write", path);
    if (syscall6(SYS_CLOSE, fd, 0, 0, 0, 0, 0) < 0)
        refuse("cannot write", path);
}
