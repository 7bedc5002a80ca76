// Code for expressions with integers and pointers. The value is in rax, extended to 64 bits according to its type; for
// a struct, rax is its address. Values needed later are pushed. Floating-point values: see generate_floats.c.

// rax is the address of the bit-field's integer; loads the value of the bit-field into rax.
void load_bits(struct Node *n)
{
    struct Type *t = n->type;
    load_integer(RAX, t, n->a, RAX);
    emit(3, 0x48c1e0); // shl rax, ...
    emit(1, 64 - n->member->shift - n->member->width);
    if (t->is_unsigned)
        emit(3, 0x48c1e8); // shr rax, ...
    else
        emit(3, 0x48c1f8); // sar rax, ...
    emit(1, 64 - n->member->width);
}

void store_bits(struct Node *n, struct Node *value)
{
    struct Member *m = n->member;
    long mask = -1;
    if (m->width < 64)
        mask = ((long)1 << m->width) - 1;
    long fixed = is_fixed_place(n->a);
    if (!fixed) {
        generate(n->a->a);
        push_rax();
    }
    generate(value);
    load_number(RCX, mask);
    emit(3, 0x4821c8); // and rax, rcx
    emit(2, 0x4889); // mov rdx, rax
    emit(1, 0xc2);
    if (!fixed)
        emit(1, 0x5e); // pop rsi
    // rdx: the new bits. rax becomes the integer with them in their place.
    emit(3, 0x48c1e2); // shl rdx, ...
    emit(1, m->shift);
    load_integer(RAX, n->type, n->a, 6);
    load_number(RCX, ~(mask << m->shift));
    emit(3, 0x4821c8); // and rax, rcx
    emit(3, 0x4809d0); // or rax, rdx
    store_integer(RAX, n->type, n->a, 6);
    // The value of the assignment is what is in the bit-field now. As the integer is in rax, cut it out.
    emit(3, 0x48c1e0); // shl rax, ...
    emit(1, 64 - m->shift - m->width);
    if (n->type->is_unsigned)
        emit(3, 0x48c1e8); // shr rax, ...
    else
        emit(3, 0x48c1f8); // sar rax, ...
    emit(1, 64 - m->width);
}

// Copies n bytes from [rsi] to [rdi].
void copy_memory(long n)
{
    if (n >= 128) {
        emit(1, 0xb9); // mov ecx, ...
        emit32(n / 8);
        emit(3, 0xf348a5); // rep movsq
        n = n % 8;
    }
    while (n >= 8) {
        emit(2, 0x48a5); // movsq
        n -= 8;
    }
    while (n > 0) {
        emit(1, 0xa4); // movsb
        n--;
    }
}

void generate_assignment(struct Node *place, struct Node *value)
{
    struct Type *t = place->type;
    if (place->op == N_BITS) {
        store_bits(place, value);
    } else if (t->kind == TY_STRUCT || t->kind == TY_ARRAY) {
        generate_address(place);
        push_rax();
        generate_address(value);
        emit(3, 0x4889c6); // mov rsi, rax
        emit(1, 0x5f); // pop rdi
        emit(1, 0x57); // push rdi
        copy_memory(size_of(t));
        emit(1, 0x58); // pop rax
    } else if (is_float(t)) {
        if (place->op == N_DEREF) {
            generate(place->a);
            push_rax();
        }
        generate(value);
        if (place->op == N_DEREF)
            pop_rcx();
        store_float(place);
    } else if (is_fixed_place(place)) {
        generate(value);
        store_integer(RAX, t, place, RCX);
    } else if (is_simple(value)) {
        generate(place->a);
        load_simple(RCX, value);
        store_integer(RCX, t, place, RAX);
        emit(3, 0x4889c8); // mov rax, rcx
    } else {
        generate(place->a);
        push_rax();
        generate(value);
        pop_rcx();
        store_integer(RAX, t, place, RCX);
    }
}

// Evaluates for side effects only, and leaves the floating-point stack empty.
void generate_effect(struct Node *n)
{
    if (n->op == N_COMMA && n->a) {
        generate_effect(n->a);
        generate_effect(n->b);
        return;
    }
    generate(n);
    if (n->type->kind == TY_LDOUBLE)
        emit(2, 0xddd8); // fstp st(0)
}

