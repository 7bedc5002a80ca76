; Operands: the operators before and behind them, casts, constants, strings and names.

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
	fail "nested too deeply\0"

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
	fail "this operator expects a number\0"

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
	fail "this is neither an array nor a pointer\0"
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
	fail "this is not a struct\0"

; A constant, a string, a name, or a call.
:primary
	mov_rax,[] &token
	cmp_eax, &NUMBER je %.number
	cmp_eax, &STRING je %.string
	cmp_eax, &NAME je %.name
	fail "expected an expression\0"
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
	lea_rax,[rdi+rcx] cmp_rax, &strings+MAX_STRINGS ja %.full
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
