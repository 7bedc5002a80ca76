; The value that was compiled last: [kind], [type] and [number] say where it is. A constant and a variable
; make no code until it is known what becomes of them.

; The bytes from [ to ] behind the call go behind the code.
:emit_bytes
	cmp_r12, &code+MAX_CODE ja %.full
	pop_rsi
	movzx_ecx,byte[rsi] inc_rsi
	mov_rdi,r12 rep_movsb mov_r12,rdi
	jmp_rsi
:.full
	fail "the code is too long\0"
; 4 bytes, eax, go behind the code: a part of the instruction before, which made sure that there is room.
:emit4
	mov_[r12],eax add_r12, &4
	ret
; The instruction before gets [number], in 4 bytes.
:emit_number
	mov_rax,[] &number jmp %emit4

; The constant rax, an INT.
:constant
	mov_[],rax &number
	mov_[], &kind &CONSTANT mov_[], &type &INT
	ret

; Makes code that puts the value into rax.
:load
	mov_rax,[] &type
	call %promoted push_rax
	mov_rax,[] &kind
	cmp_eax, &RAX je %.there
	cmp_eax, &CONSTANT je %.constant
	cmp_eax, &ADDRESS je %.address
	cmp_eax, &LOCAL je %.local
	cmp_eax, &GLOBAL je %.global
	cmp_[], &type &CHAR je %.indirect_char
	emit mov_rax,[rax++] ] jmp %.number
:.indirect_char
	emit movzx_eax,byte[rax++] ] jmp %.number
:.local
	cmp_[], &type &CHAR je %.local_char
	emit mov_rax,[rbp++] ] jmp %.number
:.local_char
	emit movzx_eax,byte[rbp++] ] jmp %.number
:.global
	cmp_[], &type &CHAR je %.global_char
	emit mov_rax,[] ] jmp %.number
:.global_char
	emit movzx_eax,byte[] ] jmp %.number
:.address
	emit mov_eax, ]
:.number
	call %emit_number jmp %.there
:.constant
	mov_rax,[] &number
	movsxd_rcx,eax cmp_rcx,rax jne %.wide   # does it fit into 4 bytes?
	emit mov_rax, ] jmp %.number
:.wide
	emit movabs_rax, ]
	mov_rax,[] &number mov_[r12],rax add_r12, &8
:.there
	pop_[] &type
	mov_[], &kind &RAX
	ret

; The same into rcx, for a value that made no code yet.
:load_rcx
	mov_rax,[] &kind
	cmp_eax, &CONSTANT je %.constant
	cmp_eax, &ADDRESS je %.address
	cmp_eax, &LOCAL je %.local
	cmp_[], &type &CHAR je %.global_char
	emit mov_rcx,[] ] jmp %emit_number
:.global_char
	emit movzx_ecx,byte[] ] jmp %emit_number
:.local
	cmp_[], &type &CHAR je %.local_char
	emit mov_rcx,[rbp++] ] jmp %emit_number
:.local_char
	emit movzx_ecx,byte[rbp++] ] jmp %emit_number
:.address
	emit mov_ecx, ] jmp %emit_number
:.constant
	mov_rax,[] &number
	movsxd_rcx,eax cmp_rcx,rax jne %.wide
	emit mov_rcx, ] jmp %emit_number
:.wide
	emit movabs_rcx, ]
	mov_rax,[] &number mov_[r12],rax add_r12, &8
	ret

; Refuses the value when it is not in memory, or a struct.
:check_variable
	mov_rax,[] &kind
	cmp_eax, &LOCAL jb %.wrong
	cmp_eax, &INDIRECT ja %.wrong
	mov_rax,[] &type jmp %promoted          # which refuses structs
:.wrong
	fail "this cannot be assigned to\0"

; Makes the value what is assigned to.
:target
	mov_rax,[] &kind mov_[],rax &to_kind
	mov_rax,[] &type mov_[],rax &to_type
	mov_rax,[] &number mov_[],rax &to_number
	ret

; Makes code that stores rax into what is assigned to: at rcx + to_number, when that is INDIRECT. The value
; is what was stored.
:store
	mov_rax,[] &to_number mov_[],rax &number
	mov_rax,[] &to_kind
	cmp_eax, &LOCAL je %.local
	cmp_eax, &GLOBAL je %.global
	cmp_[], &to_type &CHAR je %.indirect_char
	emit mov_[rcx++],rax ] jmp %.number
:.local
	cmp_[], &to_type &CHAR je %.local_char
	emit mov_[rbp++],rax ] jmp %.number
:.global
	cmp_[], &to_type &CHAR je %.global_char
	emit mov_[],rax ]
:.number
	call %emit_number jmp %.done
:.indirect_char
	emit mov_[rcx++],al ] jmp %.char_number
:.local_char
	emit mov_[rbp++],al ] jmp %.char_number
:.global_char
	emit mov_[],al ]
:.char_number
	call %emit_number
	emit movzx_eax,al ]                     # the low 8 bits are what was stored
:.done
	mov_rax,[] &to_type call %promoted mov_[],rax &type
	mov_[], &kind &RAX
	ret

; Makes code that puts the value into rax and pushes it; of a constant nothing yet. What comes next is the
; right operand, and this is the left.
:hold
	cmp_[], &kind &CONSTANT je %.nothing
	call %load
	emit push_rax ]
:.nothing
	ret

; Makes code that sets the flags by the value: zero or not. Then it is in rax.
:test_value
	call %load
	emit test_rax,rax ]
	ret

; The value, a pointer, becomes what it points to.
:follow
	mov_rax,[] &type
	test_al,al je %.number
	dec_rax je %.void
	cmp_[], &kind &ADDRESS je %.address
	push_rax
	call %load
	pop_[] &type
	mov_[], &kind &INDIRECT mov_[], &number &0
	ret
:.address
	mov_[],rax &type
	mov_[], &kind &GLOBAL
	ret
:.number
	fail "this is not a pointer\0"
:.void
	fail "a pointer to void cannot be dereferenced\0"

; The value, a struct in memory, becomes its member, whose name is the token.
:member
	mov_rax,[] &type
	test_al,al jne %.other
	cmp_rax, &FIRST_STRUCT jb %.other
	call %struct_row push_rax
	call %expect_name
	pop_rcx call %find_member jne %.unknown
	mov_rax,[rdx+] !MEMBER_TYPE mov_[],rax &type
	mov_rax,[rdx+] !MEMBER_OFFSET add_[],rax &number
	ret
:.unknown
	fail_name "is not a member of this struct\0"
:.other
	fail "this is not a struct\0"

; The value, in memory, becomes its address.
:address_of
	mov_rax,[] &type call %pointer_to mov_[],rax &type
	mov_rax,[] &kind
	cmp_eax, &LOCAL je %.local
	cmp_eax, &GLOBAL je %.global
	cmp_eax, &INDIRECT jne %.wrong
	emit add_rax, ]
	jmp %.number
:.local
	emit lea_rax,[rbp++] ]
:.number
	call %emit_number
	mov_[], &kind &RAX
	ret
:.global
	mov_[], &kind &ADDRESS
	ret
:.wrong
	fail "& expects a variable, an element or a member\0"
