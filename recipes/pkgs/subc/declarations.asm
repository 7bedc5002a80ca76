; Declarations: constants, variables, functions.

; rax: the value of a constant expression, a number.
:constant_expression
	mov_eax, &1 call %binary
	cmp_[], &kind &CONSTANT jne %.wrong
	cmp_byte[], &type !0 jne %.wrong        # a pointer
	mov_rax,[] &number
	ret
:.wrong
	fail "this is not a constant number\0"

; What stands outside of functions.
:top_level
	push_rbx push_rbp push_r13
	mov_ecx, &STATIC call %accept           # there is one program only: it says nothing
	cmp_[], &token &ENUM je %.enum
	cmp_[], &token &STRUCT jne %.base
	call %next
	call %struct_definition je %.done
	jmp %.declarators
:.base
	call %base_type
:.declarators
	mov_rbx,rax                             # rbx: the type without stars
:.declarator
	mov_rax,rbx call %stars mov_r13,rax     # r13: the type
	call %expect_name mov_rbp,rax           # rbp: the name
	cmp_[], &token &'(' je %.function
	call %global_variable
:.next
	mov_ecx, &',' call %accept je %.declarator
	mov_ecx, &';' call %expect
:.done
	pop_r13 pop_rbp pop_rbx
	ret
:.function
	call %function_declaration
	cmp_[], &token &'{' jne %.next
	call %define_function jmp %.done
:.enum
	call %next
	call %enumeration jmp %.done

; enum { NAME, NAME = VALUE };
:enumeration
	push_rbx push_rbp
	mov_ecx, &'{' call %expect
	xor_ebx,ebx                             # rbx: the next value
:.name
	call %expect_name mov_rbp,rax
	mov_ecx, &'=' call %accept jne %.counted
	call %constant_expression mov_rbx,rax
	cmp_[], &type &UNSIGNED_LONG jne %.counted
	test_rax,rax js %unsigned
:.counted
	mov_rax,rbp mov_ecx, &ENUMERATOR call %declare
	mov_[rax+],rbx !VALUE
	call %enumerator_type mov_[rax+],rcx !TYPE
	inc_rbx
	mov_ecx, &',' call %accept jne %.last
	cmp_[], &token &'}' jne %.name          # a comma may stand behind the last
:.last
	mov_ecx, &'}' call %expect
	pop_rbp pop_rbx
	mov_ecx, &';' jmp %expect

; rcx: the type of the enumerator rbx. What is no int is signed or not by what else the enum has: it counts as
; unsigned when it can be.
:enumerator_type
	mov_ecx, &INT
	movsxd_rdx,ebx cmp_rdx,rbx je %.done
	mov_ecx, &LONG
	test_rbx,rbx js %.done
	mov_ecx, &UNSIGNED
	mov_edx,ebx cmp_rdx,rbx je %.done
	mov_ecx, &UNSIGNED_LONG
:.done
	ret

; The number of elements of an array, when "[" is the token: rax. -1 when there is none between "[" and "]",
; 0 when it is no array.
:element_count
	xor_eax,eax
	cmp_[], &token &'[' jne %.done
	call %next
	mov_rax, &-1
	cmp_[], &token &']' je %.end
	call %constant_expression
	test_rax,rax jle %.wrong
	cmp_rax, &MAX_ZERO ja %.wrong
:.end
	push_rax
	mov_ecx, &']' call %expect
	pop_rax
:.done
	ret
:.wrong
	fail "an array has 1 to 1,073,741,824 elements\0"

; A variable of the type r13 and the name rbp, outside of functions.
:global_variable
	push_rbx push_r14
	test_r13,r13 je %.void
	mov_rax,rbp mov_ecx, &GLOBAL_VARIABLE call %declare
	mov_rbx,rax                             # rbx: its symbol
	mov_[rbx+],r13 !TYPE
	call %element_count mov_[rbx+],rax !COUNT
	mov_ecx, &'=' call %accept je %.initial
	mov_rax,r13 call %size_of
	mov_rcx,[rbx+] !COUNT
	test_rcx,rcx je %.one
	js %.countless
	imul_rax,rcx                            # neither is above 2^31
