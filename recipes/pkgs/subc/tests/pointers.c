// Pointers, arrays, structs, chars.
struct node { long n; char *name; struct node *next; struct other *o; };
struct other;
struct node *head;
struct node pool[10];
struct node single;
struct other { struct node *back; long *counts; char **words; };
struct other one_other;
long table[5] = { 10, 20, 30 };
char *names[] = { "zero", "one", "two", 0 };
char bytes[10] = { 1, 255, 'c', -1 };
char buffer[300];
char letter = 'L', second;
long *pointer_to_table;
void *nothing;
char **argument_list;
long strings_equal(char *a, char *b)
{
    while (*a && *a == *b) { a++; b++; }
    return *a == *b;
}
char narrow(char c) { return c + 1; }
char truncated(long n) { return n; }
long *element(long i) { return &table[i]; }
struct node *push(struct node *list, long n, char *name)
{
    struct node *new = &pool[n];
    new->n = n; new->name = name; new->next = list;
    return new;
}
long main(long argc, char **argv)
{
    char c = 250; long i; char local[16]; long numbers[4]; char *p; char **pp; long *lp; long **lpp; void *v;
    show("c", c); c += 10; show("c", c); c--; show("c", c); c -= 5; show("c", c); show("c++", c++);
    show("c", c);
    c = 0; show("--c", --c); c = 255; show("c++", c++); show("c", c); c = 0; show("c--", c--); show("c", c);
    show("assigned", c = 0x1ff); show("*=", c *= 3); show("<<=", c <<= 1); show("~", ~c); show("-", -c);
    show("!", !c);
    show("narrow", narrow(255)); show("narrow", narrow(0x1234)); show("truncated", truncated(-1));
    show("cast", (char)-2);
    show("cast", (char)(i = 777)); show("cast", (char)300 + 1);
    for (i = 0; i < 5; i++) show("table", table[i]);
    for (i = 0; i < 10; i++) show("bytes", bytes[i]);
    for (i = 0; names[i]; i++) { print(names[i]); print("\n"); }
    show("two", strings_equal(names[2], "two")); show("one", strings_equal(names[1], "two"));
    *element(3) = 33; element(4)[0] = 44; show("t3", table[3]); show("t4", *(table + 4));
    show("t4", *&table[4]);
    lp = table; lp++; show("*lp", *lp); show("*lp++", *lp++); show("*lp", *lp); show("*--lp", *--lp);
    show("diff", lp - table);
    lp += 2; show("*lp", *lp); lp -= 1; show("*lp", *lp); show("(*lp)++", (*lp)++); show("++*lp", ++*lp);
    show("lp[-1]", lp[-1]);
    lpp = &lp; **lpp = 5; show("**", **lpp); (*lpp)++; show("*lp", *lp); *lpp = &table[0]; show("*lp", *lp);
    show("cmp", lp < &table[3]); show("cmp", lp >= table + 3); show("eq", lp == table);
    show("ne", lp != &table[0]);
    show("null", lp == 0); show("null", 0 != lp); show("!p", !lp); show("p&&", lp && 1);
    for (i = 0; i < 10; i++) head = push(head, i, names[i % 3]);
    struct node *n; long total = 0;
    for (n = head; n; n = n->next) { total = total * 3 + n->n; print(n->name); }
    show("total", total);
    show("next", head->next->next->n); head->next->n += 100; show("n", head->next->n);
    show("n++", head->next->n++); show("n", (*head).next->n);
    show("diff", head - pool); show("pool", pool[4].n); pool[4].n = 7; show("pool", (&pool[4])->n);
    show("pool", (pool + 4)->n);
    single.n = 3; single.name = "single"; single.next = &single; show("single", single.next->next->n);
    print(single.name);
    one_other.back = head; one_other.counts = table; one_other.words = names; single.o = &one_other;
    show("deep", single.o->counts[2]); show("deep", single.o->back->next->n); print(single.o->words[1]);
    show("c", single.o->words[1][2]);
    single.o->counts[2]++; show("deep", table[2]); lp = &single.n; *lp = 9; show("single", single.n);
    p = local; for (i = 0; i < 15; i++) *p++ = 'a' + i; *p = 0; print(local); show("len", p - local);
    show("p[-1]", p[-1]);
    for (i = 0; i < 4; i++) numbers[i] = i * i;
    show("sum", numbers[0] + numbers[1] + numbers[2] + numbers[3]);
    buffer[299] = 'z'; show("buffer", buffer[299]); show("buffer", buffer[298]); show("letter", letter);
    show("second", second);
    pp = argv; show("argc", argc); show("argv", pp[argc] == 0); v = p; p = v; nothing = &head;
    show("v", v == p); show("v", nothing == &head);
    show("sizes",
        sizeof(long) + sizeof(char) * 100 + sizeof(char *) * 1000 + sizeof(struct node) * 100000 +
        sizeof(struct node *));
    show("cast", *(char *)&table[1]); show("cast", ((struct node *)(void *)&single)->n);
    show("cast", (long)&table[1] - (long)table);
    show("cond", *(i ? &table[1] : &table[2])); show("cond", (i ? names : 0) == names);
    show("cond", (0 ? (void *)names : names) == names);
    p = 0; show("p", p == 0); show("i", (long)p); p = (char *)1; show("p", (long)p);
    pointer_to_table = table + 1; show("ptt", pointer_to_table[1]); show("2+p", *(2 + pointer_to_table)); 
    p = "literal"; show("p[3]", p[3]); show("lit", "literal"[2]); show("*lit", *"x");
    p = &local[5]; i = 2; p[i++] = p[i - 2 + 2]; show("i", i);
    char *q = p; q++; show("q-p", q - p); { char *p = "inner"; print(p); { long p = 4; show("p", p);
    } print(p); }
    show("*q", *q);
    return 0;
}
