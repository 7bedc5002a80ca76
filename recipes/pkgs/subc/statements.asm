; Statements, and the jumps in them.

; A jump forward whose 4 bytes of distance come next. rax: where they are, for land.
:forward
	xor_eax,eax call %emit4
	lea_rax,[r12+] !-4
	ret
; The jump forward rax leads to here.
:land
	mov_rcx,r12 sub_rcx,rax sub_rcx, &4
	mov_[rax],ecx
	ret
; The 4 bytes of a jump to rax, which is in the code already.
:backward
	sub_rax,r12 sub_rax, &4
	jmp %emit4
; All jumps of the chain rax lead to here. The 4 bytes of each tell where the one before is.
:land_all
	test_rax,rax je %.done
	mov_edx,[rax]
	call %land
	mov_eax,edx jmp %land_all
:.done
	ret

; The statements of a block, up to its "}", which is taken. The "{" is taken already.
:block_end
	mov_ecx, &'}' call %accept je %.done
	cmp_[], &token &END je %.open
	call %begins_type je %.declaration
	call %statement jmp %block_end
:.declaration
	call %local_declaration jmp %block_end
:.done
	ret
:.open
	fail "a } is missing at the end\0"

:statement
	cmp_rsp,[] &stack_limit jb %too_deep
	mov_rax,[] &token
	cmp_eax, &'{' je %block
	cmp_eax, &';' je %next
	cmp_eax, &IF je %if_statement
	cmp_eax, &WHILE je %while_statement
	cmp_eax, &DO je %do_statement
	cmp_eax, &FOR je %for_statement
	cmp_eax, &SWITCH je %switch_statement
	cmp_eax, &CASE je %case_label
	cmp_eax, &DEFAULT je %default_label
	cmp_eax, &BREAK je %break_statement
	cmp_eax, &CONTINUE je %continue_statement
	cmp_eax, &RETURN je %return_statement
	call %expression                        # its value is not needed
:statement_end
	mov_ecx, &';' jmp %expect

:too_deep
	fail "nested too deeply\0"

; "{" and what follows: a block with names and variables of its own.
:block
	call %next
	inc_[] &level
	push_[] &frame
	call %block_end
	call %leave_block
	pop_[] &frame                           # the next block may use the same memory
	ret

; "(", an expression, ")". Makes code that tests it and jumps when it is 0. rax: that jump, for land.
:condition
	mov_ecx, &'(' call %expect
	call %expression
	call %test_value
	mov_ecx, &')' call %expect
	emit je ] jmp %forward

:if_statement
	push_rbx
	call %next
	call %condition mov_rbx,rax             # rbx: the jump over the statement
	call %statement
	mov_ecx, &ELSE call %accept jne %.done
	emit jmp ] call %forward
	xchg_rbx,rax call %land                 # rbx: the jump over the second statement
	call %statement
:.done
	mov_rax,rbx call %land
	pop_rbx
	ret

; The body of a loop: continue goes to the code at rax. rax: the breaks in it, for land_all.
:loop_body
	push_[] &again push_[] &breaks
	mov_[],rax &again mov_[], &breaks &0
	call %statement
	mov_rax,[] &breaks                      # rax: the breaks of this loop
	pop_[] &breaks pop_[] &again
	ret

:while_statement
	push_rbx push_rbp
	call %next
	mov_rbx,r12                             # rbx: the condition
	call %condition mov_rbp,rax             # rbp: the jump out of the loop
	mov_rax,rbx call %loop_body
	push_rax
	emit jmp ] mov_rax,rbx call %backward
	mov_rax,rbp call %land
	pop_rax call %land_all
	pop_rbp pop_rbx
	ret

; The body is jumped into; before it is a jump to the condition, for continue.
:do_statement
	push_rbx push_rbp
	call %next
	emit jmp ] call %forward mov_rbp,rax
	mov_rbx,r12                             # rbx: where continue goes to
	emit jmp ] call %forward push_rax       # from there to the condition
	mov_rax,rbp call %land
	mov_rbp,r12                             # rbp: the body
	mov_rax,rbx call %loop_body
	mov_rbx,rax                             # rbx: the breaks
	mov_ecx, &WHILE call %accept jne %.missing
	pop_rax call %land
	mov_ecx, &'(' call %expect
	call %expression
	call %test_value
	mov_ecx, &')' call %expect
	emit jne ] mov_rax,rbp call %backward
	mov_rax,rbx call %land_all
	pop_rbp pop_rbx
	jmp %statement_end
:.missing
	fail "while is missing\0"

; The code of the third part stands before the body, which is jumped into, and jumps to the condition.
:for_statement
	push_rbx push_rbp push_r13
	call %next
	mov_ecx, &'(' call %expect
	cmp_[], &token &';' je %.begun
	call %expression
:.begun
	mov_ecx, &';' call %expect
	mov_rbx,r12                             # rbx: the condition
	xor_ebp,ebp                             # ebp: the jump out of the loop, if there is one
	cmp_[], &token &';' je %.endless
	call %expression
	call %test_value
	emit je ] call %forward mov_rbp,rax
