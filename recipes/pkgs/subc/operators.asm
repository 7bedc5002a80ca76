; The operators between two operands: which there are, what they take, what code they make.

; A row: 4 bytes token, 1 byte how tightly it binds, 1 byte what it takes, 1 byte whether the result of two INT
; may be none, 1 byte nothing, 4 bytes where its instructions are. These find the left operand in rax and the right
; one in rcx, and leave the result in rax. They are copied into the program; when both operands are constants, subc
; runs them itself.
const ROW_BINDS 4
const ROW_TAKES 5
const ROW_LEAVES 6
const ROW_CODE 8
const ROW_SIZE 12
const NUMBERS 0                 # two numbers
const PLUS 1                    # two numbers, or one and a pointer
const MINUS 2                   # two numbers, a pointer and a number, two pointers
const ORDER 3                   # two numbers, or two pointers
const EQUALITY 4                # the same, or a pointer and the constant 0
const SHIFT 5                   # two numbers, the right one from 0 to 63
const DIVISION 6                # two numbers, the right one not 0
const LOGIC 7                   # see logic in expressions.asm
:operators
	&OR_OR !1 !LOGIC !0 !0 &0
	&AND_AND !2 !LOGIC !0 !0 &0
	&'|' !3 !NUMBERS !0 !0 &code_or
	&'^' !4 !NUMBERS !0 !0 &code_xor
	&'&' !5 !NUMBERS !0 !0 &code_and
	&EQUAL !6 !EQUALITY !0 !0 &code_equal
	&UNEQUAL !6 !EQUALITY !0 !0 &code_unequal
	&'<' !7 !ORDER !0 !0 &code_below
	&AT_MOST !7 !ORDER !0 !0 &code_at_most
	&'>' !7 !ORDER !0 !0 &code_above
	&AT_LEAST !7 !ORDER !0 !0 &code_at_least
	&SHIFT_LEFT !8 !SHIFT !1 !0 &code_shift_left
	&SHIFT_RIGHT !8 !SHIFT !0 !0 &code_shift_right
:plus_row
	&'+' !9 !PLUS !1 !0 &code_add
	&'-' !9 !MINUS !1 !0 &code_subtract
	&'*' !10 !NUMBERS !1 !0 &code_multiply
	&'/' !10 !DIVISION !0 !0 &code_divide
	&'%' !10 !DIVISION !0 !0 &code_remainder
	&0
; Counted instructions, and a ret for subc.
:code_or [ or_rax,rcx ] ret
:code_xor [ xor_rax,rcx ] ret
:code_and [ and_rax,rcx ] ret
:code_equal [ cmp_rax,rcx sete_al movzx_eax,al ] ret
:code_unequal [ cmp_rax,rcx setne_al movzx_eax,al ] ret
:code_below [ cmp_rax,rcx setl_al movzx_eax,al ] ret
:code_at_most [ cmp_rax,rcx setle_al movzx_eax,al ] ret
:code_above [ cmp_rax,rcx setg_al movzx_eax,al ] ret
:code_at_least [ cmp_rax,rcx setge_al movzx_eax,al ] ret
:code_shift_left [ shl_rax,cl ] ret
:code_shift_right [ sar_rax,cl ] ret
:code_add [ add_rax,rcx ] ret
:code_subtract [ sub_rax,rcx ] ret
:code_multiply [ imul_rax,rcx ] ret
:code_divide [ cqo idiv_rcx ] ret
:code_remainder [ cqo idiv_rcx mov_rax,rdx ] ret

; rax: the row of the operator ecx; the zero flag says that it is none.
:operator_row
	mov_eax, &operators
:.row
	cmp_dword[rax], !0 je %.done
	cmp_[rax],ecx je %.found
	add_rax, &ROW_SIZE jmp %.row
:.found
	test_rax,rax                            # the zero flag is not set
:.done
	ret

