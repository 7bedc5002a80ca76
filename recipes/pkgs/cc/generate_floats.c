// Code for floating-point numbers: float and double in xmm0, long double in st(0). Nothing else stays on the x87's
// stack while anything else is evaluated, so that it cannot overflow.

void load_float(struct Node *place)
{
    if (place->op == N_DEREF)
        generate(place->a);
    if (place->type->kind == TY_FLOAT) {
        emit(3, 0xf30f10); // movss xmm0, ...
        emit_operand(0, place, RAX);
    } else if (place->type->kind == TY_DOUBLE) {
        emit(3, 0xf20f10); // movsd xmm0, ...
        emit_operand(0, place, RAX);
    } else {
        emit(1, 0xdb); // fld tbyte ...
        emit_operand(5, place, RAX);
    }
}

// To the place whose pointer is in rcx; the value stays.
void store_float(struct Node *place)
{
    if (place->type->kind == TY_FLOAT) {
        emit(3, 0xf30f11); // movss ..., xmm0
        emit_operand(0, place, RCX);
    } else if (place->type->kind == TY_DOUBLE) {
        emit(3, 0xf20f11); // movsd ..., xmm0
        emit_operand(0, place, RCX);
    } else {
        emit(2, 0xd9c0); // fld st(0)
        emit(1, 0xdb); // fstp tbyte ...
        emit_operand(7, place, RCX);
    }
}

void push_float(struct Type *t)
{
    if (t->kind == TY_LDOUBLE) {
        emit(4, 0x4883ec10); // sub rsp, 16
        emit(3, 0xdb3c24); // fstp tbyte [rsp]
    } else {
        emit(4, 0x4883ec08); // sub rsp, 8
        emit(5, 0xf20f110424); // movsd [rsp], xmm0
    }
}

void load_real(struct Real *r, struct Type *t)
{
    if (t->kind == TY_LDOUBLE) {
        load_number(RAX, real_top(r));
        push_rax();
        load_number(RAX, real_bottom(r));
        push_rax();
        emit(3, 0xdb2c24); // fld tbyte [rsp]
        emit(4, 0x4883c410); // add rsp, 16
        return;
    }
    load_number(RAX, real_bits(r, t));
    emit(5, 0x66480f6ec0); // movq xmm0, rax
}

// b in xmm1 and a in xmm0; or a in st(1) and b in st(0).
void generate_float_pair(struct Node *a, struct Node *b)
{
    generate(b);
    push_float(b->type);
    generate(a);
    if (a->type->kind == TY_LDOUBLE) {
        emit(3, 0xdb2c24); // fld tbyte [rsp]
        emit(4, 0x4883c410); // add rsp, 16
    } else {
        emit(5, 0xf20f100c24); // movsd xmm1, [rsp]
        emit(4, 0x4883c408); // add rsp, 8
    }
}

// The result is in rax. With a NaN, only != is true.
void compare_floats(struct Node *n)
{
    long kind = n->a->type->kind;
    generate_float_pair(n->a, n->b);
    if (kind == TY_LDOUBLE) {
        emit(2, 0xdfe9); // fucomip st(0), st(1): b against a
        emit(2, 0xddd8); // fstp st(0)
    } else if (kind == TY_DOUBLE) {
        emit(4, 0x660f2ec8); // ucomisd xmm1, xmm0: b against a
    } else {
        emit(3, 0x0f2ec8); // ucomiss xmm1, xmm0: b against a
    }
    switch (n->op) {
    case N_LESS:
        emit(3, 0x0f97c0); // seta al
        break;
    case N_LESS_EQUAL:
        emit(3, 0x0f93c0); // setae al
        break;
    case N_EQUAL:
        emit(3, 0x0f94c0); // sete al
        emit(3, 0x0f9bc1); // setnp cl
        emit(2, 0x20c8); // and al, cl
        break;
    default:
        emit(3, 0x0f95c0); // setne al
        emit(3, 0x0f9ac1); // setp cl
        emit(2, 0x08c8); // or al, cl
    }
    emit(3, 0x0fb6c0); // movzx eax, al
}

// rax without sign to xmm0. From 2^63 on, half of it is converted, its last bit kept for the rounding, and doubled.
void unsigned_to_float(long prefix)
{
    struct Spot *high = new_spot();
    struct Spot *end = new_spot();
    emit(3, 0x4885c0); // test rax, rax
    jump_if(IF_SIGN, high);
    emit(1, prefix);
    emit(4, 0x480f2ac0); // cvtsi2ss or cvtsi2sd xmm0, rax
    jump(end);
    place_spot(high);
    emit(3, 0x4889c1); // mov rcx, rax
    emit(3, 0x48d1e8); // shr rax, 1
    emit(3, 0x83e101); // and ecx, 1
    emit(3, 0x4809c8); // or rax, rcx
    emit(1, prefix);
    emit(4, 0x480f2ac0); // cvtsi2ss or cvtsi2sd xmm0, rax
    emit(1, prefix);
    emit(3, 0x0f58c0); // addss or addsd xmm0, xmm0
    place_spot(end);
}

void integer_to_float(struct Type *from, struct Type *to)
{
    long wide = (from->is_unsigned || from->kind == TY_POINTER) && size_of(from) == 8;
    if (to->kind == TY_LDOUBLE) {
        push_rax();
        emit(3, 0xdf2c24); // fild qword [rsp]
        emit(1, 0x59); // pop rcx
        if (wide) {
            struct Spot *end = new_spot();
            emit(3, 0x4885c9); // test rcx, rcx
            jump_if(IF_SIGN ^ 1, end);
            emit(1, 0x68); // push 2^64 as a float
            emit32(0x5f800000);
            emit(3, 0xd80424); // fadd dword [rsp]
            emit(1, 0x59); // pop rcx
            place_spot(end);
        }
        return;
    }
    long prefix = 0xf2;
    if (to->kind == TY_FLOAT)
        prefix = 0xf3;
    if (wide) {
        unsigned_to_float(prefix);
    } else {
        emit(1, prefix);
        emit(4, 0x480f2ac0); // cvtsi2ss or cvtsi2sd xmm0, rax
    }
}

