; Types: how they are written, how large they are, and which go together.
;
; A program says long and char. But in C a number below 2^31 is an int, a char becomes an int in an expression,
; sizeof and some hexadecimal numbers are unsigned, and that can be seen: 1 << 40 is 0, and -1 < sizeof(long) is
; wrong. So that every program means the same here and to other compilers, values have these types here, too.
; What is an int is calculated as one; where an unsigned one would make a difference, the program is refused.

; Does the token begin a type? The zero flag says so.
:begins_type
	mov_rax,[] &token
	cmp_eax, &LONG_WORD je %.yes
	cmp_eax, &CHAR_WORD je %.yes
	cmp_eax, &VOID_WORD je %.yes
	cmp_eax, &STRUCT
:.yes
	ret

; rax: the type that the next tokens say, without stars.
:base_type
	push_rbx
	mov_rax,[] &token
	mov_ebx, &LONG
	cmp_eax, &LONG_WORD je %.word
	mov_ebx, &CHAR
	cmp_eax, &CHAR_WORD je %.word
	mov_ebx, &VOID
	cmp_eax, &VOID_WORD je %.word
	cmp_eax, &STRUCT jne %.none
	call %next
	cmp_[], &in_members &0 jne %.tag
	cmp_[], &token &NAME jne %.tag
	mov_rax,[] &token_name                  # in a function or its parameters C would take a new
	cmp_[rax+], !NAME_TAG !0 je %.undeclared # tag for one that holds only there
:.tag
	call %tag mov_rbx,rax
	jmp %.done
:.word
	call %next
	call %begins_type jne %.done
	fail "a type is a single keyword here\0"     # as in "long long"
:.done
	mov_rax,rbx
	pop_rbx
	ret
:.undeclared
	fail_name "is not a declared struct\0"
:.none
	fail "expected a type\0"

; rax: the type rax with the stars that are the next tokens.
:stars
	push_rbx
	mov_rbx,rax
:.star
	mov_ecx, &'*' call %accept jne %.done
	mov_rax,rbx call %pointer_to mov_rbx,rax
	jmp %.star
:.done
	mov_rax,rbx
	pop_rbx
	ret

; rax: the type of a pointer to the type rax.
:pointer_to
	inc_rax
	test_al,al je %.deep                    # 255 stars and one
	ret
:.deep
	fail "too many levels of pointers\0"

; rax: the type of the struct whose tag is the token.
:tag
	call %expect_name
	push_rax
	mov_rcx,[rax+] !NAME_TAG
	test_rcx,rcx jne %.known
	mov_rcx,[] &structs_count
	cmp_rcx, &MAX_STRUCTS jae %.full
	inc_[] &structs_count
	mov_[rax+],rcx !NAME_TAG
:.known
	pop_rax
	mov_rax,[rax+] !NAME_TAG
	shl_rax, !8                             # its number, and no stars
	ret
:.full
	fail "too many structs\0"

; rax: the row of the struct whose type, without stars, is rax.
:struct_row
	shr_rax, !8
	shl_rax, !4                             # 16 bytes each
	add_rax, &structs
	ret

; rax: how many bytes the type rax takes.
:size_of
	test_al,al jne %.word                   # a pointer
	cmp_rax, &FIRST_STRUCT jb %.small
	call %struct_row
	mov_rax,[rax+] !STRUCT_SIZE
	test_rax,rax je %.undefined
	ret
:.small
	test_rax,rax je %.void                  # VOID
	cmp_rax, &CHAR jne %.word
	mov_eax, &1
	ret
:.word
	mov_eax, &8
	ret
:.undefined
	fail "this struct is not defined\0"
:.void
	fail "void has no size\0"

; rax: the type that a value of the type rax has in an expression: a char becomes an int.
:promoted
	test_al,al jne %.same                   # a pointer
	test_rax,rax je %.void
	cmp_rax, &FIRST_STRUCT jae %.struct
	cmp_rax, &CHAR jne %.same
	mov_eax, &INT
:.same
	ret
:.void
	fail "this expression has no value\0"
