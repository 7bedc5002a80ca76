// Printing, which the other programs begin with.
void print_bytes(char *text, long length)
{
    syscall6(1, 1, (long)text, length, 0, 0, 0);
}

void print(char *text)
{
    long length = 0;
    while (text[length])
        length++;
    print_bytes(text, length);
}

void print_number(long n)
{
    char digits[24];
    long at = 24;
    long left = n;
    do {
        long digit = left % 10;
        if (digit < 0)
            digit = -digit;
        digits[--at] = '0' + digit;
        left = left / 10;
    } while (left);
    if (n < 0)
        digits[--at] = '-';
    print_bytes(&digits[at], 24 - at);
}

void show(char *what, long n)
{
    print(what);
    print(" ");
    print_number(n);
    print("\n");
}
