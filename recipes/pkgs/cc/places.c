// Registers and memory: loading, storing and normalising values of each type. All
// integers and pointers are 64 bits in a register, extended as their type says.

enum { RAX = 0, RCX = 1 };

void generate(struct Node *n);
void generate_address(struct Node *n);
void generate_float(struct Node *n);
void generate_call(struct Node *n);
void convert_float(struct Type *from, struct Type *to);
void load_float(struct Node *place);
void store_float(struct Node *place);
void push_float(struct Type *t);
void compare_floats(struct Node *n);

// The operands of an instruction: a register, and the memory at `place`. If the place is the target of a pointer, that
// pointer is in the register `base`.
void emit_operand(long reg, struct Node *place, long base)
{
    if (place->op == N_LOCAL) {
        if (place->value >= -128 && place->value <= 127) {
            emit(1, 0x45 + reg * 8); // [rbp + byte]
            emit(1, place->value);
        } else {
            emit(1, 0x85 + reg * 8); // [rbp + 4 bytes]
            emit32(place->value);
        }
    } else if (place->op == N_GLOBAL) {
        emit(2, 0x0425 + reg * 0x800); // [address]
        emit_address(ABSOLUTE, place->object, place->value);
    } else if (place->value == 0) {
        emit(1, reg * 8 + base); // [base]
    } else {
        emit(1, 0x80 + reg * 8 + base); // [base + 4 bytes]
        emit32(place->value);
    }
}

void load_integer(long reg, struct Type *t, struct Node *place, long base)
{
    switch (size_of(t)) {
    case 1:
        if (t->is_unsigned)
            emit(2, 0x0fb6); // movzx
        else
            emit(3, 0x480fbe); // movsx
        break;
    case 2:
        if (t->is_unsigned)
            emit(2, 0x0fb7); // movzx
        else
            emit(3, 0x480fbf); // movsx
        break;
    case 4:
        if (t->is_unsigned)
            emit(1, 0x8b); // mov, which clears the upper half
        else
            emit(2, 0x4863); // movsxd
        break;
    default:
        emit(2, 0x488b); // mov
    }
    emit_operand(reg, place, base);
}

void store_integer(long reg, struct Type *t, struct Node *place, long base)
{
    switch (size_of(t)) {
    case 1:
        emit(1, 0x88);
        break;
    case 2:
        emit(2, 0x6689);
        break;
    case 4:
        emit(1, 0x89);
        break;
    default:
        emit(2, 0x4889);
    }
    emit_operand(reg, place, base);
}

void load_number(long reg, long value)
{
    if (value == 0) {
        emit(2, 0x31c0 + reg * 9); // xor reg, reg
    } else if (value > 0 && value <= 0xffffffff) {
        emit(1, 0xb8 + reg); // mov reg (4 bytes), number
        emit32(value);
    } else if (value < 0 && value >= -(long)0x80000000) {
        emit(3, 0x48c7c0 + reg); // mov reg, number with sign
        emit32(value);
    } else {
        emit(2, 0x48b8 + reg); // mov reg, number of 8 bytes
        emit64(value);
    }
}

void load_address(long reg, struct Node *place)
{
    if (place->op == N_LOCAL) {
        emit(2, 0x488d); // lea
        emit_operand(reg, place, RAX);
    } else {
        emit(1, 0xb8 + reg); // mov reg (4 bytes), address
        emit_address(ABSOLUTE, place->object, place->value);
    }
}

// Extends rax to a value of the type; only its low bits are valid before.
void normalise(struct Type *t)
{
    if (t->kind == TY_BOOL) {
        emit(3, 0x4885c0); // test rax, rax
        emit(3, 0x0f95c0); // setne al
        emit(3, 0x0fb6c0); // movzx eax, al
        return;
    }
    switch (size_of(t)) {
    case 1:
        if (t->is_unsigned)
            emit(3, 0x0fb6c0); // movzx eax, al
        else
            emit(4, 0x480fbec0); // movsx rax, al
        break;
    case 2:
        if (t->is_unsigned)
            emit(3, 0x0fb7c0); // movzx eax, ax
        else
            emit(4, 0x480fbfc0); // movsx rax, ax
        break;
    case 4:
        if (t->is_unsigned)
            emit(2, 0x89c0); // mov eax, eax
        else
            emit(2, 0x4898); // cdqe
        break;
    }
}

void push_rax(void)
{
    emit(1, 0x50);
}

void pop_rcx(void)
{
    emit(1, 0x59);
}

long is_fixed_place(struct Node *n)
{
    return n->op == N_LOCAL || n->op == N_GLOBAL;
}

// Whether the value can be brought into a register without touching another.
long is_simple(struct Node *n)
{
    if (n->op == N_CAST && (is_integer(n->type) || n->type->kind == TY_POINTER)
        && (is_integer(n->a->type) || n->a->type->kind == TY_POINTER) && holds_all(n->type, n->a->type))
        return is_simple(n->a);
    if (n->op == N_NUMBER)
        return 1;
    if (n->op == N_ADDRESS)
        return is_fixed_place(n->a);
    return is_fixed_place(n) && is_scalar(n->type) && !is_float(n->type);
}

void load_simple(long reg, struct Node *n)
{
    if (n->op == N_CAST)
        load_simple(reg, n->a);
    else if (n->op == N_NUMBER)
        load_number(reg, n->value);
    else if (n->op == N_ADDRESS)
        load_address(reg, n->a);
    else
        load_integer(reg, n->type, n, RAX);
}

// a in rax and b in rcx.
void generate_pair(struct Node *a, struct Node *b)
{
    if (is_simple(b)) {
        generate(a);
        load_simple(RCX, b);
    } else {
        generate(b);
        push_rax();
        generate(a);
        pop_rcx();
    }
}