:.endless
	mov_ecx, &';' call %expect
	emit jmp ] call %forward push_rax       # to the body
	mov_r13,r12                             # r13: the third part, where continue goes to
	cmp_[], &token &')' je %.stepped
	call %expression
:.stepped
	mov_ecx, &')' call %expect
	emit jmp ] mov_rax,rbx call %backward
	pop_rax call %land
	mov_rax,r13 call %loop_body
	mov_rbx,rax                             # rbx: the breaks
	emit jmp ] mov_rax,r13 call %backward
	test_rbp,rbp je %.no_exit
	mov_rax,rbp call %land
:.no_exit
	mov_rax,rbx call %land_all
	pop_r13 pop_rbp pop_rbx
	ret

; The body comes first, and behind it the comparisons that jump into it: only then all cases are known.
:switch_statement
	push_rbx push_r13
	call %next
	mov_ecx, &'(' call %expect
	call %expression
	call %load                              # the value stays in rax up to the comparisons
	cmp_byte[], &type !0 jne %.pointer
	cmp_[], &type &UNSIGNED je %unsigned
	push_[] &type                           # of the value
	mov_ecx, &')' call %expect
	emit jmp ] call %forward mov_rbx,rax    # rbx: the jump to the comparisons
	push_[] &breaks push_[] &in_switch push_[] &default_code push_[] &cases_begin
	mov_[], &breaks &0 mov_[], &in_switch &1 mov_[], &default_code &0
	mov_rax,[] &cases_end mov_[],rax &cases_begin
	call %statement
	call %emit_break                        # the end of the body
	mov_rax,rbx call %land
	mov_r13,[] &cases_begin                 # r13: the next case
:.case
	cmp_r13,[] &cases_end je %.compared
	mov_rax,[r13] mov_[],rax &number
	movsxd_rcx,eax cmp_rcx,rax jne %.wide
	emit cmp_rax, ] call %emit_number
	jmp %.jump
:.wide
	cmp_[rsp+], !32 &LONG jne %.narrow      # below the four that were pushed: the type
	mov_[], &kind &CONSTANT
	call %load_rcx
	emit cmp_rax,rcx ]
:.jump
	emit je ] mov_rax,[r13+] !8 call %backward
	add_r13, &16 jmp %.case
:.compared
	mov_rax,[] &default_code
	test_rax,rax je %.no_default
	push_rax
	emit jmp ] pop_rax call %backward
:.no_default
	mov_rax,[] &breaks call %land_all
	mov_rax,[] &cases_begin mov_[],rax &cases_end
	pop_[] &cases_begin pop_[] &default_code pop_[] &in_switch pop_[] &breaks
	pop_rax                                 # the type
	pop_r13 pop_rbx
	ret
:.narrow
	fail "a case of this switch is not an int\0"
:.pointer
	fail "a switch expects a number\0"

:case_label
	call %check_in_switch
	call %constant_expression               # rax: the value
	mov_rdi,[] &cases_begin
:.case
	cmp_rdi,[] &cases_end je %.new
	cmp_[rdi],rax je %.twice
	add_rdi, &16 jmp %.case
:.new
	cmp_rdi, &cases+MAX_CASES jae %.full
	mov_[rdi],rax mov_[rdi+],r12 !8
	add_[], &cases_end &16
	jmp %label_end
:.twice
	fail "duplicate case\0"
:.full
	fail "too many cases\0"
; Behind a label there is a statement.
:label_end
	mov_ecx, &':' call %expect
	jmp %statement

:default_label
	call %check_in_switch
	cmp_[], &default_code &0 jne %.twice
	mov_[],r12 &default_code
	jmp %label_end
:.twice
	fail "more than one default in a switch\0"

; Takes "case" or "default", and refuses it outside of a switch.
:check_in_switch
	cmp_[], &in_switch &0 jne %next
	fail "outside of a switch\0"

:break_statement
	call %next
	call %emit_break
	jmp %statement_end
; Makes code that jumps out of the innermost loop or switch.
:emit_break
	cmp_[], &breaks &-1 je %.nowhere
	emit jmp ]
	mov_rax,[] &breaks mov_[],r12 &breaks
	jmp %emit4
:.nowhere
	fail "outside of a loop or switch\0"

:continue_statement
	call %next
	cmp_[], &again &0 je %.nowhere
	emit jmp ] mov_rax,[] &again call %backward
	jmp %statement_end
:.nowhere
	fail "outside of a loop\0"

:return_statement
	push_rbx
	call %next
	mov_rbx,[] &function mov_rbx,[rbx+] !TYPE # rbx: the type of the result
	test_rbx,rbx je %.nothing
	cmp_[], &token &';' je %.missing
	call %expression
	mov_rax,rbx call %check_fits
	call %load
	cmp_rbx, &CHAR jne %.leave
	emit movzx_eax,al ]
:.leave
	emit leave ret ]
	pop_rbx
	jmp %statement_end
:.nothing
	cmp_[], &token &';' je %.leave
	fail "a void function cannot return a value\0"
:.missing
	fail "this function must return a value\0"
