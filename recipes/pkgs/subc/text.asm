; The text: from characters to tokens.

; Makes rax, where a text with its 16 bytes before is, the text that is read. rsi: its first character.
:open_text
	mov_rcx,[rax] mov_[],rcx &text_end
	mov_rcx,[rax+] !8 mov_[],rcx &file
	mov_[], &line &1
	lea_rsi,[rax+] !16
	ret

; Takes the token that was looked at, and looks at the next.
:next
	mov_rsi,[] &at
:.skip
	mov_rax,[] &line mov_[],rax &token_line
	cmp_rsi,[] &text_end jae %.file_end
	movzx_eax,byte[rsi] inc_rsi             # al: a character
	cmp_al, !' ' je %.skip
	cmp_al, !'\t' je %.skip
	cmp_al, !'\n' jne %.some
	call %new_line jmp %.skip
:.file_end
	mov_rax,[] &text_end inc_rax            # the text behind the line feed
	cmp_rax,[] &texts_end jae %.end
	call %open_text jmp %.skip
:.end
	mov_[], &token &END
	ret                                     # [at] stays where it is, so the next token is END, too

:.some
	cmp_al, !'/' jne %.token                # a comment?
	cmp_byte[rsi], !'/' je %.line
	cmp_byte[rsi], !'*' jne %.token
	inc_rsi                                 # over the "*" behind the "/", which ends no comment
:.comment
	cmp_rsi,[] &text_end jae %.open
	movzx_eax,byte[rsi] inc_rsi
	call %plain
	cmp_al, !'\n' jne %.star
	call %new_line jmp %.comment
:.star
	cmp_al, !'*' jne %.comment
	cmp_byte[rsi], !'/' jne %.comment
	inc_rsi jmp %.skip
:.line
	movzx_eax,byte[rsi] inc_rsi             # there is a line feed, if only behind the text
	call %plain
	cmp_al, !'\n' jne %.line
	dec_rsi jmp %.skip
:.open
	fail "unterminated comment\0"

:.token
	call %is_digit jb %number_token
	call %is_letter jb %name_token
	cmp_al, !'"' je %string_token
	cmp_al, !0x27 je %character_token
; A sign: one of these characters, or two or three that belong together.
	mov_edi, &.signs mov_ecx, &24
	repne_scasb jne %.foreign
	movzx_ecx,byte[rsi]                     # the next character
	cmp_cl, !'=' jne %.twice                # something and "="
	mov_edi, &.before_equal
	mov_ecx, &12 repne_scasb jne %.sign
	or_eax, &0x3D00 inc_rsi jmp %.sign
:.twice
	cmp_cl,al jne %.arrow                   # the same once more
	mov_edi, &.doubled
	mov_ecx, &6 repne_scasb jne %.sign
	movzx_ecx,byte[rsi] shl_ecx, !8 or_eax,ecx inc_rsi
	cmp_eax, &SHIFT_LEFT je %.shift
	cmp_eax, &SHIFT_RIGHT jne %.sign
:.shift
	cmp_byte[rsi], !'=' jne %.sign          # "<<=" and ">>="
	or_eax, &0x3D0000 inc_rsi jmp %.sign
:.arrow
	cmp_al, !'-' jne %.sign
	cmp_cl, !'>' jne %.sign
	mov_eax, &ARROW inc_rsi
:.sign
	mov_[],rax &token mov_[],rsi &at
	ret
:.signs "+-*/%&|^~!<>=?:;,.()[]{}"
:.before_equal "+-*/%&|^=!<>"
:.doubled "+-&|<>"
:.foreign
	fail "unexpected character\0"

; A line feed was passed: rsi is behind it. A backslash before it would join two lines in C.
:new_line
	inc_[] &line
	lea_rdx,[rsi+] !-1
:.back
	dec_rdx movzx_ecx,byte[rdx]
	cmp_cl, !' ' je %.back
	cmp_cl, !'\t' je %.back
	cmp_cl, !'\\' je %.joined
	ret
:.joined
	fail "a line ends with a backslash\0"

; Refuses the character al when it is not ASCII.
:plain
	test_al,al js %.foreign
	ret
:.foreign
	fail "a character is not ASCII\0"

; Is al a digit? The carry flag says so, as in "below". ecx is its worth.
:is_digit
	mov_ecx,eax sub_ecx, &'0'
	cmp_ecx, &10
	ret
; Is al a letter or "_"?
:is_letter
	mov_ecx,eax or_ecx, &0x20 sub_ecx, &'a' cmp_ecx, &26 jb %.yes
	cmp_al, !'_' je %.it_is
	clc
:.yes
	ret
:.it_is
	stc
	ret
; Is al a hexadecimal digit?
:is_hexadecimal
	call %is_digit jb %.yes
	mov_ecx,eax or_ecx, &0x20 sub_ecx, &'a'-10
	cmp_ecx, &10 jb %.no
	cmp_ecx, &16
:.yes
	ret
:.no
	clc
	ret

