// The executable file: one read-only segment with the headers, the code and the strings, and one writable segment with
// the data and the zeroes after it. The symbol table is for debuggers and disassemblers.

enum {
    BASE = 0x400000, PAGE = 4096, ELF_HEADER = 64, PROGRAM_HEADER = 56, SECTION_HEADER = 64, SYMBOL = 24,
    CODE_START = ELF_HEADER + 3 * PROGRAM_HEADER
};

long code_address;
long text_address;
long data_address;
long zero_address;
struct Object *entry; // where the program begins

// The code at the start of every program. It is written as bytes and follows the calling convention of
// generate_calls.c.
char *start_code =
    "\x31\xed"             // xor ebp, ebp
    "\x48\x89\xe0"         // mov rax, rsp          where the kernel put argc, argv, 0, envp
    "\x48\x8b\x08"         // mov rcx, [rax]        argc
    "\x48\x8d\x54\xc8\x10" // lea rdx, [rax + rcx * 8 + 16]
    "\x52"                 // push rdx              envp
    "\x48\x83\xc0\x08"     // add rax, 8
    "\x50"                 // push rax              argv
    "\x51";                // push rcx              argc

char *exit_code =
    "\x89\xc7"             // mov edi, eax
    "\xb8\x3c\x00\x00\x00" // mov eax, 60           exit
    "\x0f\x05";            // syscall

char *syscall_code =
    "\x48\x8b\x44\x24\x08" // mov rax, [rsp + 8]    the number
    "\x48\x8b\x7c\x24\x10" // mov rdi, [rsp + 16]
    "\x48\x8b\x74\x24\x18" // mov rsi, [rsp + 24]
    "\x48\x8b\x54\x24\x20" // mov rdx, [rsp + 32]
    "\x4c\x8b\x54\x24\x28" // mov r10, [rsp + 40]
    "\x4c\x8b\x44\x24\x30" // mov r8, [rsp + 48]
    "\x4c\x8b\x4c\x24\x38" // mov r9, [rsp + 56]
    "\x0f\x05"             // syscall
    "\xc3";                // ret

char *setjmp_code =
    "\x48\x8b\x44\x24\x08" // mov rax, [rsp + 8]    three longs to save to
    "\x48\x89\x28"         // mov [rax], rbp
    "\x48\x89\x60\x08"     // mov [rax + 8], rsp
    "\x48\x8b\x0c\x24"     // mov rcx, [rsp]        the address to return to
    "\x48\x89\x48\x10"     // mov [rax + 16], rcx
    "\x31\xc0"             // xor eax, eax
    "\xc3";                // ret

char *longjmp_code =
    "\x48\x8b\x4c\x24\x08" // mov rcx, [rsp + 8]    what was saved
    "\x48\x8b\x44\x24\x10" // mov rax, [rsp + 16]   the value
    "\x85\xc0"             // test eax, eax
    "\x75\x05"             // jne                   over the next instruction
    "\xb8\x01\x00\x00\x00" // mov eax, 1            setjmp never returns 0 again
    "\x48\x8b\x29"         // mov rbp, [rcx]
    "\x48\x8b\x61\x08"     // mov rsp, [rcx + 8]
    "\x48\x8b\x51\x10"     // mov rdx, [rcx + 16]
    "\x48\x89\x14\x24"     // mov [rsp], rdx
    "\xc3";                // ret

void emit_code(char *bytes, long n)
{
    copy_bytes(code + code_size, bytes, n);
    code_size += n;
}

struct Object *built_in_function(char *name)
{
    struct Name *n = name_of_text(name);
    n->object = new_object(n, type_void);
    n->object->section = SECTION_CODE;
    n->object->offset = code_size;
    return n->object;
}

// The sizes are those of the arrays without the terminating zero.
void emit_built_in(void)
{
    entry = new_object(name_of_text("main"), type_void);
    built_in_function("_start");
    emit_code(start_code, 20);
    emit(1, 0xe8); // call
    emit_address(RELATIVE, entry, 0);
    emit_code(exit_code, 9);
    built_in_function("__syscall6");
    emit_code(syscall_code, 38);
    built_in_function("__setjmp");
    emit_code(setjmp_code, 23);
    built_in_function("__longjmp");
    emit_code(longjmp_code, 35);
}

long address_of_object(struct Object *o)
{
    switch (o->section) {
    case SECTION_CODE: return code_address + o->offset;
    case SECTION_TEXT: return text_address + o->offset;
    case SECTION_DATA: return data_address + o->offset;
    }
    return zero_address + o->offset;
}

// The entry point is __start, if the library defines it, or main.
void find_entry(void)
{
    struct Object *o = name_of_text("__start")->object;
    if (!o || o->section != SECTION_CODE)
        o = name_of_text("main")->object;
    if (!o || o->section != SECTION_CODE)
        refuse("the program has no function main", 0);
    entry->section = SECTION_CODE;
    entry->offset = o->offset;
    entry->name = 0;
}

void check_defined(void)
{
    struct Object *o;
    for (o = objects; o; o = o->next)
        if (o->used && o->section == SECTION_NONE) {
            here_file = o->used_file;
            here_line = o->used_line;
            fail_name("undefined:", o->name);
        }
}

