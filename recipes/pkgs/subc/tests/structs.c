// Structs and pointers to them, in every place where one can be.
struct item { long key; char *name; struct item *next; struct list *owner; long *numbers; };
struct list { struct item *first; struct item **last; long count; char **names; void *any; };
struct item items[20];
struct list lists[3];
struct list all, other;
struct item one;
struct list *lists_pointer;
long used;
long numbers[30];
char *some_names[4];
struct item *make(long key, char *name)
{
    struct item *it = &items[used++];
    it->key = key; it->name = name; it->numbers = numbers + key;
    return it;
}
void add(struct list *list, struct item *it)
{
    if (list->last == 0) list->last = &list->first;
    *list->last = it; list->last = &it->next; it->owner = list; list->count++;
}
struct item *find(struct list *list, long key)
{
    struct item *it;
    for (it = list->first; it && it->key != key; it = it->next) ;
    return it;
}
long sum(struct list *list) { long s = 0; struct item *it = list->first;
while (it) { s += it->key * ++it->owner->count; it = it->next; } return s; }
struct item **place(struct item **p, long n) { while (n-- && *p) p = &(*p)->next; return p; }
long at(long *p, long i) { return p[i]; }
long main(long argc, char **argv)
{
    long i; struct item *it; struct item **pp; struct list *l; long *n; char *s; char **ss; void *v;
    struct item ***ppp;
    for (i = 0; i < 30; i++) numbers[i] = i * 7 - 3;
    for (i = 0; i < 9; i++) add(&lists[i % 3], make(i, i & 1 ? "odd" : "even"));
    for (i = 0; i < 3; i++) { l = lists + i; show("count", l->count); show("sum", sum(l));
    show("count", (*l).count); show("count", lists[i].count); }
    it = find(&lists[1], 4); show("key", it->key); print(it->name); show("name", it->name[1]);
    show("name", *(it->name + 2)); show("numbers", it->numbers[2]); show("numbers", *it->numbers++);
    show("numbers", *it->numbers);
    it->key++; show("key", it->key); it->key += 10; show("key", it->key); it->key <<= it->key & 3;
    show("key", it->key); show("post", it->key--); show("pre", --it->key); show("neg", -it->key);
    show("addr", *&it->key); n = &it->key; *n += 5; show("n", it->key); (*n)++; show("n", *n);
    show("n", n[0]); n = &(*it).key; show("n", *n);
    show("next", it->next->key); show("next", it->next->next == 0); show("owner", it->owner == &lists[1]);
    show("owner", it->owner->first->next->owner - lists);
    pp = place(&lists[2].first, 1); show("pp", (*pp)->key); *pp = (*pp)->next;
    show("pp", lists[2].first->next->key); ppp = &pp; show("ppp", (**ppp)->key); show("ppp", (*ppp)[0]->key);
    *ppp = &lists[0].first; show("pp", pp[0]->key);
    show("items", items[3].key + items[4].next->key); items[5] .key = items[6].key * 2;
    show("items", (items + 5)->key); show("items", (&items[8])[-3].key); show("diff", &items[8] - &items[3]);
    show("diff", it - items); show("diff", items - it); it = items; it++; show("it", it->key); it += 3;
    show("it", it->key); it -= 2; show("it", it->key); show("it++", it++->key); show("it", it->key);
    show("--it", (--it)->key); show("it[2]", it[2].key); show("less", it < items + 3);
    show("less", items + 3 <= it);
    all.count = 5; all.count *= all.count + 1; show("all", all.count); all.names = some_names;
    all.names[2] = "third"; print(all.names[2]); show("all", all.names[2][1]); all.any = &all;
    show("any", ((struct list *)all.any)->count); l = all.any; show("any", l->count); all.first = &one;
    all.first->key = 77; show("one", one.key); one.owner = &all; one.owner->count--; show("all", all.count);
    one.next = &one; show("loop", one.next->next->next->key); one.numbers = &one.key; *one.numbers = 8;
    show("one", one.key); one.numbers[0] = 9; show("one", one.key);
    lists_pointer = lists; lists_pointer[1].count = 100; lists_pointer++->count = 50;
    show("lp", lists_pointer->count); show("lp", lists_pointer[-1].count); lists_pointer->names = argv;
    show("argv", lists_pointer->names[argc] == 0); ss = lists_pointer->names + 1; print(*ss++); print(*ss);
    v = numbers; n = v; show("v", n[3]); show("at", at(v, 4)); show("at", at(&numbers[5], -1));
    show("at", at(it->numbers, 1)); s = v; show("byte", s[8]); *(long *)(s + 16) = 0x4142434445464748;
    show("byte", s[17]); s[18] = 'z'; show("long", numbers[2]); show("cast", *(char *)&numbers[2]);
    show("cast", (char)numbers[2]); show("cast", ((char *)numbers)[19]);
    show("bool", it && it->next && !it->next->name == 0); show("cond", (it ? it : &one)->key);
    show("cond", (argc ? &one : it)->key); show("size", sizeof(struct item) + sizeof(struct list *));
    show("null", (long)&((struct item *)0)->owner);
    i = 3; numbers[i] = i; numbers[i + 1] = numbers[i] = 9; show("n", numbers[3] + numbers[4]);
    numbers[numbers[3]] += 2; show("n", numbers[9]); numbers[i] -= numbers[i + 1]++ ; show("n", numbers[3]);
    show("n", numbers[4]); n = numbers; *n++ = 4; show("n", n - numbers); *--n = 5; show("n", *n);
    n[1] ^= n[2] | 1; show("n", n[1]);
    return items[2].key;
}
