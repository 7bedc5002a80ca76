// cc -o OUT [-I FOLDER]... [-D NAME[=VALUE]]... FILE.c...

char *predefined =
    "#define __STDC__ 1\n"
    "#define __STDC_VERSION__ 199901L\n"
    "#define __STDC_HOSTED__ 1\n"
    "#define __stele_cc__ 1\n"
    "#define __x86_64__ 1\n"
    "#define __LP64__ 1\n"
    "#define __CHAR_BIT__ 8\n"
    "#define __linux__ 1\n"
    "#define __unix__ 1\n";

// A definition of the command line as a directive.
void add_definition(struct Buffer *b, char *argument)
{
    long n = 0;
    add_text(b, "#define ");
    while (argument[n] && argument[n] != '=')
        n++;
    add_bytes(b, argument, n);
    if (argument[n] == '=') {
        add_byte(b, ' ');
        add_text(b, argument + n + 1);
    } else {
        add_text(b, " 1");
    }
    add_byte(b, '\n');
}

void compile(char *path, char *definitions)
{
    begin_file(path, definitions);
    file_number++;
    enter_scope();
    file_scope = scope;
    nesting = 0;
    begin_tokens();
    while (token->kind != T_END)
        file_declaration();
    define_tentative();
    leave_scope();
}

long main(long argc, char **argv)
{
    struct Buffer *definitions = alloc(sizeof(struct Buffer));
    struct List *files = new_list();
    char *output = 0;
    long i;
    include_folders = new_list();
    add_text(definitions, predefined);
    for (i = 1; i < argc; i++) {
        char *a = argv[i];
        if (*a != '-') {
            push(files, a);
            continue;
        }
        if (!same_text(a, "-o") && !same_text(a, "-I") && !same_text(a, "-D"))
            refuse("unknown option", a);
        i++;
        if (i == argc)
            refuse("missing argument of", a);
        if (a[1] == 'I')
            push(include_folders, argv[i]);
        else if (a[1] == 'D')
            add_definition(definitions, argv[i]);
        else if (output)
            refuse("more than one output:", argv[i]);
        else
            output = argv[i];
    }
    if (!output || files->length == 0)
        refuse("usage: cc -o OUT [-I FOLDER]... [-D NAME[=VALUE]]... FILE.c...", 0);
    add_byte(definitions, 0);
    set_up_keywords();
    set_up_types();
    set_up_sections();
    emit_built_in();
    for (i = 0; i < files->length; i++)
        compile(files->items[i], definitions->bytes);
    write_program(output, make_program());
    return 0;
}
