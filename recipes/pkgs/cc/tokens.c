// Tokens, and the lexer that cuts a file's text into them. Lines that end in a backslash are joined before.

enum {
    // One-character punctuation is its own ASCII code; longer punctuation, in the order of punctuation[].
    P_ELLIPSIS = 256, P_SHL_ASSIGN, P_SHR_ASSIGN, P_ARROW, P_INC, P_DEC, P_SHL, P_SHR, P_LE, P_GE, P_EQ, P_NE,
    P_AND, P_OR, P_MUL_ASSIGN, P_DIV_ASSIGN, P_MOD_ASSIGN, P_ADD_ASSIGN, P_SUB_ASSIGN, P_AND_ASSIGN,
    P_XOR_ASSIGN, P_OR_ASSIGN, P_PASTE,
    T_END, T_LINE_END, T_NAME, T_NUMBER, T_CHARACTER, T_STRING, T_OTHER,
    // Keywords, in the order of keywords[].
    K_AUTO, K_BREAK, K_CASE, K_CHAR, K_CONST, K_CONTINUE, K_DEFAULT, K_DO, K_DOUBLE, K_ELSE, K_ENUM, K_EXTERN,
    K_FLOAT, K_FOR, K_GOTO, K_IF, K_INLINE, K_INT, K_LONG, K_REGISTER, K_RESTRICT, K_RETURN, K_SHORT, K_SIGNED,
    K_SIZEOF, K_STATIC, K_STRUCT, K_SWITCH, K_TYPEDEF, K_UNION, K_UNSIGNED, K_VOID, K_VOLATILE, K_WHILE, K_BOOL,
    K_ALIGNOF, K_ATTRIBUTE, K_VARIADIC_START, K_EXTENSION, K_ASM, K_COMPLEX, K_TYPEOF, K_GENERIC, K_ATOMIC,
    K_THREAD, K_NORETURN, K_STATIC_ASSERT, K_ALIGNAS
};

char *punctuation[] = {
    "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
    "&&", "||", "*=", "/=", "%=", "+=", "-=", "&=", "^=", "|=", "##", 0
};

char *keywords[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
    "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "_Bool",
    "_Alignof", "__attribute__", "__builtin_variadic_start", "__extension__", "asm", "_Complex", "typeof", "_Generic",
    "_Atomic", "_Thread_local", "_Noreturn", "_Static_assert", "_Alignas", 0
};

// Other spellings, in pairs.
char *spellings[] = {
    "__const", "const", "__const__", "const", "__inline", "inline", "__inline__", "inline", "__signed__", "signed",
    "__volatile", "volatile", "__volatile__", "volatile", "__restrict", "restrict", "__restrict__", "restrict",
    "__alignof__", "_Alignof", "__attribute", "__attribute__", "__asm__", "asm", "__asm", "asm",
    "__typeof__", "typeof", "__typeof", "typeof", "__thread", "_Thread_local", 0
};

struct Token {
    long kind;
    struct Name *name; // of a T_NAME
    char *text;
    long length;
    long space;        // there is white space before it
    long first;        // it is the first of its line
    long painted;      // a name that came from its own macro: never expanded again
};

// A file being read; below is the file that includes it.
struct File {
    struct File *below;
    char *name;
    char *at;
    char *end;
    long line;
    long first;
    struct Condition *conditions;
};

struct File *file;
long in_directive;  // a line's end is a token
long in_skipped;    // text between quotes may lack its end
long file_count;

void set_up_keywords(void)
{
    long i;
    for (i = 0; keywords[i]; i++)
        name_of_text(keywords[i])->keyword = K_AUTO + i;
    for (i = 0; spellings[i]; i += 2)
        name_of_text(spellings[i])->keyword = name_of_text(spellings[i + 1])->keyword;
}

// Joins lines that end in a backslash. The line ends that go are put behind the joined line, so that lines keep their
// numbers. Returns the new end.
char *join_lines(char *text, long length)
{
    char *to = text;
    char *end = text + length;
    long owed = 0;
    while (text < end) {
        long skip = 0;
        if (text[0] == '\\') {
            if (text[1] == '\n')
                skip = 2;
            else if (text[1] == '\r' && text[2] == '\n')
                skip = 3;
        }
        if (skip) {
            owed++;
            text += skip;
        } else {
            char c = *text++;
            *to++ = c;
            if (c == '\n')
                while (owed) {
                    *to++ = '\n';
                    owed--;
                }
        }
    }
    *to = 0;
    return to;
}

