; The end: nothing may be missing, and the program is written.

; Refuses a program in which a function is called and not defined.
:finish
	mov_ebx, &symbols                       # rbx: the next symbol; those of blocks are all given up
:.symbol
	cmp_rbx,[] &symbols_end je %.done
	cmp_[rbx+], !CALLS !0 jne %.missing
	add_rbx, &SYMBOL_SIZE jmp %.symbol
:.done
	ret
:.missing
	mov_rax,[rbx+] !CALLED_FILE mov_[],rax &file
	mov_rax,[rbx+] !CALLED_LINE mov_[],rax &token_line
	mov_rax,[rbx+] !WHOSE fail_name "is called but not defined\0"

; The headers of the program. What depends on its size is 0 here, and is filled in.
:program_headers
	7F "ELF" 02 01 01 00 =0 @2 @62 &1       # as in elf.asm
	=CODE_AT+program_headers_end-program_headers # the first instruction, behind these headers
	=64 =0 &0 @64 @56 @4 @0 @0 @0           # four program headers
	&1 &5 =0 =CODE_AT =CODE_AT =0 =0 =0x1000 # headers and code: to be read and run
	&1 &4 =0 =STRINGS_AT =STRINGS_AT =0 =0 =0x1000 # strings: to be read
	&1 &6 =0 =DATA_AT =DATA_AT =0 =0 =0x1000 # variables with values: to be read and written
	&1 &6 =0 =ZERO_AT =ZERO_AT =0 =0 =0x1000 # other variables: the same, and nothing of the file
:program_headers_end
const HEADERS_SIZE program_headers_end-program_headers

; Fills in the sizes, and writes headers, code, strings and data. Each piece begins with a page of 4,096 bytes.
:write_program
	mov_[], &token_line &0                  # what is wrong from here on is about no line
	mov_rdi,[] &output mov_[],rdi &file
	mov_esi, &0xC1 mov_edx, &0x1ED          # write, make, refuse if it is there; mode 755 in octal
	mov_eax, &2 syscall                     # system call 2: open(rdi path, esi flags, edx mode)
	test_eax,eax js %.unmade
	mov_ebp,eax                             # ebp: the file
	mov_edi, &headers mov_esi, &program_headers
	mov_ecx, &HEADERS_SIZE rep_movsb
	mov_ebx, &headers+64                    # rbx: the next program header
	xor_r13d,r13d                           # r13: where its piece begins in the file
	lea_rax,[r12++] &HEADERS_SIZE-code call %.piece
	mov_rax,[] &strings_end sub_rax, &strings call %.piece
	mov_rax,[] &data_end sub_rax, &data call %.piece
	mov_rax,[] &zero_end sub_rax, &ZERO_AT
	mov_[rbx+],rax !40                      # in memory only
	xor_r13d,r13d                           # r13: how many bytes are written
	mov_esi, &headers mov_edx, &HEADERS_SIZE call %write_bytes
	mov_esi, &code mov_rdx,r12 sub_rdx, &code call %write_bytes
	call %write_page_end
	mov_esi, &strings mov_rdx,[] &strings_end sub_rdx, &strings call %write_bytes
	call %write_page_end
	mov_esi, &data mov_rdx,[] &data_end sub_rdx, &data jmp %write_bytes
:.piece                                         # the next piece has rax bytes
	mov_[rbx+],r13 !8
	mov_[rbx+],rax !32 mov_[rbx+],rax !40   # in the file and in memory
	lea_r13,[r13+rax++] &4095 and_r13, &-4096
	add_rbx, &56
	ret
:.unmade
	fail "cannot be created, or exists\0"

; Zeroes up to the end of the page.
:write_page_end
	mov_esi, &empty_page
	mov_edx,r13d neg_edx and_edx, &4095
; Writes rdx bytes from rsi on to the file ebp.
:write_bytes
	test_rdx,rdx je %.done
	mov_edi,ebp mov_eax, &1
	syscall                                 # system call 1: write(edi file, rsi from, rdx count)
	test_rax,rax jle %.unwritten
	add_r13,rax
	add_rsi,rax sub_rdx,rax jmp %write_bytes
:.done
	ret
:.unwritten
	fail "cannot be written\0"