; A number: al is its first digit, rsi behind it. r8 is the number, r9 its base.
:number_token
	mov_r9d, &10 xor_r8d,r8d
	cmp_al, !'0' jne %.digits
	movzx_eax,byte[rsi]
	call %is_digit jb %.octal
	or_eax, &0x20 cmp_al, !'x' jne %.digits # "X" as well
	mov_r9d, &16
	inc_rsi movzx_eax,byte[rsi]             # behind the "x" there is a digit
	call %is_hexadecimal jb %.more
	jmp %.joined
:.digits
	dec_rsi                                 # back to the first digit
:.more
	movzx_eax,byte[rsi] inc_rsi
	call %is_hexadecimal jae %.end
	cmp_ecx,r9d jae %.joined
	mov_r10d,ecx
	mov_rax,r8 mul_r9 jb %.large            # more than 64 bits
	add_rax,r10 jb %.large
	mov_r8,rax jmp %.more
:.end
	call %is_letter jb %.joined
	cmp_al, !'.' je %.joined
	dec_rsi mov_rax,r8
	cmp_r9d, &16 je %number_end
	test_rax,rax js %.large                 # a decimal number is never unsigned
	mov_[],rax &token_value
	call %number_end
	cmp_[], &token_type &UNSIGNED jne %.signed
	mov_[], &token_type &LONG
:.signed
	ret
:.octal
	fail "a number cannot begin with 0\0"
:.joined
	fail "invalid number\0"
:.large
	fail "a number has more than 64 bits, or 63 if it is decimal\0"

; rcx: the type that C gives to the hexadecimal number rcx.
:number_type
	test_rcx,rcx js %.unsigned_long
	movsxd_rdx,ecx cmp_rdx,rcx je %.int
	mov_edx,ecx cmp_rdx,rcx je %.unsigned
	mov_ecx, &LONG
	ret
:.int
	mov_ecx, &INT
	ret
:.unsigned
	mov_ecx, &UNSIGNED
	ret
:.unsigned_long
	mov_ecx, &UNSIGNED_LONG
	ret

; A NUMBER of the value rax; rsi is behind it.
:number_end
	mov_[],rax &token_value
	mov_rcx,rax call %number_type mov_[],rcx &token_type
	mov_[], &token &NUMBER mov_[],rsi &at
	ret

; A name, or a keyword: rsi is behind its first letter.
:name_token
	lea_rdx,[rsi+] !-1                      # rdx: where it begins
:.more
	movzx_eax,byte[rsi] inc_rsi
	call %is_letter jb %.more
	call %is_digit jb %.more
	dec_rsi mov_[],rsi &at
	mov_ecx,esi sub_ecx,edx                 # ecx: how long it is
	cmp_ecx, &63 ja %.long
	call %intern mov_[],rax &token_name
	mov_rax,[rax+] !NAME_TOKEN mov_[],rax &token
	cmp_eax, &FOREIGN je %.foreign
	ret
:.long
	fail "a name has more than 63 characters\0"
:.foreign
	fail "unsupported keyword\0"

; A character between apostrophes: rsi is behind the first.
:character_token
	movzx_eax,byte[rsi] inc_rsi
	cmp_al, !0x27 je %.empty
	call %character
	cmp_byte[rsi], !0x27 jne %.empty
	inc_rsi jmp %number_end
:.empty
	fail "not a single character\0"

; A text between quotes: rsi is behind the first. Its bytes go to string_bytes.
:string_token
	mov_edi, &string_bytes                  # rdi: where the next byte goes
:.more
	movzx_eax,byte[rsi] inc_rsi
	cmp_al, !'"' je %.end
	call %character
	mov_[rdi],al inc_rdi
	cmp_rdi, &string_bytes+MAX_STRING jb %.more
	fail "a string has more than 65,000 bytes\0"
:.end
	sub_rdi, &string_bytes mov_[],rdi &token_value
	mov_[], &token &STRING mov_[],rsi &at
	ret

; rax: what the character al of a string means, and the next ones when it is a backslash. rsi is behind it.
:character
	cmp_al, !' ' jb %.control
	call %plain
	cmp_al, !'\\' je %.escape
	ret
:.control
	fail "unterminated string or character\0"
:.escape
	movzx_eax,byte[rsi] inc_rsi
	cmp_al, !'\\' je %.itself
	cmp_al, !'"' je %.itself
	cmp_al, !0x27 je %.itself
	cmp_al, !'n' je %.feed
	cmp_al, !'t' je %.tab
	cmp_al, !'r' je %.return
	cmp_al, !'x' je %.digits
	cmp_al, !'0' jne %.unknown
	movzx_eax,byte[rsi]                     # \0 before a digit would be octal
	call %is_digit jb %.unknown
	xor_eax,eax
:.itself
	ret
:.feed
	mov_eax, &10
	ret
:.tab
	mov_eax, &9
	ret
:.return
	mov_eax, &13
	ret
:.digits
	movzx_eax,byte[rsi] inc_rsi
	call %is_hexadecimal jae %.unknown
	mov_edx,ecx shl_edx, !4                 # the first digit counts 16 times
	movzx_eax,byte[rsi] inc_rsi
	call %is_hexadecimal jae %.unknown
	add_edx,ecx
	movzx_eax,byte[rsi]                     # a third would belong to it in C
	call %is_hexadecimal jb %.unknown
	mov_eax,edx
	ret
:.unknown
	fail "unknown escape sequence\0"
