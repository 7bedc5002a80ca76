// The parser's view of the tokens: the current token, and the next one.

struct Token *token;
long token_line;
char *token_file;
struct Token *token_ahead;
long ahead_line;
char *ahead_file;

void read_ahead(void)
{
    token_ahead = next_expanded();
    ahead_line = file->line;
    ahead_file = file->name;
    if (token_ahead->kind == T_NAME && token_ahead->name->keyword) {
        long keyword = token_ahead->name->keyword;
        token_ahead = copy_token(token_ahead);
        token_ahead->kind = keyword;
    }
}

void advance(void)
{
    token = token_ahead;
    token_line = ahead_line;
    token_file = ahead_file;
    if (token->kind != T_END)
        read_ahead();
    here_line = token_line;
    here_file = token_file;
}

// How deeply the input is nested. Each level takes a few calls in cc, and its stack is limited.
enum { MAX_NESTING = 1000 };

long nesting;

void go_deeper(void)
{
    nesting++;
    if (nesting > MAX_NESTING)
        fail("nested too deeply");
}

void come_back(void)
{
    nesting--;
}

void begin_tokens(void)
{
    read_ahead();
    advance();
}

long accept(long kind)
{
    if (token->kind != kind)
        return 0;
    advance();
    return 1;
}

void fail_token(char *what)
{
    if (token->kind == T_END)
        fail_about(what, "the end of the file", 19, "");
    fail_about(what, token->text, token->length, "");
}

void expect(long kind, char *what)
{
    if (!accept(kind))
        fail_token(what);
}

struct Name *expect_name(void)
{
    struct Name *name = token->name;
    if (token->kind != T_NAME)
        fail_token("expected a name before");
    advance();
    return name;
}