void apply_fixes(void)
{
    struct Fix *f;
    for (f = code_fixes; f; f = f->next) {
        long to = address_of_object(f->object) + f->plus;
        if (f->kind == RELATIVE)
            to -= code_address + f->at + 4;
        put(code + f->at, to, 4);
    }
    for (f = data_fixes; f; f = f->next)
        if (f->object)
            put(data + f->at, address_of_object(f->object) + f->plus, 8);
}

struct Buffer *out;

void add_number(long value, long n)
{
    char bytes[8];
    put(bytes, value, n);
    add_bytes(out, bytes, n);
}

void pad_to(long length)
{
    while (out->length < length)
        add_byte(out, 0);
}

void program_header(long type, long flags, long offset, long address, long in_file, long in_memory, long align)
{
    add_number(type, 4);
    add_number(flags, 4);
    add_number(offset, 8);
    add_number(address, 8);
    add_number(address, 8);
    add_number(in_file, 8);
    add_number(in_memory, 8);
    add_number(align, 8);
}

void section_header(long name, long type, long flags, long address, long offset, long size, long link, long entry_size)
{
    add_number(name, 4);
    add_number(type, 4);
    add_number(flags, 8);
    add_number(address, 8);
    add_number(offset, 8);
    add_number(size, 8);
    add_number(link, 4);
    add_number(type == 2, 4); // of a table of symbols: the first that is not local
    add_number(type == 2 || address, 8);
    add_number(entry_size, 8);
}

struct Buffer *symbol_names;

void add_symbol(struct Object *o)
{
    long section = 1;
    long kind = 2;
    if (o->section != SECTION_CODE) {
        section = 2 + (o->section == SECTION_ZERO);
        kind = 1;
    }
    add_number(symbol_names->length, 4);
    add_number(kind | 16, 1); // a function or an object; all are called global here, as nothing is linked any more
    add_number(0, 1);
    add_number(section, 2);
    add_number(address_of_object(o), 8);
    if (kind == 1)
        add_number(size_of(o->type), 8);
    else
        add_number(0, 8);
    add_bytes(symbol_names, o->name->text, o->name->length);
    add_byte(symbol_names, 0);
}

void add_sections(long data_offset, long zero_offset)
{
    struct Object *o;
    char *names = "\0.text\0.data\0.bss\0.symtab\0.strtab\0";
    symbol_names = alloc(sizeof(struct Buffer));
    add_byte(symbol_names, 0);
    pad_to(round_up(out->length, 8));
    long symbols = out->length;
    pad_to(symbols + SYMBOL);
    for (o = objects; o; o = o->next)
        if (o->name && o->section != SECTION_NONE)
            add_symbol(o);
    long symbols_end = out->length;
    long section_names = symbol_names->length;
    add_bytes(symbol_names, names, 34);
    add_bytes(out, symbol_names->bytes, symbol_names->length);
    pad_to(round_up(out->length, 8));
    put(out->bytes + 40, out->length, 8); // where the section headers are
    section_header(0, 0, 0, 0, 0, 0, 0, 0);
    section_header(section_names + 1, 1, 6, code_address, CODE_START, code_size, 0, 0);
    section_header(section_names + 7, 1, 3, data_address, data_offset, data_size, 0, 0);
    section_header(section_names + 13, 8, 3, zero_address, zero_offset, zero_size, 0, 0);
    section_header(section_names + 18, 2, 0, 0, symbols, symbols_end - symbols, 5, SYMBOL);
    section_header(section_names + 26, 3, 0, 0, symbols_end, symbol_names->length, 0, 0);
}

struct Buffer *make_program(void)
{
    find_entry();
    check_defined();
    long text_offset = round_up(CODE_START + code_size, 16);
    long data_offset = round_up(text_offset + text_size, PAGE);
    code_address = BASE + CODE_START;
    text_address = BASE + text_offset;
    data_address = BASE + data_offset;
    zero_address = round_up(data_address + data_size, PAGE);
    long zero_end = zero_address + zero_size;
    apply_fixes();
    out = alloc(sizeof(struct Buffer));
    add_bytes(out, "\x7f\x45LF\x02\x01\x01", 7); // 64 bits, the lowest byte first
    pad_to(16);
    add_number(2, 2);  // an executable
    add_number(62, 2); // for x86-64
    add_number(1, 4);
    add_number(code_address, 8);
    add_number(ELF_HEADER, 8);
    add_number(0, 8);
    add_number(0, 4);
    add_number(ELF_HEADER, 2);
    add_number(PROGRAM_HEADER, 2);
    add_number(3, 2);
    add_number(SECTION_HEADER, 2);
    add_number(6, 2);
    add_number(5, 2);
    // Two loaded segments, read and execute, read and write; and a stack that is not executable.
    program_header(1, 5, 0, BASE, text_offset + text_size, text_offset + text_size, PAGE);
    program_header(1, 6, data_offset, data_address, data_size, zero_end - data_address, PAGE);
    program_header(0x6474e551, 6, 0, 0, 0, 0, 16);
    add_bytes(out, code, code_size);
    pad_to(text_offset);
    add_bytes(out, text, text_size);
    pad_to(data_offset);
    add_bytes(out, data, data_size);
    add_sections(data_offset, out->length);
    return out;
}