:.struct
	fail "a struct cannot be used as a value\0"

; Refuses the value when it cannot become the type rax.
:check_fits
	push_rbx
	mov_rbx,rax                             # rbx: the type that is wanted
	call %promoted push_rax                 # no void and no struct
	mov_rax,[] &type call %promoted         # rax: the type that is there
	pop_rcx                                 # rcx: the type that is wanted
	cmp_rax,rcx je %.fits
	test_al,al je %.number
	test_cl,cl je %.mixed                   # a number is wanted, a pointer is there
	cmp_rax, &VOID+1 je %.fits
	cmp_rcx, &VOID+1 je %.fits
:.mixed
	fail "incompatible types\0"
:.number
	test_cl,cl je %.fits                    # any number is
	call %is_zero jne %.mixed               # and 0 is a pointer, too
:.fits
	pop_rbx
	ret

; Is the value the constant 0, of whatever type of numbers? The zero flag says so.
:is_zero
	cmp_[], &kind &CONSTANT jne %.no
	cmp_[], &number &0 jne %.no
	cmp_byte[], &type !0                    # no stars
:.no
	ret

; struct TAG { members }; or struct TAG; at the top. "struct" is taken. The zero flag says that it was one of
; these; else rax is the type, and a declaration goes on.
:struct_definition
	push_rbx push_r13
	call %tag mov_rbx,rax                   # rbx: the type
	mov_ecx, &';' call %accept je %.done
	mov_ecx, &'{' call %accept jne %.declaration
	mov_rax,rbx call %struct_row mov_r13,rax # r13: its row
	cmp_[r13], !0 jne %.twice
:.members
	mov_[], &in_members &1
	call %base_type push_rax
	mov_[], &in_members &0
:.member
	mov_rax,[rsp] call %stars
	call %add_member
	mov_ecx, &',' call %accept je %.member
	mov_ecx, &';' call %expect
	pop_rax
	mov_ecx, &'}' call %accept jne %.members
	mov_rax,[r13+] !STRUCT_MEMBERS          # the size: behind the last member
	mov_rax,[rax+] !MEMBER_OFFSET
	add_rax, &8 mov_[r13],rax
	mov_ecx, &';' call %expect
	xor_eax,eax                             # the zero flag is set
:.done
	pop_r13 pop_rbx
	ret
:.declaration
	mov_rax,rbx
	test_rax,rax                            # no struct has the number 0: the zero flag is not set
	jmp %.done
:.twice
	fail "this struct is defined twice\0"

; Adds a member of the type rax, whose name is the token, to the struct in row r13.
:add_member
	push_rax
	test_al,al jne %.right
	cmp_rax, &LONG jne %.wrong
:.right
	call %expect_name push_rax
	mov_rcx,r13 call %find_member jne %.new
	pop_rax fail_name "is a duplicate member\0"
:.new
	mov_rdi,[] &members_end                 # rdi: its row
	cmp_rdi, &members+MAX_MEMBERS jae %.full
	add_[], &members_end &MEMBER_SIZE
	pop_[rdi+] !MEMBER_NAME pop_[rdi+] !MEMBER_TYPE
	xor_ecx,ecx
	mov_rax,[r13+] !STRUCT_MEMBERS mov_[rdi],rax
	test_rax,rax je %.first
	mov_rcx,[rax+] !MEMBER_OFFSET add_rcx, &8
:.first
	mov_[rdi+],rcx !MEMBER_OFFSET
	mov_[r13+],rdi !STRUCT_MEMBERS
	ret
:.wrong
	fail "a member must be a long or a pointer\0"
:.full
	fail "too many members\0"

; rdx: the member rax, a name, of the struct in row rcx. The zero flag says that there is one.
:find_member
	mov_rdx,[rcx+] !STRUCT_MEMBERS
:.member
	test_rdx,rdx je %.none
	cmp_[rdx+],rax !MEMBER_NAME je %.found
	mov_rdx,[rdx] jmp %.member
:.none
	cmp_rsp, &0                             # never: the zero flag is not set
:.found
	ret