; Makes the code of the operator in row r13, whose left operand is in left_kind, left_type and left_number,
; and whose right one is the value. The result is the value then.
:operate
	mov_[], &left_scale &1 mov_[], &right_scale &1 mov_[], &result_scale &1
	mov_[], &result_type &LONG
	mov_rax,[] &type call %promoted mov_rdx,rax # rdx: the type of the right operand
	mov_rcx,[] &left_type                   # rcx: that of the left one, which is promoted already
	movzx_eax,byte[r13+] !ROW_TAKES
	cmp_eax, &PLUS je %.plus
	cmp_eax, &MINUS je %.minus
	cmp_eax, &ORDER je %.order
	cmp_eax, &EQUALITY je %.equality
	test_cl,cl jne %.mixed
	test_dl,dl jne %.mixed
	call %number_types jmp %.typed
:.mixed
	fail "invalid types for this operator\0"
:.plus
	test_cl,cl jne %.plus_number
	test_dl,dl je %.numbers
	mov_[],rdx &result_type                 # a number and a pointer
	mov_rax,rdx call %pointee_size mov_[],rax &left_scale
	jmp %.typed
:.plus_number
	test_dl,dl jne %.mixed
	mov_[],rcx &result_type                 # a pointer and a number
	mov_rax,rcx call %pointee_size mov_[],rax &right_scale
	jmp %.typed
:.minus
	test_cl,cl je %.numbers
	test_dl,dl je %.plus_number
	cmp_rcx,rdx jne %.mixed                 # two pointers
	mov_rax,rcx call %pointee_size mov_[],rax &result_scale
	jmp %.typed
:.equality
	test_cl,cl je %.right_pointer
	test_dl,dl jne %.order
	call %is_zero jne %.mixed               # a pointer and 0
	jmp %.order
:.right_pointer
	test_dl,dl je %.numbers
	cmp_[], &left_kind &CONSTANT jne %.mixed # 0 and a pointer
	cmp_[], &left_number &0 jne %.mixed
	mov_[], &result_type &INT
	jmp %.typed
:.order
	mov_[], &result_type &INT
	test_cl,cl je %.numbers
	test_dl,dl jne %.typed
	cmp_eax, &EQUALITY jne %.mixed          # a pointer and 0, as was looked at above
	jmp %.typed
:.numbers
	test_dl,dl jne %.mixed
	call %number_types

:.typed
	cmp_[], &left_kind &CONSTANT jne %.left_pushed
	cmp_[], &kind &CONSTANT je %.both
	call %load                              # the right one alone has code
	emit mov_rcx,rax ]
	mov_rax,[] &right_scale call %scale_rcx
	mov_rax,[] &left_number imul_rax,[] &left_scale
	call %constant call %load
	jmp %.operate
:.both
	mov_rcx,[] &number imul_rcx,[] &right_scale
	mov_rax,[] &left_number imul_rax,[] &left_scale
	mov_edx,[r13+] !ROW_CODE inc_rdx        # the instructions behind their number
	call_rdx
	mov_rcx,[] &result_scale cqo idiv_rcx
	mov_[],rax &number
	mov_rcx,[] &result_type mov_[],rcx &type
	movsxd_rdx,eax
	cmp_ecx, &INT je %.int
	cmp_ecx, &UNSIGNED jne %.folded
	mov_edx,eax
	cmp_rax,rdx jne %unsigned               # it would be cut off
:.folded
	ret
:.int
	mov_[],rdx &number
	ret

:.left_pushed
	cmp_[], &kind &INDIRECT jae %.right_coded
	cmp_r12,[] &left_code jne %.right_coded
	dec_r12                                 # the right one has no code: take back the push,
	mov_rax,[] &left_scale call %scale_rax  # and the left one stays in rax
	cmp_[], &kind &CONSTANT jne %.right_in_memory
	mov_rax,[] &number imul_rax,[] &right_scale mov_[],rax &number
	call %load_rcx jmp %.operate
:.right_in_memory
	call %load_rcx
	mov_rax,[] &right_scale call %scale_rcx jmp %.operate