void open_text(char *name, char *text, long length)
{
    struct File *f = alloc(sizeof(struct File));
    f->below = file;
    f->name = name;
    f->at = text;
    f->line = 1;
    f->first = 1;
    f->end = join_lines(text, length);
    file = f;
    file_count++;
}

long is_digit(long c)
{
    return c >= '0' && c <= '9';
}

long is_letter(long c)
{
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$';
}

long is_blank(long c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == 11 || c == 12;
}

void fail_here(char *what)
{
    here_file = file->name;
    here_line = file->line;
    fail(what);
}

// Skips white space and comments, counts lines, and returns whether there were any. In a directive it stops at the
// line's end.
long skip_blanks(void)
{
    char *p = file->at;
    long found = 0;
    for (;;) {
        if (is_blank(*p)) {
            p++;
        } else if (*p == '\n') {
            if (in_directive)
                break;
            p++;
            file->line++;
            file->first = 1;
        } else if (p[0] == '/' && p[1] == '/') {
            while (*p && *p != '\n')
                p++;
        } else if (p[0] == '/' && p[1] == '*') {
            p += 2;
            while (p[0] != '*' || p[1] != '/') {
                if (p >= file->end)
                    fail_here("unterminated comment");
                if (*p == '\n')
                    file->line++;
                p++;
            }
            p += 2;
        } else {
            break;
        }
        found = 1;
    }
    file->at = p;
    return found;
}

// The length of a quoted token, including the quotes.
long quoted_length(char *p)
{
    char quote = *p;
    long n = 1;
    while (p[n] != quote) {
        if (p[n] == 0 || p[n] == '\n') {
            if (in_skipped)
                return n;
            fail_here("unterminated string or character constant");
        }
        if (p[n] == '\\' && p[n + 1])
            n++;
        n++;
    }
    return n + 1;
}

// A preprocessing number; whether it is a valid number is decided later.
long number_length(char *p)
{
    long n = 1;
    for (;;) {
        long sign = p[n] == '+' || p[n] == '-';
        if (sign && (p[n - 1] == 'e' || p[n - 1] == 'E' || p[n - 1] == 'p' || p[n - 1] == 'P'))
            n++;
        else if (is_letter(p[n]) || is_digit(p[n]) || p[n] == '.')
            n++;
        else
            return n;
    }
}

long punctuation_kind(char *p)
{
    long i;
    // No longer punctuation starts with any of these.
    if (*p == '(' || *p == ')' || *p == ';' || *p == ',' || *p == '[' || *p == ']' || *p == '{' || *p == '}')
        return *p;
    for (i = 0; punctuation[i]; i++) {
        char *s = punctuation[i];
        if (s[0] == p[0] && s[1] == p[1] && (s[2] == 0 || s[2] == p[2]))
            return P_ELLIPSIS + i;
    }
    return *p;
}

long is_punctuation(long c)
{
    char *all = "!#%&()*+,-./:;<=>?[]^{|}~";
    while (*all && *all != c)
        all++;
    return *all != 0;
}

// The next token of the file. T_END stays T_END.
struct Token *lex(void)
{
    struct Token *t = alloc(sizeof(struct Token));
    t->space = skip_blanks();
    here_file = file->name;
    here_line = file->line;
    t->first = file->first;
    char *p = file->at;
    t->text = p;
    long n = 1;
    if (p >= file->end) {
        t->kind = T_END;
        if (in_directive)
            t->kind = T_LINE_END;
        t->length = 0;
        return t;
    }
    if (*p == '\n') {
        t->kind = T_LINE_END;
        t->length = 0;
        return t;
    }
    file->first = 0;
    if (is_letter(*p)) {
        while (is_letter(p[n]) || is_digit(p[n]))
            n++;
        t->kind = T_NAME;
        t->name = name_of(p, n);
    } else if (is_digit(*p) || *p == '.' && is_digit(p[1])) {
        t->kind = T_NUMBER;
        n = number_length(p);
    } else if (*p == '"' || *p == '\'') {
        t->kind = T_STRING;
        if (*p == '\'')
            t->kind = T_CHARACTER;
        n = quoted_length(p);
    } else if (is_punctuation(*p)) {
        t->kind = punctuation_kind(p);
        if (t->kind >= P_ELLIPSIS)
            n = text_length(punctuation[t->kind - P_ELLIPSIS]);
    } else {
        t->kind = T_OTHER;
    }
    t->length = n;
    file->at = p + n;
    return t;
}