void generate_address(struct Node *n)
{
    if (is_fixed_place(n)) {
        load_address(RAX, n);
    } else if (n->op == N_DEREF) {
        generate(n->a);
        if (n->value) {
            emit(2, 0x4805); // add rax, ...
            emit32(n->value);
        }
    } else {
        // A struct that is a value is its address.
        generate(n);
    }
}

long condition_of(struct Node *n)
{
    long without_sign = n->a->type->is_unsigned || n->a->type->kind == TY_POINTER;
    switch (n->op) {
    case N_EQUAL: return IF_EQUAL;
    case N_UNEQUAL: return IF_UNEQUAL;
    case N_LESS:
        if (without_sign)
            return IF_BELOW;
        return IF_LESS;
    }
    if (without_sign)
        return IF_NOT_ABOVE;
    return IF_NOT_GREATER;
}

long fits_32(struct Node *n)
{
    return n->op == N_NUMBER && n->value >= -(long)0x80000000 && n->value <= 0x7fffffff;
}

void compare_integers(struct Node *n)
{
    if (fits_32(n->b)) {
        generate(n->a);
        emit(2, 0x483d); // cmp rax, ...
        emit32(n->b->value);
    } else {
        generate_pair(n->a, n->b);
        emit(3, 0x4839c8); // cmp rax, rcx
    }
}

long is_comparison(struct Node *n)
{
    return n->op >= N_EQUAL && n->op <= N_LESS_EQUAL;
}

// Jumps to s if n is true (when is 1) or if it is false (when is 0).
void branch(struct Node *n, struct Spot *s, long when)
{
    if (n->op == N_NUMBER) {
        if ((n->value != 0) == when)
            jump(s);
    } else if (n->op == N_NOT) {
        branch(n->a, s, !when);
    } else if ((n->op == N_AND) == when && (n->op == N_AND || n->op == N_OR)) {
        struct Spot *over = new_spot();
        branch(n->a, over, !when);
        branch(n->b, s, when);
        place_spot(over);
    } else if (n->op == N_AND || n->op == N_OR) {
        branch(n->a, s, when);
        branch(n->b, s, when);
    } else if (is_comparison(n) && !is_float(n->a->type)) {
        compare_integers(n);
        jump_if(condition_of(n) ^ !when, s);
    } else {
        generate(n);
        emit(3, 0x4885c0); // test rax, rax
        jump_if(IF_UNEQUAL ^ !when, s);
    }
}

void generate_truth(struct Node *n)
{
    struct Spot *no = new_spot();
    struct Spot *end = new_spot();
    branch(n, no, 0);
    load_number(RAX, 1);
    jump(end);
    place_spot(no);
    load_number(RAX, 0);
    place_spot(end);
}

void generate_choice(struct Node *n)
{
    struct Spot *no = new_spot();
    struct Spot *end = new_spot();
    branch(n->c, no, 0);
    if (n->type->kind == TY_VOID)
        generate_effect(n->a);
    else
        generate(n->a);
    jump(end);
    place_spot(no);
    if (n->type->kind == TY_VOID)
        generate_effect(n->b);
    else
        generate(n->b);
    place_spot(end);
}

// rax op rcx
void emit_arithmetic(long op, struct Type *t)
{
    switch (op) {
    case N_ADD: emit(3, 0x4801c8); break;           // add rax, rcx
    case N_SUBTRACT: emit(3, 0x4829c8); break;      // sub rax, rcx
    case N_MULTIPLY: emit(4, 0x480fafc1); break;    // imul rax, rcx
    case N_BIT_AND: emit(3, 0x4821c8); return;      // and rax, rcx
    case N_BIT_OR: emit(3, 0x4809c8); return;       // or rax, rcx
    case N_BIT_XOR: emit(3, 0x4831c8); return;      // xor rax, rcx
    case N_SHIFT_LEFT: emit(3, 0x48d3e0); break;    // shl rax, cl
    case N_SHIFT_RIGHT:
        if (t->is_unsigned)
            emit(3, 0x48d3e8);                      // shr rax, cl
        else
            emit(3, 0x48d3f8);                      // sar rax, cl
        return;
    default:
        if (t->is_unsigned) {
            emit(2, 0x31d2);                        // xor edx, edx
            emit(3, 0x48f7f1);                      // div rcx
        } else {
            emit(2, 0x4899);                        // cqo
            emit(3, 0x48f7f9);                      // idiv rcx
        }
        if (op == N_REMAINDER)
            emit(3, 0x4889d0);                      // mov rax, rdx
    }
    normalise(t);
}