:.right_coded
	call %load
	emit mov_rcx,rax pop_rax ]
	mov_rax,[] &left_scale call %scale_rax
	mov_rax,[] &right_scale call %scale_rcx
:.operate
	call %emit_operator
	cmp_[], &result_type &INT jne %.whole
	cmp_byte[r13+], !ROW_LEAVES !0 je %.whole
	emit movsxd_rax,eax ]                   # the result of two INT is one
:.whole
	mov_rax,[] &result_scale
	cmp_eax, &1 je %.scaled
	mov_[],rax &number
	emit mov_ecx, ] call %emit_number
	emit cqo idiv_rcx ]
:.scaled
	mov_rax,[] &result_type mov_[],rax &type
	mov_[], &kind &RAX
	ret

; Of two numbers of the types rcx and rdx, and the operator in row r13, finds the type of the result. Refuses
; constants for which there is no result, and numbers that are unsigned in C where that makes a difference.
:number_types
	movzx_eax,byte[r13+] !ROW_TAKES
	cmp_eax, &SHIFT je %.shift
	cmp_rcx,rdx jae %.larger
	mov_rcx,rdx
:.larger                                        # rcx: the type of both
	cmp_eax, &ORDER je %.compared
	cmp_eax, &EQUALITY je %.compared
	mov_[],rcx &result_type
	cmp_eax, &DIVISION je %.division
:.signs
	cmp_ecx, &UNSIGNED je %check_signs
	ret
:.compared
	mov_[], &result_type &INT
	cmp_ecx, &UNSIGNED_LONG jne %.signs
	cmp_eax, &ORDER je %check_signs         # equal is equal, with signs or without
	ret
:.shift
	mov_[],rcx &result_type                 # that of what is shifted
	mov_edx, &31                            # rdx: how far it may be shifted
	cmp_ecx, &LONG jb %.narrow
	mov_edx, &63
:.narrow
	cmp_[], &kind &CONSTANT jne %.counted
	cmp_[],rdx &number ja %.count           # without a sign, so it is not below 0, either
:.counted
	cmp_ecx, &UNSIGNED_LONG jne %.signs
	cmp_dword[r13], &SHIFT_RIGHT je %check_signs
	ret
:.division
	cmp_[], &kind &CONSTANT jne %.divided
	cmp_[], &number &0 je %.none
	cmp_[], &number &-1 jne %.divided       # the lowest number and -1 would stop the processor
	cmp_[], &left_kind &CONSTANT jne %.divided
	mov_rax,[] &left_number neg_rax jo %.none
:.divided
	cmp_ecx, &UNSIGNED_LONG je %check_signs
	jmp %.signs
:.none
	fail "this division is undefined\0"
:.count
	fail "a shift count is 0 to 63, or 0 to 31 for an int\0"

; Numbers that are unsigned in C are taken when both operands are constants that are not below 0.
:check_signs
	cmp_[], &kind &CONSTANT jne %unsigned
	cmp_[], &left_kind &CONSTANT jne %unsigned
	cmp_[], &number &0 jl %unsigned
	cmp_[], &left_number &0 jl %unsigned
	ret
:unsigned
	fail "this is unsigned in C and needs a cast to long\0"

; The instructions of the operator in row r13 go behind the code.
:emit_operator
	cmp_r12, &code+MAX_CODE ja %.full
	mov_esi,[r13+] !ROW_CODE
	movzx_ecx,byte[rsi] inc_rsi
	mov_rdi,r12 rep_movsb mov_r12,rdi
	ret
:.full
	fail "the code is too long\0"

; rax: the size of what the pointer type rax points to.
:pointee_size
	dec_rax jmp %size_of

; Makes code that multiplies rax, or rcx, by the number rax.
:scale_rax
	cmp_eax, &1 je %.done
	push_rax
	emit imul_rax,rax, ] pop_rax jmp %emit4
:.done
	ret
:scale_rcx
	cmp_eax, &1 je %.done
	push_rax
	emit imul_rcx,rcx, ] pop_rax jmp %emit4
:.done
	ret
