; Calls: arguments, and the call itself.

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
	fail "too many arguments\0"
:.few
	fail "too few arguments\0"

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