:.one
	add_rax, &7 and_rax, &-8
	mov_rcx,[] &zero_end mov_[rbx+],rcx !VALUE
	add_rax,rcx
	cmp_rax, &ZERO_AT+MAX_ZERO ja %.full
	mov_[],rax &zero_end jmp %.done
:.initial
	mov_rax,r13 call %promoted              # no struct
	mov_rax,[] &data_end sub_rax, &data-DATA_AT mov_[rbx+],rax !VALUE
	cmp_[rbx+], !COUNT !0 jne %.array
	call %initial_value
	jmp %.aligned
:.array
	mov_ecx, &'{' call %expect
	xor_r14d,r14d                           # r14: how many elements are there
:.element
	cmp_r14,[rbx+] !COUNT je %.many         # never with -1
	call %initial_value
	inc_r14
	mov_ecx, &',' call %accept jne %.last
	cmp_[], &token &'}' jne %.element       # a comma may stand behind the last
:.last
	mov_ecx, &'}' call %expect
	mov_rax,[rbx+] !COUNT
	test_rax,rax js %.counted
	sub_rax,r14                             # rax: how many elements are 0
	push_rax
	mov_rax,r13 call %size_of
	pop_rcx imul_rax,rcx
	add_rax,[] &data_end
	cmp_rax, &data+MAX_DATA ja %.data_full
	mov_[],rax &data_end                    # they are 0 already
	jmp %.aligned
:.counted
	mov_[rbx+],r14 !COUNT
:.aligned
	mov_rax,[] &data_end add_rax, &7 and_rax, &-8 mov_[],rax &data_end
:.done
	pop_r14 pop_rbx
	ret
:.void
	fail "a variable cannot be void\0"
:.countless
	fail "the number of elements is missing\0"
:.many
	fail "more values than elements\0"
:.full
	fail "the variables take more than 1 GiB\0"
:.data_full
	fail "the initialised variables take more than 32 MiB\0"

; Puts the value of a variable, or an element, of the type r13 behind the data.
:initial_value
	cmp_[], &token &STRING je %.string
	mov_eax, &1 call %binary
	cmp_[], &kind &CONSTANT jne %.wrong
	jmp %.value
:.string
	call %primary
:.value
	mov_rax,r13 call %check_fits
	mov_rdi,[] &data_end
	cmp_rdi, &data+MAX_DATA jae %.full
	mov_rax,[] &number
	cmp_r13, &CHAR je %.char
	mov_[rdi],rax add_rdi, &8 jmp %.done
:.char
	mov_[rdi],al inc_rdi
:.done
	mov_[],rdi &data_end
	ret
:.wrong
	fail "this is not constant\0"
:.full
	fail "the initialised variables take more than 32 MiB\0"

; A function of the result type r13 and the name rbp, up to its ")": "(" is the token. rbp: its symbol.
:function_declaration
	push_rbx
	test_r13b,r13b jne %.result             # no struct
	cmp_r13, &FIRST_STRUCT jae %.struct
:.result
	call %next
	call %parameters
	mov_rbx,[rbp+] !NAME_SYMBOL             # rbx: what was declared under this name
	test_rbx,rbx je %.new
	cmp_[rbx+], !KIND !FUNCTION jne %.differs
	cmp_[rbx+],r13 !TYPE jne %.differs
	mov_rcx,[] &parameters_count
	cmp_[rbx+],rcx !PARAMETERS jne %.differs
	lea_rdi,[rbx+] !PARAMETER_TYPES mov_esi, &parameter_types
	cmp_rcx,rcx repe_cmpsq jne %.differs    # the zero flag is set when there are none
	mov_rbp,rbx
	pop_rbx
	ret
:.new
	mov_rax,rbp mov_ecx, &FUNCTION call %declare
	mov_rbp,rax
	mov_[rbp+],r13 !TYPE
	mov_rcx,[] &parameters_count mov_[rbp+],rcx !PARAMETERS
	lea_rdi,[rbp+] !PARAMETER_TYPES mov_esi, &parameter_types
	rep_movsq
	pop_rbx
	ret
:.struct
	fail "a struct cannot be used as a value\0"
:.differs
	mov_rax,rbp fail_name "was declared differently before\0"

; The types and names of parameters, up to ")".
:parameters
	push_rbx push_rbp
	xor_ebx,ebx                             # rbx: how many
	mov_ecx, &')' call %accept je %.done
