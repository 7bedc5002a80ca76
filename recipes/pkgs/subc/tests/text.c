// Comments, constants, strings, names.
/* a comment /* in a comment ** / "" ' */
long _under_Score9 = 0x7fFF;
long a123456789012345678901234567890123456789012345678901234567890ab = 63;
char *joined = "one" " " /* between */
    "two\t\\\"\'" // and
    "\x41\x7e\x00 behind a zero";
long main(long argc, char **argv)
{
    show("hex", 0xffffffffffffffff); show("HEX", 0XABCDEF); show("dec", 9223372036854775807); show("zero", 0);
    show("a", 'a'); show("nl", '\n'); show("t", '\t'); show("r", '\r'); show("nul", '\0'); show("bs", '\\');
    show("ap", '\''); show("qu", '"'); show("qu2", '\"'); show("xff", '\xff'); show("x7F", '\x7F');
    show("space", ' ');
    print(joined); print("\n");
    print_bytes(joined, 28); print("\n");
    show("_", _under_Score9);
    show("long", a123456789012345678901234567890123456789012345678901234567890ab);
    print("" ""); print("" "x" "" "\n");
    print("slash / star * // not a comment /* nor this */\n");
    long x = 5; x = x /* c */ + /**/ 3/**// 2; show("x", x);
    return 300; }
