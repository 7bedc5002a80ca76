; What every program gets: its beginning, and the known functions. Arguments are on the stack, the last above
; the return address.

; Each function: its name, how many parameters, all LONG, and its instructions.
:known
	[ "syscall6" ] !7 [
		mov_rax,[rsp+] !56 mov_rdi,[rsp+] !48 mov_rsi,[rsp+] !40 mov_rdx,[rsp+] !32
		mov_r10,[rsp+] !24 mov_r8,[rsp+] !16 mov_r9,[rsp+] !8 syscall ret ]
	[ "udiv" ] !2 [ mov_rax,[rsp+] !16 xor_edx,edx div_[rsp+] !8 ret ]
	[ "umod" ] !2 [ mov_rax,[rsp+] !16 xor_edx,edx div_[rsp+] !8 mov_rax,rdx ret ]
	[ "ult" ] !2 [ mov_rcx,[rsp+] !16 xor_eax,eax cmp_rcx,[rsp+] !8 setb_al ret ]
	[ "ushr" ] !2 [ mov_rax,[rsp+] !16 mov_rcx,[rsp+] !8 shr_rax,cl ret ]
	[ ]

; Puts the beginning of a program and the known functions at the start of the code, and declares them.
:know_functions
	mov_edx, &.main mov_ecx, &4 call %intern
	mov_ecx, &FUNCTION call %declare
	mov_[rax+], !TYPE &LONG mov_[rax+], !PARAMETERS &2
	mov_[rax+], !PARAMETER_TYPES &LONG mov_[rax+], !PARAMETER_TYPES+8 &CHAR_POINTER_POINTER
	push_rax
	; The kernel leaves the number of arguments on the stack, and above it their addresses.
	emit mov_rax,[rsp] lea_rcx,[rsp+] !8 push_rax push_rcx ]
	pop_rax call %emit_call
	emit mov_edi,eax mov_eax, &60 syscall ] # system call 60: exit(edi status)
	mov_ebx, &known
:.function
	movzx_ecx,byte[rbx] test_ecx,ecx je %.done
	lea_rdx,[rbx+] !1
	lea_rbx,[rdx+rcx]
	call %intern
	mov_ecx, &FUNCTION call %declare
	mov_[rax+],r12 !VALUE
	mov_[rax+], !TYPE &LONG
	movzx_ecx,byte[rbx] inc_rbx
	mov_[rax+],rcx !PARAMETERS
	lea_rdi,[rax+] !PARAMETER_TYPES
	mov_eax, &LONG rep_stosq
	movzx_ecx,byte[rbx] lea_rsi,[rbx+] !1
	mov_rdi,r12 rep_movsb
	mov_r12,rdi mov_rbx,rsi
	jmp %.function
:.done
	ret
:.main "main"