:.next
	call %base_type
	test_rax,rax jne %.parameter            # "(void)" says that there are none
	test_rbx,rbx jne %.parameter
	mov_ecx, &')' call %accept je %.done
	xor_eax,eax
:.parameter
	call %stars mov_rbp,rax
	call %promoted                          # no void and no struct
	cmp_ebx, &MAX_PARAMETERS je %.many
	call %expect_name
	mov_[rbx*8++],rax &parameter_names
	mov_[rbx*8++],rbp &parameter_types
	inc_rbx
	mov_ecx, &',' call %accept je %.next
	mov_ecx, &')' call %expect
:.done
	mov_[],rbx &parameters_count
	pop_rbp pop_rbx
	ret
:.many
	fail "a function has at most 12 parameters\0"

; The body of the function whose symbol is rbp: "{" is the token.
:define_function
	push_rbx push_r14
	cmp_[rbp+], !VALUE !0 jne %.twice
	mov_[],rbp &function
	mov_[rbp+],r12 !VALUE
	mov_rax,[rbp+] !CALLS call %land_all
	mov_[rbp+], !CALLS &0
	inc_[] &level
	xor_ebx,ebx                             # rbx: the next parameter
	mov_r14,[] &parameters_count            # r14: how many are left
:.parameter
	test_r14,r14 je %.body
	mov_rax,[rbx*8++] &parameter_names mov_ecx, &LOCAL_VARIABLE call %declare
	mov_rcx,[rbx*8++] &parameter_types mov_[rax+],rcx !TYPE
	lea_rcx,[r14*8++] &8 mov_[rax+],rcx !VALUE # the last is above rbp and the return address
	inc_rbx dec_r14 jmp %.parameter
:.body
	mov_[], &frame &0 mov_[], &frame_most &0
	mov_[], &breaks &-1 mov_[], &again &0 mov_[], &in_switch &0
	emit push_rbp mov_rbp,rsp sub_rsp, ]
	mov_rbx,r12                             # rbx: where the size of the frame goes
	call %emit4
	call %next
	call %block_end
	emit xor_eax,eax leave ret ]            # who gets here returns 0
	mov_rax,[] &frame_most mov_[rbx],eax
	call %leave_block
	pop_r14 pop_rbx
	ret
:.twice
	mov_rax,[rbp+] !WHOSE fail_name "is defined twice\0"

; Variables in a function: their types, names and values, up to ";".
:local_declaration
	push_rbx push_rbp push_r13
	call %base_type mov_rbx,rax             # rbx: the type without stars
:.declarator
	mov_rax,rbx call %stars mov_r13,rax     # r13: the type
	call %promoted                          # no void and no struct
	call %expect_name
	mov_ecx, &LOCAL_VARIABLE call %declare
	mov_rbp,rax                             # rbp: the symbol
	mov_[rbp+],r13 !TYPE
	call %element_count mov_[rbp+],rax !COUNT
	mov_ecx, &8
	test_rax,rax je %.one
	js %.countless
	push_rax
	mov_rax,r13 call %size_of
	pop_rcx imul_rcx,rax
	add_rcx, &7 and_rcx, &-8
:.one
	add_rcx,[] &frame                       # rcx: how many bytes the frame takes with it
	cmp_rcx, &FRAME_LIMIT ja %.full
	mov_[],rcx &frame
	cmp_rcx,[] &frame_most jbe %.placed
	mov_[],rcx &frame_most
:.placed
	neg_rcx mov_[rbp+],rcx !VALUE           # below rbp
	cmp_[], &token &'=' jne %.next
	cmp_[rbp+], !COUNT !0 jne %.array
	call %next
	call %assignment
	mov_rax,r13 call %check_fits
	call %load
	mov_[], &to_kind &LOCAL mov_[],r13 &to_type
	mov_rax,[rbp+] !VALUE mov_[],rax &to_number
	call %store
:.next
	mov_ecx, &',' call %accept je %.declarator
	mov_ecx, &';' call %expect
	pop_r13 pop_rbp pop_rbx
	ret
:.countless
	fail "the number of elements is missing\0"
:.full
	fail "the variables of this function take more than 4 MiB\0"
:.array
	fail "an array in a function cannot have initial values\0"