// st(0) to rax, truncated.
void ldouble_to_integer(void)
{
    emit(1, 0x50); // push rax, for the room
    emit(3, 0xdd0c24); // fisttp qword [rsp]
    emit(1, 0x58); // pop rax
}

void float_to_ldouble(struct Type *from)
{
    emit(1, 0x50); // push rax, for the room
    if (from->kind == TY_FLOAT) {
        emit(5, 0xf30f110424); // movss [rsp], xmm0
        emit(3, 0xd90424); // fld dword [rsp]
    } else {
        emit(5, 0xf20f110424); // movsd [rsp], xmm0
        emit(3, 0xdd0424); // fld qword [rsp]
    }
    emit(1, 0x59); // pop rcx
}

// To an unsigned integer of 64 bits: what is 2^63 or more is converted less 2^63. All goes through the x87, whose 64
// bits hold every value exactly.
void float_to_unsigned(struct Type *from)
{
    struct Spot *low = new_spot();
    struct Spot *end = new_spot();
    if (from->kind != TY_LDOUBLE)
        float_to_ldouble(from);
    emit(1, 0x68); // push 2^63 as a float
    emit32(0x5f000000);
    emit(3, 0xd90424); // fld dword [rsp]
    emit(1, 0x59); // pop rcx
    emit(2, 0xdbe9); // fucomi st(0), st(1)
    jump_if(IF_ABOVE, low);
    emit(2, 0xdee9); // fsubp: the value less 2^63
    ldouble_to_integer();
    emit(5, 0x480fbaf83f); // btc rax, 63
    jump(end);
    place_spot(low);
    emit(2, 0xddd8); // fstp st(0)
    ldouble_to_integer();
    place_spot(end);
}

void float_to_integer(struct Type *from, struct Type *to)
{
    long size = size_of(to);
    if (size == 8 && to->is_unsigned) {
        float_to_unsigned(from);
    } else if (from->kind == TY_LDOUBLE) {
        ldouble_to_integer();
    } else {
        // What does not fit is not defined. It comes out as from other compilers if int is converted to as such.
        emit(1, 0xf3 - (from->kind == TY_DOUBLE));
        if (size == 8 || size == 4 && to->is_unsigned)
            emit(1, 0x48);
        emit(3, 0x0f2cc0); // cvttss2si or cvttsd2si rax (or eax), xmm0
    }
    normalise(to);
}

void convert_float(struct Type *from, struct Type *to)
{
    if (from->kind == to->kind)
        return;
    if (!is_float(from)) {
        integer_to_float(from, to);
    } else if (!is_float(to)) {
        float_to_integer(from, to);
    } else if (to->kind == TY_LDOUBLE) {
        float_to_ldouble(from);
    } else if (from->kind == TY_LDOUBLE) {
        emit(1, 0x50); // push rax, for the room
        if (to->kind == TY_FLOAT) {
            emit(3, 0xd91c24); // fstp dword [rsp]
            emit(5, 0xf30f100424); // movss xmm0, [rsp]
        } else {
            emit(3, 0xdd1c24); // fstp qword [rsp]
            emit(5, 0xf20f100424); // movsd xmm0, [rsp]
        }
        emit(1, 0x59); // pop rcx
    } else if (to->kind == TY_DOUBLE) {
        emit(4, 0xf30f5ac0); // cvtss2sd xmm0, xmm0
    } else {
        emit(4, 0xf20f5ac0); // cvtsd2ss xmm0, xmm0
    }
}

void negate_float(struct Type *t)
{
    if (t->kind == TY_LDOUBLE) {
        emit(2, 0xd9e0); // fchs
        return;
    }
    emit(5, 0x66480f7ec0); // movq rax, xmm0
    emit(4, 0x480fbaf8); // btc rax, ...
    if (t->kind == TY_FLOAT)
        emit(1, 31);
    else
        emit(1, 63);
    emit(5, 0x66480f6ec0); // movq xmm0, rax
}

void generate_float(struct Node *n)
{
    long x87 = 0;
    long sse = 0;
    switch (n->op) {
    case N_REAL:
        load_real(n->real, n->type);
        return;
    case N_LOCAL: case N_GLOBAL: case N_DEREF:
        load_float(n);
        return;
    case N_NEGATE:
        generate(n->a);
        negate_float(n->type);
        return;
    case N_ADD: x87 = 0xdec1; sse = 0x58; break;      // faddp; addss, addsd
    case N_SUBTRACT: x87 = 0xdee9; sse = 0x5c; break; // fsubp; subss, subsd
    case N_MULTIPLY: x87 = 0xdec9; sse = 0x59; break; // fmulp; mulss, mulsd
    case N_DIVIDE: x87 = 0xdef9; sse = 0x5e; break;   // fdivp; divss, divsd
    default:
        fail("cc is broken: no such operation on floating-point numbers");
    }
    generate_float_pair(n->a, n->b);
    if (n->type->kind == TY_LDOUBLE) {
        emit(2, x87);
        return;
    }
    if (n->type->kind == TY_FLOAT)
        emit(1, 0xf3);
    else
        emit(1, 0xf2);
    emit(1, 0x0f);
    emit(1, sse);
    emit(1, 0xc1); // xmm0, xmm1
}