void generate_arithmetic(struct Node *n)
{
    long immediate = 0;
    switch (n->op) {
    case N_ADD: immediate = 0x4805; break;
    case N_SUBTRACT: immediate = 0x482d; break;
    case N_BIT_AND: immediate = 0x4825; break;
    case N_BIT_OR: immediate = 0x480d; break;
    case N_BIT_XOR: immediate = 0x4835; break;
    }
    if (immediate && fits_32(n->b)) {
        generate(n->a);
        emit(2, immediate);
        emit32(n->b->value);
        if (n->op == N_ADD || n->op == N_SUBTRACT)
            normalise(n->type);
        return;
    }
    generate_pair(n->a, n->b);
    emit_arithmetic(n->op, n->type);
}

void generate_cast(struct Node *n)
{
    struct Type *from = n->a->type;
    struct Type *to = n->type;
    if (to->kind == TY_VOID) {
        generate_effect(n->a);
        return;
    }
    generate(n->a);
    if (is_float(from) || is_float(to))
        convert_float(from, to);
    else if (is_scalar(to) && !holds_all(to, from))
        normalise(to);
}

void generate(struct Node *n)
{
    long of_any_type = n->op == N_CALL || n->op == N_COMMA || n->op == N_CHOICE || n->op == N_ASSIGN || n->op == N_CAST;
    if (is_float(n->type) && !of_any_type) {
        generate_float(n);
        return;
    }
    switch (n->op) {
    case N_LOCAL: case N_GLOBAL: case N_NUMBER:
        if (n->op == N_NUMBER)
            load_number(RAX, n->value);
        else if (is_scalar(n->type))
            load_integer(RAX, n->type, n, RAX);
        else
            load_address(RAX, n);
        return;
    case N_DEREF:
        if (is_scalar(n->type)) {
            generate(n->a);
            load_integer(RAX, n->type, n, RAX);
        } else {
            generate_address(n);
        }
        return;
    case N_BITS:
        if (!is_fixed_place(n->a))
            generate(n->a->a);
        load_bits(n);
        return;
    case N_ADDRESS:
        generate_address(n->a);
        return;
    case N_CAST:
        generate_cast(n);
        return;
    case N_ASSIGN:
        generate_assignment(n->a, n->b);
        return;
    case N_CALL:
        generate_call(n);
        return;
    case N_COMMA:
        if (n->a)
            generate_effect(n->a);
        generate(n->b);
        return;
    case N_CHOICE:
        generate_choice(n);
        return;
    case N_AND: case N_OR: case N_NOT:
        generate_truth(n);
        return;
    case N_NEGATE:
        generate(n->a);
        emit(3, 0x48f7d8); // neg rax
        normalise(n->type);
        return;
    case N_COMPLEMENT:
        generate(n->a);
        emit(3, 0x48f7d0); // not rax
        normalise(n->type);
        return;
    case N_CLEAR:
        generate_address(n->a);
        emit(3, 0x4889c7); // mov rdi, rax
        emit(1, 0xb9); // mov ecx, ...
        emit32(n->value);
        emit(2, 0x31c0); // xor eax, eax
        emit(2, 0xf3aa); // rep stosb
        return;
    case N_VARIADIC:
        load_address(RAX, local_node(n->value, n->type));
        return;
    case N_EQUAL: case N_UNEQUAL: case N_LESS: case N_LESS_EQUAL:
        if (is_float(n->a->type)) {
            compare_floats(n);
            return;
        }
        compare_integers(n);
        emit(3, 0x0f90c0 + condition_of(n) * 0x100); // setcc al
        emit(3, 0x0fb6c0); // movzx eax, al
        return;
    }
    generate_arithmetic(n);
}
