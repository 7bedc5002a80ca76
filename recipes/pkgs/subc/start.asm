; subc: a compiler for a small C. It is assembled by asm. README.md beside this file has the page.
;
;   subc OUTPUT INPUT...
;
; This file: the beginning and the end of subc, reading files, and saying what is wrong.
;
; In all files: r12 is where the next byte of code goes. A routine gives its result in rax; it keeps rbx,
; rbp, rsp and r12 to r15 for who calls it, and changes the other registers. What start alone calls keeps
; only r12 and rsp. A line of comment before a label says what the routine takes.

:start
	pop_rcx pop_rdi                         # the number of arguments; the name of this program
	pop_rdi mov_[],rdi &output              # OUTPUT
	mov_rax,rsp sub_rax, &0x600000          # of the 8 MiB that the kernel gives to the stack
	mov_[],rax &stack_limit                 # a part must stay free
	cmp_ecx, &3 jb %usage                   # are there an OUTPUT and an INPUT?
	mov_ebx, &texts                         # rbx: where the next text goes
:.load
	pop_rdi                                 # the next INPUT
	test_rdi,rdi je %.loaded                # the 0 behind the last
	mov_[],rdi &file
	call %load_text jmp %.load
:.loaded
	mov_[],rbx &texts_end
	mov_eax, &texts call %open_text mov_[],rsi &at
	call %prepare                           # tables, keywords, known functions
	call %next                              # the first token
:.declaration
	cmp_[], &token &END je %.end            # the end of all texts?
	call %top_level jmp %.declaration
:.end
	call %finish                            # are all functions there?
	call %write_program
	xor_edi,edi                             # status 0
:exit
	mov_eax, &60 syscall                    # system call 60: exit(edi status)

:usage
	mov_esi, &.text call %print
	mov_edi, &1 jmp %exit
:.text "subc OUTPUT INPUT...\n\0"

; Reads the file whose name is [file] to rbx: 8 bytes where its text ends, 8 its name, the text and a
; line feed. rbx is behind that afterwards.
:load_text
	mov_rdi,[] &file xor_esi,esi            # to read
	mov_eax, &2 syscall                     # system call 2: open(rdi path, esi flags)
	test_eax,eax js %.unopened
	mov_ebp,eax                             # ebp: the file
	lea_r13,[rbx+] !16                      # r13: where its next bytes go
:.more
	mov_edx, &texts+MAX_TEXTS sub_rdx,r13  # how many have room
	jbe %.long
	mov_edi,ebp mov_rsi,r13 xor_eax,eax
	syscall                                 # system call 0: read(edi file, rsi to, edx count)
	test_rax,rax js %.unread
	je %.end                                # 0 at the end of the file
	add_r13,rax jmp %.more
:.end
	mov_[rbx],r13 mov_rax,[] &file mov_[rbx+],rax !8
	mov_byte[r13], !'\n'
	lea_rbx,[r13+] !1                       # the next text
	mov_edi,ebp mov_eax, &3 syscall         # system call 3: close(edi file)
	ret
:.unopened
	fail "cannot be opened\0"
:.unread
	fail "cannot be read\0"
:.long
	fail "the inputs are longer than 16 MiB\0"

; FILE:LINE: and the text behind the call, up to a 0, then the end with status 1. Without a line when it
; is 0. It is the line of the token that is looked at.
:wrong
	call %place
	pop_rsi call %print
:wrong_end
	mov_esi, &.feed call %print
	mov_edi, &1 jmp %exit
:.feed "\n\0"

; The same, with the name rax before the text.
:wrong_name
	mov_rbx,rax
	call %place
	mov_rdx,[rbx+] !NAME_LENGTH mov_rsi,[rbx+] !NAME_TEXT call %print_bytes
	mov_esi, &.space call %print
	pop_rsi call %print
	jmp %wrong_end
:.space " \0"

; Prints FILE:LINE: of the token.
:place
	mov_rsi,[] &file call %print
	mov_rax,[] &token_line
	mov_esi, &digits_end                    # the digits from the last to the first
	mov_ecx, &10
	test_rax,rax je %.unlined
:.digit
	xor_edx,edx div_rcx
	add_dl, !'0' dec_rsi mov_[rsi],dl
	test_rax,rax jne %.digit
	dec_rsi mov_byte[rsi], !':'
	call %print
:.unlined
	mov_esi, &.colon jmp %print
:.colon ": \0"

; Prints the text rsi, up to a 0, to standard error.
:print
	xor_edx,edx
:.count
	cmp_byte[rsi+rdx], !0 je %print_bytes
	inc_edx jmp %.count
; Prints edx bytes from rsi on.
:print_bytes
	mov_edi, &2 mov_eax, &1
	syscall                                 # system call 1: write(edi file, rsi from, edx count)
	ret
