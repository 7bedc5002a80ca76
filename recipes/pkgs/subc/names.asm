; Names, and the symbols that they stand for.

; rax: the row of the name of ecx characters at rdx, which is made when it is not there.
:intern
	xor_eax,eax xor_r8d,r8d                 # eax: the hash
:.hash
	imul_eax,eax, &31
	movzx_r9d,byte[rdx+r8] add_eax,r9d
	inc_r8d cmp_r8d,ecx jb %.hash
	and_eax, &8191
	lea_r10,[rax*8++] &buckets              # r10: where the first row of this hash is told
	mov_rax,[r10]
:.row
	test_rax,rax je %.new
	cmp_[rax+],rcx !NAME_LENGTH jne %.other
	mov_rsi,rdx mov_rdi,[rax+] !NAME_TEXT
	mov_r8d,ecx
	repe_cmpsb
	mov_ecx,r8d                             # this leaves the flags as they are
	je %.found
:.other
	mov_rax,[rax+] !NAME_NEXT jmp %.row
:.new
	mov_rax,[] &names_end
	cmp_rax, &names+MAX_NAMES jae %.full
	add_[], &names_end &NAME_SIZE
	mov_[rax+],rcx !NAME_LENGTH mov_[rax+],rdx !NAME_TEXT
	mov_[rax+], !NAME_TOKEN &NAME
	mov_rcx,[r10] mov_[rax],rcx             # before the others of this hash
	mov_[r10],rax
:.found
	ret
:.full
	fail "too many names\0"

; Makes the tables ready, and fills in the keywords and the known functions.
:prepare
	mov_[], &names_end &names
	mov_[], &symbols_end &symbols
	mov_[], &members_end &members
	mov_[], &structs_count &STRUCTS_BEGIN
	mov_[], &strings_end &strings+8         # no piece is empty
	mov_[], &data_end &data+8
	mov_[], &zero_end &ZERO_AT+8
	mov_[], &cases_end &cases
	mov_[], &cases_begin &cases
	mov_[], &breaks &-1
	mov_r12d, &code
	mov_ebx, &keywords                      # rbx: the next keyword, as a counted text
	mov_ebp, &BREAK                         # ebp: its token
:.keyword
	movzx_ecx,byte[rbx] test_ecx,ecx je %.functions
	lea_rdx,[rbx+] !1
	lea_rbx,[rdx+rcx]
	call %intern mov_[rax+],rbp !NAME_TOKEN
	cmp_ebp, &FOREIGN je %.keyword          # all others are foreign
	inc_ebp jmp %.keyword
:.functions
	jmp %know_functions

; In the order of the tokens in memory.asm. Behind "while" stand the words of C that are none here.
:keywords
	[ "break" ] [ "case" ] [ "char" ] [ "continue" ] [ "default" ] [ "do" ] [ "else" ] [ "enum" ]
	[ "for" ] [ "if" ] [ "long" ] [ "return" ] [ "sizeof" ] [ "static" ] [ "struct" ] [ "switch" ]
	[ "void" ] [ "while" ]
	[ "auto" ] [ "const" ] [ "double" ] [ "extern" ] [ "float" ] [ "goto" ] [ "inline" ] [ "int" ]
	[ "register" ] [ "restrict" ] [ "short" ] [ "signed" ] [ "typedef" ] [ "union" ] [ "unsigned" ]
	[ "volatile" ] [ "asm" ] [ "typeof" ] [ "_Bool" ] [ "_Complex" ] [ "_Imaginary" ] [ "_Alignas" ]
	[ "_Alignof" ] [ "_Atomic" ] [ "_Generic" ] [ "_Noreturn" ] [ "_Static_assert" ]
	[ "_Thread_local" ]
	[ ]

; rax: a new symbol of the name rax and the kind ecx, which hides what the name stood for. Two of one name in
; one block are refused.
:declare
	mov_rdx,[rax+] !NAME_SYMBOL             # rdx: what it stands for now
	test_rdx,rdx je %.free
	mov_r8,[rdx+] !LEVEL cmp_r8,[] &level jb %.free
	fail_name "is declared twice\0"
:.free
	mov_rdi,[] &symbols_end                 # rdi: the new row
	cmp_rdi, &symbols+MAX_SYMBOLS jae %.full
	mov_r9,rdi mov_r10,rax mov_r8d,ecx
	xor_eax,eax mov_ecx, &SYMBOL_SIZE rep_stosb
	mov_[],rdi &symbols_end
	mov_[r9+],r8 !KIND mov_[r9+],r10 !WHOSE mov_[r9+],rdx !HIDDEN
	mov_rcx,[] &level mov_[r9+],rcx !LEVEL
	mov_rcx,[] &innermost mov_[r9+],rcx !OUTER
	mov_[],r9 &innermost
	mov_[r10+],r9 !NAME_SYMBOL
	mov_rax,r9
	ret
:.full
	fail "too many symbols\0"

; A block ends: its symbols are given up.
:leave_block
	dec_[] &level
:.symbol
	mov_rax,[] &innermost
	test_rax,rax je %.done
	mov_rcx,[rax+] !LEVEL cmp_rcx,[] &level jbe %.done
	mov_rcx,[rax+] !WHOSE                   # its name stands for what it stood for before
	mov_rdx,[rax+] !HIDDEN mov_[rcx+],rdx !NAME_SYMBOL
	mov_rcx,[rax+] !OUTER mov_[],rcx &innermost
	mov_[],rax &symbols_end jmp %.symbol
:.done
	ret

; Takes the token, which has to be ecx.
:expect
	cmp_[],rcx &token jne %.other
	jmp %next
:.other
	mov_[],rcx &expected
	call %place
	mov_esi, &expected call %print
	mov_esi, &.text call %print
	jmp %wrong_end
:.text " is missing\0"
; Takes the token when it is ecx: the zero flag says so.
:accept
	cmp_[],rcx &token jne %.other
	call %next
	xor_eax,eax                             # the zero flag is set
:.other
	ret
; rax: the name that is the token, which is taken.
:expect_name
	cmp_[], &token &NAME jne %.other
	push_[] &token_name call %next
	pop_rax
	ret
:.other
	fail "expected a name\0"
