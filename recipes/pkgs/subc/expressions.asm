; Expressions, from the outside to the inside. Each of these routines leaves the value in kind, type and number.

:expression
:assignment
	call %conditional
	mov_rcx,[] &token
	cmp_ecx, &'=' je %.plain
	mov_eax,ecx shr_eax, !8                 # an operator and "=", of two characters
	cmp_eax, &'=' je %.two
	cmp_eax, &0x3D3C je %.three             # "<<=", of three
	cmp_eax, &0x3D3E je %.three             # ">>="
	ret
:.two
	and_ecx, &255                           # "<=" and ">=" are not here: they belong to the operand
	jmp %.compound
:.three
	and_ecx, &0xFFFF
:.compound
	call %operator_row je %.none
	push_r13 mov_r13,rax                    # r13: the row of the operator
	call %check_variable
	call %push_target
	push_[] &kind push_[] &type push_[] &number
	call %load                              # the left operand is what is there
	mov_rax,[] &type mov_[],rax &left_type
	emit push_rax ]
	push_[] &left_type push_r12
	call %next
	call %assignment
	pop_[] &left_code pop_[] &left_type
	mov_[], &left_kind &RAX
	call %operate
	pop_[] &to_number pop_[] &to_type pop_[] &to_kind
	mov_rax,[] &to_type call %check_fits
	cmp_[], &to_kind &INDIRECT jne %.direct
	emit pop_rcx ]
:.direct
	pop_r13
	jmp %store
:.none
	ret

:.plain
	call %check_variable
	call %push_target
	push_[] &kind push_[] &type push_[] &number push_r12
	call %next
	call %assignment
	pop_[] &left_code pop_[] &to_number pop_[] &to_type pop_[] &to_kind
	mov_rax,[] &to_type call %check_fits
	cmp_[], &to_kind &INDIRECT jne %.load
	cmp_[], &kind &INDIRECT jae %.pushed
	cmp_r12,[] &left_code jne %.pushed
	dec_r12                                 # the right side has no code: take back the push
	emit mov_rcx,rax ]
:.load
	call %load
	jmp %store
:.pushed
	call %load
	emit pop_rcx ]
	jmp %store

; Makes code that pushes the address of what is assigned to, when that is in rax.
:push_target
	cmp_[], &kind &INDIRECT jne %.done
	emit push_rax ]
:.done
	ret

; A condition, "?", an expression, ":", another. Both have one type, which the value gets.
:conditional
	mov_eax, &1 call %binary
	cmp_[], &token &'?' jne %.done
	push_rbx push_rbp push_r13 push_r14
	call %test_value
	emit je ] call %forward mov_rbx,rax     # rbx: the jump to the second
	call %next
	call %expression
	call %as_choice mov_r13,[] &type mov_r14,rax
	emit jmp ] call %forward mov_rbp,rax    # rbp: the jump behind the second
	mov_ecx, &':' call %expect
	mov_rax,rbx call %land
	call %conditional
	call %as_choice
	mov_rcx,[] &type                        # r13, rcx: the types; r14, rax: whether they are the constant 0
	cmp_rcx,r13 je %.typed
	test_cl,cl jne %.second_pointer
	test_r13b,r13b je %.numbers
	test_rax,rax je %.mixed
	mov_rcx,r13 jmp %.typed                 # a pointer, and 0
:.numbers
	test_r13,r13 je %.mixed                 # one of them is void
	test_rcx,rcx je %.mixed
	cmp_rcx,r13 jae %.larger
	mov_rcx,r13
:.larger
	cmp_ecx, &UNSIGNED je %unsigned
	jmp %.typed
:.second_pointer
	test_r14,r14 jne %.typed                # 0, and a pointer
	test_r13b,r13b je %.mixed
	cmp_rcx, &VOID+1 je %.typed             # two pointers, one of which is to void
	cmp_r13, &VOID+1 jne %.mixed
	mov_rcx,r13
:.typed
	mov_[],rcx &type
	mov_rax,rbp call %land
	pop_r14 pop_r13 pop_rbp pop_rbx
:.done
	ret
:.mixed
	fail "incompatible types\0"

; Loads the value, which may be nothing (void). rax: 1 when it was the constant 0, else 0.
:as_choice
	cmp_[], &type &VOID je %.other
	call %is_zero sete_al movzx_eax,al
	push_rax call %load pop_rax
	ret
:.other
	xor_eax,eax
	ret

; Operands with operators between them that bind as tightly as eax says, or tighter.
:binary
	push_r13 push_r14
	mov_r14d,eax                            # r14: how tightly
	call %unary
:.more
	mov_rcx,[] &token
	call %operator_row je %.done
	movzx_ecx,byte[rax+] !ROW_BINDS
	cmp_ecx,r14d jb %.done
	mov_r13,rax                             # r13: the row of the operator
	cmp_byte[r13+], !ROW_TAKES !LOGIC je %.logic
	call %left_operand
	push_[] &left_kind push_[] &left_type push_[] &left_number push_r12
	call %next
	movzx_eax,byte[r13+] !ROW_BINDS inc_eax
	call %binary
	pop_[] &left_code pop_[] &left_number pop_[] &left_type pop_[] &left_kind
	call %operate
	jmp %.more
:.logic
	call %logic jmp %.more
:.done
	pop_r14 pop_r13
	ret

; The value becomes the left operand: a constant as it is, all else on the stack.
:left_operand
	mov_rax,[] &type call %promoted
	mov_[],rax &left_type
	call %hold
	mov_rax,[] &kind mov_[],rax &left_kind
	mov_rax,[] &number mov_[],rax &left_number
	ret

; "&&" or "||", in row r13, behind the first operand. When that decides, the second one is jumped over, and the
; flags say the result in both cases.
:logic
	push_rbx
	call %test_value
	cmp_dword[r13], &AND_AND je %.and
	emit jne ] jmp %.second
:.and
	emit je ]
:.second
	call %forward mov_rbx,rax               # rbx: the jump
	call %next
	movzx_eax,byte[r13+] !ROW_BINDS inc_eax
	call %binary
	call %test_value
	mov_rax,rbx call %land
	emit setne_al movzx_eax,al ]
	mov_[], &type &INT
	pop_rbx
	ret
