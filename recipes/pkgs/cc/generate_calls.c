// Calls, and the beginning and end of functions.
//
// The calling convention is our own, and the simplest there is: all arguments are on the stack, the first at the lowest
// address, each rounded up to a multiple of 8 bytes; the caller removes them. Below them is the address
// for a struct or union that is returned. Results are in rax, xmm0 or st(0); a returned struct is its address in rax. A
// function may change all registers but rsp and rbp. So a function with variable arguments is called as any other.

// From rbp: the saved rbp, the address to return to, and what was pushed before.
enum { FIRST_ARGUMENT = 16 };

long slot_size(struct Type *t)
{
    return round_up(size_of(t), 8);
}

// The offset of the first variable argument from rbp.
long parameters_size(struct Type *function)
{
    long at = FIRST_ARGUMENT;
    struct Parameter *p;
    if (function->base->kind == TY_STRUCT)
        at += 8;
    for (p = function->parameters; p; p = p->next)
        at += slot_size(p->type);
    return at;
}

void push_argument(struct Node *n)
{
    struct Type *t = n->type;
    generate(n);
    if (is_float(t)) {
        push_float(t);
    } else if (t->kind == TY_STRUCT) {
        emit(3, 0x4881ec); // sub rsp, ...
        emit32(slot_size(t));
        emit(3, 0x4889c6); // mov rsi, rax
        emit(3, 0x4889e7); // mov rdi, rsp
        copy_memory(size_of(t));
    } else {
        push_rax();
    }
}

// The last argument is pushed first.
long push_arguments(struct Node *list)
{
    long size;
    if (!list)
        return 0;
    size = push_arguments(list->next);
    push_argument(list->b);
    return size + slot_size(list->b->type);
}

void generate_call(struct Node *n)
{
    long size = push_arguments(n->b);
    if (n->type->kind == TY_STRUCT) {
        load_address(RAX, local_node(n->value, n->type));
        push_rax();
        size += 8;
    }
    if (n->a->op == N_ADDRESS && n->a->a->op == N_GLOBAL) {
        emit(1, 0xe8); // call
        emit_address(RELATIVE, n->a->a->object, n->a->a->value);
    } else {
        generate(n->a);
        emit(2, 0xffd0); // call rax
    }
    if (size > 0) {
        emit(3, 0x4881c4); // add rsp, ...
        emit32(size);
    }
}

long frame_operand; // where the size of the frame is written once it is known

void begin_function(struct Object *o)
{
    while (code_size % 16)
        emit(1, 0x90); // nop
    o->section = SECTION_CODE;
    o->offset = code_size;
    frame_size = 0;
    frame_most = 0;
    emit(1, 0x55); // push rbp
    emit(3, 0x4889e5); // mov rbp, rsp
    emit(3, 0x4881ec); // sub rsp, ...
    frame_operand = code_size;
    emit32(0);
}

void emit_return(void)
{
    emit(1, 0xc9); // leave
    emit(1, 0xc3); // ret
}

// The converted value of `return`, or 0 without a value.
void generate_return(struct Node *n)
{
    if (n)
        generate(n);
    if (n && n->type->kind == TY_STRUCT) {
        emit(3, 0x4889c6); // mov rsi, rax
        emit(4, 0x488b7d10); // mov rdi, [rbp + 16]
        copy_memory(size_of(n->type));
        emit(4, 0x488b4510); // mov rax, [rbp + 16]
    }
    emit_return();
}

void end_function(void)
{
    // A function that reaches its end returns 0, as main does.
    load_number(RAX, 0);
    emit_return();
    put(code + frame_operand, round_up(frame_most, 16), 4);
}
