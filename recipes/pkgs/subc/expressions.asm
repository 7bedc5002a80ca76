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
	fail "these types do not mix\0"

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

; An operand, with the operators before it.
:unary
	cmp_rsp,[] &stack_limit jb %.deep
	mov_rax,[] &token
	cmp_eax, &'-' je %.minus
	cmp_eax, &'!' je %.not
	cmp_eax, &'~' je %.complement
	cmp_eax, &'*' je %.star
	cmp_eax, &'&' je %.address
	cmp_eax, &PLUS_PLUS je %.plus_plus
	cmp_eax, &MINUS_MINUS je %.minus_minus
	cmp_eax, &SIZEOF je %.size
	cmp_eax, &'(' jne %postfix
	call %next
	call %begins_type je %.cast
	call %expression
	mov_ecx, &')' call %expect
	jmp %suffixes
:.deep
	fail "this is nested too deep\0"

:.cast
	call %base_type call %stars push_rax
	mov_ecx, &')' call %expect
	call %unary
	pop_rax jmp %cast
:.size
	call %next
	mov_ecx, &'(' call %expect
	call %base_type call %stars call %size_of push_rax
	mov_ecx, &')' call %expect
	pop_rax call %constant
	mov_[], &type &UNSIGNED_LONG
	ret
:.star
	call %next call %unary
	jmp %follow
:.address
	call %next call %unary
	jmp %address_of
:.plus_plus
	call %next call %unary
	mov_eax, &1 jmp %step
:.minus_minus
	call %next call %unary
	mov_rax, &-1 jmp %step

:.minus
	call %number_operand je %.minus_constant
	emit neg_rax ]
	cmp_[], &type &INT jne %.wide
	emit movsxd_rax,eax ]
:.wide
	ret
:.minus_constant
	mov_rax,[] &number neg_rax
	cmp_[], &type &INT jne %.negated
	movsxd_rax,eax                          # of the lowest int
:.negated
	mov_[],rax &number
	ret
:.complement
	call %number_operand je %.complement_constant
	emit not_rax ]
	ret
:.complement_constant
	not_[] &number
	ret
:.not
	call %next call %unary
	cmp_[], &kind &CONSTANT je %.not_constant
	call %test_value
	emit sete_al movzx_eax,al ]
	mov_[], &type &INT
	ret
:.not_constant
	xor_eax,eax
	cmp_[], &number &0 jne %constant
	inc_eax jmp %constant

; The operand of "-" or "~", a number. The zero flag says that it is constant; else it is in rax.
:number_operand
	call %next call %unary
	mov_rax,[] &type call %promoted
	test_al,al jne %.wrong
	cmp_rax, &UNSIGNED je %unsigned
	cmp_[], &kind &CONSTANT je %.constant
	call %load
	test_rsp,rsp                            # the zero flag is not set
:.constant
	ret
:.wrong
	fail "this operator wants a number\0"

; The value is converted to the type rax.
:cast
	push_rbx
	mov_rbx,rax                             # rbx: the type
	test_rax,rax je %.void
	cmp_rax, &CHAR je %.char
	call %promoted                          # no struct
	cmp_[], &kind &ADDRESS jbe %.same
	call %load
	jmp %.done
:.same
	mov_rax,[] &type call %promoted
:.done
	mov_[],rbx &type
	pop_rbx
	ret
:.void
	cmp_[], &type &VOID je %.done           # a call without a result
	call %load jmp %.done
:.char
	mov_ebx, &INT                           # it becomes an int again
	cmp_[], &kind &CONSTANT je %.char_constant
	call %load
	emit movzx_eax,al ]
	jmp %.done
:.char_constant
	mov_rax,[] &type call %promoted
	and_[], &number &255
	jmp %.done

; Makes code that adds rax, 1 or -1, to the value, which has to be in memory. The value is the sum.
:step
	push_rbx
	mov_rbx,rax                             # rbx: what is added
	call %check_variable
	mov_rax,[] &type
	test_al,al je %.number
	call %pointee_size imul_rbx,rax         # a pointer moves by what it points to
:.number
	call %target
	cmp_[], &kind &INDIRECT jne %.load
	emit mov_rcx,rax ]
:.load
	call %load
	emit add_rax, ]
	mov_eax,ebx call %emit4
	call %store
	mov_rax,rbx                             # for the postfix operators
	pop_rbx
	ret

; An operand without operators before it, and what stands behind it.
:postfix
	call %primary
:suffixes
	mov_rax,[] &token
	cmp_eax, &'[' je %.index
	cmp_eax, &'.' je %.dot
	cmp_eax, &ARROW je %.arrow
	mov_edx, &1
	cmp_eax, &PLUS_PLUS je %.step
	mov_rdx, &-1
	cmp_eax, &MINUS_MINUS je %.step
	ret
:.dot
	call %next
	call %check_in_memory call %member jmp %suffixes
:.arrow
	call %next
	call %follow call %member jmp %suffixes
:.index
	mov_rax,[] &type
	test_al,al je %.number
	push_r13
	mov_r13d, &plus_row
	call %left_operand
	push_[] &left_kind push_[] &left_type push_[] &left_number push_r12
	call %next
	call %expression
	pop_[] &left_code pop_[] &left_number pop_[] &left_type pop_[] &left_kind
	call %operate
	pop_r13
	mov_ecx, &']' call %expect
	call %follow jmp %suffixes
:.number
	fail "this is no array and no pointer\0"
:.step
	push_rdx
	call %next
	pop_rax call %step
	neg_rax                                 # the value is what it was before: take back the sum
	push_rax
	emit add_rax, ] pop_rax call %emit4
	cmp_[], &to_type &CHAR jne %suffixes
	emit movzx_eax,al ]
	jmp %suffixes

; Refuses what is before a "." and not in memory.
:check_in_memory
	cmp_[], &kind &GLOBAL je %.right
	cmp_[], &kind &INDIRECT jne %.wrong
:.right
	ret
:.wrong
	fail "this is no struct\0"

; A constant, a string, a name, or a call.
:primary
	mov_rax,[] &token
	cmp_eax, &NUMBER je %.number
	cmp_eax, &STRING je %.string
	cmp_eax, &NAME je %.name
	fail "an expression is missing\0"
:.number
	push_[] &token_value push_[] &token_type
	call %next
	pop_rcx pop_rax call %constant
	mov_[],rcx &type
	ret
:.string
	call %string
	mov_[],rax &number
	mov_[], &kind &ADDRESS mov_[], &type &CHAR_POINTER
	ret
:.name
	mov_rax,[] &token_name
	push_[rax+] !NAME_SYMBOL
	cmp_[rax+], !NAME_SYMBOL !0 je %.unknown
	call %next
	pop_rdx                                 # rdx: the symbol
	mov_rax,[rdx+] !VALUE mov_[],rax &number
	mov_rax,[rdx+] !TYPE mov_[],rax &type
	mov_rcx,[rdx+] !KIND
	cmp_ecx, &FUNCTION je %call_function
	cmp_ecx, &ENUMERATOR je %.constant
	cmp_ecx, &LOCAL_VARIABLE je %.local
	cmp_[rdx+], !COUNT !0 jne %.array
	mov_[], &kind &GLOBAL
	ret
:.unknown
	fail_name "is not declared\0"
:.constant
	mov_[], &kind &CONSTANT
	ret
:.array
	call %pointer_to mov_[],rax &type       # an array is the address of its first element
	mov_[], &kind &ADDRESS
	ret
:.local
	mov_[], &kind &LOCAL
	cmp_[rdx+], !COUNT !0 jne %address_of
	ret

; rax: the address of the string that the next tokens say, with a 0 behind it.
:string
	push_[] &strings_end
:.piece
	mov_rdi,[] &strings_end
	mov_rcx,[] &token_value
	lea_rax,[rdi+rcx] cmp_rax, &strings+STRINGS_MOST ja %.full
	mov_esi, &string_bytes rep_movsb
	mov_[],rdi &strings_end
	call %next
	cmp_[], &token &STRING je %.piece       # strings beside each other are one
	mov_rdi,[] &strings_end mov_byte[rdi], !0
	inc_[] &strings_end
	pop_rax sub_rax, &strings-STRINGS_AT
	ret
:.full
	fail "the strings are too long\0"

; A call of the function whose symbol is rdx. Arguments are pushed in their order; the caller takes them off.
:call_function
	push_rbx push_r14
	mov_rbx,rdx                             # rbx: the function
	xor_r14d,r14d                           # r14: how many arguments
	cmp_[], &token &'(' jne %.no_call
	call %next
	mov_ecx, &')' call %accept je %.call
:.argument
	cmp_r14,[rbx+] !PARAMETERS jae %.many
	call %assignment
	mov_rax,[rbx+r14*8+] !PARAMETER_TYPES push_rax
	call %check_fits
	pop_rax call %push_argument
	inc_r14
	mov_ecx, &',' call %accept je %.argument
	mov_ecx, &')' call %expect
:.call
	cmp_r14,[rbx+] !PARAMETERS jb %.few
	mov_rax,rbx call %emit_call
	test_r14,r14 je %.done
	emit add_rsp, ]
	lea_rax,[r14*8++] &0 call %emit4
:.done
	mov_rax,[rbx+] !TYPE
	test_rax,rax je %.void
	call %promoted
:.void
	mov_[],rax &type
	mov_[], &kind &RAX
	pop_r14 pop_rbx
	ret
:.no_call
	fail "a function can only be called\0"
:.many
	fail "there are too many arguments\0"
:.few
	fail "there are too few arguments\0"

; Makes code that pushes the value for a parameter of the type rax.
:push_argument
	cmp_eax, &CHAR je %.char
	cmp_[], &type &CHAR je %.load           # 8 bytes of it would be too many
	mov_rax,[] &kind
	cmp_eax, &CONSTANT je %.constant
	cmp_eax, &ADDRESS je %.number
	cmp_eax, &LOCAL je %.local
	cmp_eax, &GLOBAL jne %.load
	mov_rax,[] &type call %promoted         # no struct
	emit push_[] ] jmp %emit_number
:.local
	emit push_[rbp++] ] jmp %emit_number
:.constant
	mov_rax,[] &number movsxd_rcx,eax cmp_rcx,rax jne %.load
:.number
	emit push ] jmp %emit_number
:.char
	call %load
	emit movzx_eax,al push_rax ]
	ret
:.load
	call %load
	emit push_rax ]
	ret

; Makes code that calls the function whose symbol is rax. When it is not defined yet, the 4 bytes that say how
; far it is tell where the call before is, and are filled in by define_function.
:emit_call
	push_rbx
	mov_rbx,rax
	emit call ]
	mov_rax,[rbx+] !VALUE
	test_rax,rax jne %.defined
	cmp_[rbx+], !CALLS !0 jne %.chain
	mov_rcx,[] &file mov_[rbx+],rcx !CALLED_FILE # the first call, for an error
	mov_rcx,[] &token_line mov_[rbx+],rcx !CALLED_LINE
:.chain
	mov_rax,[rbx+] !CALLS mov_[rbx+],r12 !CALLS
	pop_rbx
	jmp %emit4
:.defined
	sub_rax,r12 sub_rax, &4                 # from behind the 4 bytes
	pop_rbx
	jmp %emit4
