; The instructions of x86-64 that subc and the programs that it makes consist of. Each macro is named as a
; disassembler (objdump -M intel) writes the instruction, with a "_" for the space, less what is not part of it:
;   []       an address in 4 bytes, which is the operand behind the macro:    mov_rax,[] &at
;   +] ++]   a number that is added to the register, in 1 or 4 bytes:         mov_rax,[rbx+] !8
;   ,        at the end: a number, in 1 byte behind !, in 4 behind &:         cmp_al, !' '
; Behind a jump or call stands its target in 4 bytes: jmp %label. Memory without "byte" or "dword" is of the
; size of the register, or 8 bytes. A test holds every line to what a disassembler says.

; Moving.
macro lea_r10,[rax*8++]        4C 8D 14 C5
macro lea_r13,[r13+rax++]      4D 8D AC 05
macro lea_r13,[rbx+]           4C 8D 6B
macro lea_rax,[r12++]          49 8D 84 24
macro lea_rax,[r12+]           49 8D 44 24
macro lea_rax,[r14*8++]        4A 8D 04 F5
macro lea_rax,[rbp++]          48 8D 85
macro lea_rax,[rdi+rcx]        48 8D 04 0F
macro lea_rbx,[r13+]           49 8D 5D
macro lea_rbx,[rdx+rcx]        48 8D 1C 0A
macro lea_rcx,[r14*8++]        4A 8D 0C F5
macro lea_rcx,[rsp+]           48 8D 4C 24
macro lea_rdi,[rax+]           48 8D 78
macro lea_rdi,[rbp+]           48 8D 7D
macro lea_rdi,[rbx+]           48 8D 7B
macro lea_rdx,[rbx+]           48 8D 53
macro lea_rdx,[rsi+]           48 8D 56
macro lea_rsi,[rax+]           48 8D 70
macro lea_rsi,[rbx+]           48 8D 73
macro mov_[],                  48 C7 04 25
macro mov_[],al                88 04 25
macro mov_[],r12               4C 89 24 25
macro mov_[],r13               4C 89 2C 25
macro mov_[],r9                4C 89 0C 25
macro mov_[],rax               48 89 04 25
macro mov_[],rbp               48 89 2C 25
macro mov_[],rbx               48 89 1C 25
macro mov_[],rcx               48 89 0C 25
macro mov_[],rdi               48 89 3C 25
macro mov_[],rdx               48 89 14 25
macro mov_[],rsi               48 89 34 25
macro mov_[r10+],r9            4D 89 4A
macro mov_[r10],rax            49 89 02
macro mov_[r12],eax            41 89 04 24
macro mov_[r12],rax            49 89 04 24
macro mov_[r13+],rdi           49 89 7D
macro mov_[r13],rax            49 89 45 00
macro mov_[r9+],r10            4D 89 51
macro mov_[r9+],r8             4D 89 41
macro mov_[r9+],rcx            49 89 49
macro mov_[r9+],rdx            49 89 51
macro mov_[rax+],              48 C7 40
macro mov_[rax+],r12           4C 89 60
macro mov_[rax+],rbp           48 89 68
macro mov_[rax+],rbx           48 89 58
macro mov_[rax+],rcx           48 89 48
macro mov_[rax+],rdx           48 89 50
macro mov_[rax],ecx            89 08
macro mov_[rax],rcx            48 89 08
macro mov_[rbp++],al           88 85
macro mov_[rbp++],rax          48 89 85
macro mov_[rbp+],              48 C7 45
macro mov_[rbp+],r12           4C 89 65
macro mov_[rbp+],r13           4C 89 6D
macro mov_[rbp+],rax           48 89 45
macro mov_[rbp+],rcx           48 89 4D
macro mov_[rbx*8++],rax        48 89 04 DD
macro mov_[rbx*8++],rbp        48 89 2C DD
macro mov_[rbx+],r12           4C 89 63
macro mov_[rbx+],r13           4C 89 6B
macro mov_[rbx+],r14           4C 89 73
macro mov_[rbx+],rax           48 89 43
macro mov_[rbx+],rcx           48 89 4B
macro mov_[rbx],eax            89 03
macro mov_[rbx],r13            4C 89 2B
macro mov_[rcx++],al           88 81
macro mov_[rcx++],rax          48 89 81
macro mov_[rcx+],rdx           48 89 51
macro mov_[rdi+],r12           4C 89 67
macro mov_[rdi+],rcx           48 89 4F
macro mov_[rdi],al             88 07
macro mov_[rdi],rax            48 89 07
macro mov_[rsi],dl             88 16
macro mov_byte[r13],           41 C6 45 00
macro mov_byte[rdi],           C6 07
macro mov_byte[rsi],           C6 06
macro mov_eax,                 B8
macro mov_eax,ebx              89 D8
macro mov_eax,ecx              89 C8
macro mov_eax,edx              89 D0
macro mov_ebp,                 BD
macro mov_ebp,eax              89 C5
macro mov_ebx,                 BB
macro mov_ecx,                 B9
macro mov_ecx,eax              89 C1
macro mov_ecx,esi              89 F1
macro mov_ecx,r8d              44 89 C1
macro mov_edi,                 BF
macro mov_edi,eax              89 C7
macro mov_edi,ebp              89 EF
macro mov_edx,                 BA
macro mov_edx,[r13+]           41 8B 55
macro mov_edx,[rax]            8B 10
macro mov_edx,eax              89 C2
macro mov_edx,ebx              89 DA
macro mov_edx,ecx              89 CA
macro mov_edx,r13d             44 89 EA
macro mov_esi,                 BE
macro mov_esi,[r13+]           41 8B 75
macro mov_r10,[rsp+]           4C 8B 54 24
macro mov_r10,rax              49 89 C2
macro mov_r10d,ecx             41 89 CA
macro mov_r12,rdi              49 89 FC
macro mov_r12d,                41 BC
macro mov_r13,[]               4C 8B 2C 25
macro mov_r13,r12              4D 89 E5
macro mov_r13,rax              49 89 C5
macro mov_r13d,                41 BD
macro mov_r14,[]               4C 8B 34 25
macro mov_r14,rax              49 89 C6
macro mov_r14d,eax             41 89 C6
macro mov_r8,[rdx+]            4C 8B 42
macro mov_r8,[rsp+]            4C 8B 44 24
macro mov_r8,rax               49 89 C0
macro mov_r8d,ecx              41 89 C8
macro mov_r9,[rsp+]            4C 8B 4C 24
macro mov_r9,rdi               49 89 F9
macro mov_r9d,                 41 B9
macro mov_rax,                 48 C7 C0
macro mov_rax,[]               48 8B 04 25
macro mov_rax,[r10]            49 8B 02
macro mov_rax,[r13+]           49 8B 45
macro mov_rax,[r13]            49 8B 45 00
macro mov_rax,[rax++]          48 8B 80
macro mov_rax,[rax+]           48 8B 40
macro mov_rax,[rbp++]          48 8B 85
macro mov_rax,[rbp+]           48 8B 45
macro mov_rax,[rbx*8++]        48 8B 04 DD
macro mov_rax,[rbx+]           48 8B 43
macro mov_rax,[rbx+r14*8+]     4A 8B 44 F3
macro mov_rax,[rdx+]           48 8B 42
macro mov_rax,[rsp+]           48 8B 44 24
macro mov_rax,[rsp]            48 8B 04 24
macro mov_rax,r13              4C 89 E8
macro mov_rax,r8               4C 89 C0
macro mov_rax,r9               4C 89 C8
macro mov_rax,rbp              48 89 E8
macro mov_rax,rbx              48 89 D8
macro mov_rax,rcx              48 89 C8
macro mov_rax,rdx              48 89 D0
macro mov_rax,rsp              48 89 E0
macro mov_rbp,r12              4C 89 E5
macro mov_rbp,rax              48 89 C5
macro mov_rbp,rbx              48 89 DD
macro mov_rbp,rsp              48 89 E5
macro mov_rbx,[]               48 8B 1C 25
macro mov_rbx,[rbp+]           48 8B 5D
macro mov_rbx,[rbx+]           48 8B 5B
macro mov_rbx,r12              4C 89 E3
macro mov_rbx,rax              48 89 C3
macro mov_rbx,rdx              48 89 D3
macro mov_rbx,rsi              48 89 F3
macro mov_rcx,                 48 C7 C1
macro mov_rcx,[]               48 8B 0C 25
macro mov_rcx,[r10]            49 8B 0A
macro mov_rcx,[rax+]           48 8B 48
macro mov_rcx,[rax]            48 8B 08
macro mov_rcx,[rbp++]          48 8B 8D
macro mov_rcx,[rbx*8++]        48 8B 0C DD
macro mov_rcx,[rbx+]           48 8B 4B
macro mov_rcx,[rdx+]           48 8B 4A
macro mov_rcx,[rsp+]           48 8B 4C 24
macro mov_rcx,r12              4C 89 E1
macro mov_rcx,r13              4C 89 E9
macro mov_rcx,rax              48 89 C1
macro mov_rcx,rdx              48 89 D1
macro mov_rdi,[]               48 8B 3C 25
macro mov_rdi,[rax+]           48 8B 78
macro mov_rdi,[rsp+]           48 8B 7C 24
macro mov_rdi,r12              4C 89 E7
macro mov_rdx,                 48 C7 C2
macro mov_rdx,[]               48 8B 14 25
macro mov_rdx,[rax+]           48 8B 50
macro mov_rdx,[rbx+]           48 8B 53
macro mov_rdx,[rcx+]           48 8B 51
macro mov_rdx,[rdx]            48 8B 12
macro mov_rdx,[rsp+]           48 8B 54 24
macro mov_rdx,r12              4C 89 E2
macro mov_rdx,rax              48 89 C2
macro mov_rsi,[]               48 8B 34 25
macro mov_rsi,[rbx+]           48 8B 73
macro mov_rsi,[rsp+]           48 8B 74 24
macro mov_rsi,r13              4C 89 EE
macro mov_rsi,rdx              48 89 D6
macro movabs_rax,              48 B8
macro movabs_rcx,              48 B9
macro movsxd_rax,eax           48 63 C0
macro movsxd_rcx,eax           48 63 C8
macro movsxd_rdx,eax           48 63 D0
macro movsxd_rdx,ebx           48 63 D3
macro movsxd_rdx,ecx           48 63 D1
macro movzx_eax,al             0F B6 C0
macro movzx_eax,byte[]         0F B6 04 25
macro movzx_eax,byte[r13+]     41 0F B6 45
macro movzx_eax,byte[rax++]    0F B6 80
macro movzx_eax,byte[rbp++]    0F B6 85
macro movzx_eax,byte[rsi]      0F B6 06
macro movzx_ecx,byte[]         0F B6 0C 25
macro movzx_ecx,byte[rax+]     0F B6 48
macro movzx_ecx,byte[rbp++]    0F B6 8D
macro movzx_ecx,byte[rbx]      0F B6 0B
macro movzx_ecx,byte[rdx]      0F B6 0A
macro movzx_ecx,byte[rsi]      0F B6 0E
macro movzx_r9d,byte[rdx+r8]   46 0F B6 0C 02
macro pop_[]                   8F 04 25
macro pop_[rdi+]               8F 47
macro pop_r13                  41 5D
macro pop_r14                  41 5E
macro pop_rax                  58
macro pop_rbp                  5D
macro pop_rbx                  5B
macro pop_rcx                  59
macro pop_rdi                  5F
macro pop_rdx                  5A
macro pop_rsi                  5E
macro push                     68
macro push_[]                  FF 34 25
macro push_[rax+]              FF 70
macro push_[rbp++]             FF B5
macro push_r12                 41 54
macro push_r13                 41 55
macro push_r14                 41 56
macro push_rax                 50
macro push_rbp                 55
macro push_rbx                 53
macro push_rcx                 51
macro push_rdx                 52
macro rep_movsb                F3 A4
macro rep_movsq                F3 48 A5
macro rep_stosb                F3 AA
macro rep_stosq                F3 48 AB
macro repe_cmpsb               F3 A6
macro repe_cmpsq               F3 48 A7
macro repne_scasb              F2 AE
macro xchg_rbx,rax             48 93

; Calculating.
macro add_[],                  48 81 04 25
macro add_[],rax               48 01 04 25
macro add_dl,                  80 C2
macro add_eax,r9d              44 01 C8
macro add_edx,ecx              01 CA
macro add_r12,                 49 81 C4
macro add_r13,                 49 81 C5
macro add_r13,rax              49 01 C5
macro add_rax,                 48 05
macro add_rax,[]               48 03 04 25
macro add_rax,r10              4C 01 D0
macro add_rax,rcx              48 01 C8
macro add_rbx,                 48 81 C3
macro add_rcx,                 48 81 C1
macro add_rcx,[]               48 03 0C 25
macro add_rdi,                 48 81 C7
macro add_rsi,rax              48 01 C6
macro add_rsp,                 48 81 C4
macro and_[],                  48 81 24 25
macro and_eax,                 25
macro and_ecx,                 81 E1
macro and_edx,                 81 E2
macro and_r13,                 49 81 E5
macro and_rax,                 48 25
macro and_rax,rcx              48 21 C8
macro and_rcx,                 48 81 E1
macro cqo                      48 99
macro dec_[]                   48 FF 0C 25
macro dec_r12                  49 FF CC
macro dec_r14                  49 FF CE
macro dec_rax                  48 FF C8
macro dec_rdx                  48 FF CA
macro dec_rsi                  48 FF CE
macro div_[rsp+]               48 F7 74 24
macro div_rcx                  48 F7 F1
macro idiv_rcx                 48 F7 F9
macro imul_eax,eax,            69 C0
macro imul_rax,[]              48 0F AF 04 25
macro imul_rax,rax,            48 69 C0
macro imul_rax,rcx             48 0F AF C1
macro imul_rbx,rax             48 0F AF D8
macro imul_rcx,[]              48 0F AF 0C 25
macro imul_rcx,rax             48 0F AF C8
macro imul_rcx,rcx,            48 69 C9
macro inc_[]                   48 FF 04 25
macro inc_eax                  FF C0
macro inc_ebp                  FF C5
macro inc_edx                  FF C2
macro inc_r14                  49 FF C6
macro inc_r8d                  41 FF C0
macro inc_rax                  48 FF C0
macro inc_rbx                  48 FF C3
macro inc_rdi                  48 FF C7
macro inc_rdx                  48 FF C2
macro inc_rsi                  48 FF C6
macro mul_r9                   49 F7 E1
macro neg_edx                  F7 DA
macro neg_rax                  48 F7 D8
macro neg_rcx                  48 F7 D9
macro not_[]                   48 F7 14 25
macro not_rax                  48 F7 D0
macro or_eax,                  0D
macro or_eax,ecx               09 C8
macro or_ecx,                  81 C9
macro or_rax,rcx               48 09 C8
macro sar_rax,cl               48 D3 F8
macro shl_ecx,                 C1 E1
macro shl_edx,                 C1 E2
macro shl_rax,                 48 C1 E0
macro shl_rax,cl               48 D3 E0
macro shr_eax,                 C1 E8
macro shr_rax,                 48 C1 E8
macro shr_rax,cl               48 D3 E8
macro sub_ecx,                 81 E9
macro sub_ecx,edx              29 D1
macro sub_rax,                 48 2D
macro sub_rax,r12              4C 29 E0
macro sub_rax,r14              4C 29 F0
macro sub_rax,rcx              48 29 C8
macro sub_rcx,                 48 81 E9
macro sub_rcx,rax              48 29 C1
macro sub_rdi,                 48 81 EF
macro sub_rdx,                 48 81 EA
macro sub_rdx,r13              4C 29 EA
macro sub_rdx,rax              48 29 C2
macro sub_rsp,                 48 81 EC
macro xor_eax,eax              31 C0
macro xor_ebp,ebp              31 ED
macro xor_ebx,ebx              31 DB
macro xor_ecx,ecx              31 C9
macro xor_edi,edi              31 FF
macro xor_edx,edx              31 D2
macro xor_esi,esi              31 F6
macro xor_r13d,r13d            45 31 ED
macro xor_r14d,r14d            45 31 F6
macro xor_r8d,r8d              45 31 C0
macro xor_rax,rcx              48 31 C8

; Comparing.
macro clc                      F8
macro cmp_[],                  48 81 3C 25
macro cmp_[],rcx               48 39 0C 25
macro cmp_[],rdx               48 39 14 25
macro cmp_[r13],               49 83 7D 00
macro cmp_[rax+],              48 83 78
macro cmp_[rax+],rcx           48 39 48
macro cmp_[rax],ecx            39 08
macro cmp_[rbp+],              48 83 7D
macro cmp_[rbx+],              48 83 7B
macro cmp_[rbx+],r13           4C 39 6B
macro cmp_[rbx+],rcx           48 39 4B
macro cmp_[rdi],rax            48 39 07
macro cmp_[rdx+],              48 83 7A
macro cmp_[rdx+],rax           48 39 42
macro cmp_[rsp+],              48 81 7C 24
macro cmp_al,                  3C
macro cmp_byte[],              80 3C 25
macro cmp_byte[r13+],          41 80 7D
macro cmp_byte[rsi+rdx],       80 3C 16
macro cmp_byte[rsi],           80 3E
macro cmp_cl,                  80 F9
macro cmp_cl,al                38 C1
macro cmp_dword[r13],          41 81 7D 00
macro cmp_dword[rax],          83 38
macro cmp_eax,                 3D
macro cmp_ebp,                 81 FD
macro cmp_ebx,                 81 FB
macro cmp_ecx,                 81 F9
macro cmp_ecx,r14d             44 39 F1
macro cmp_ecx,r9d              44 39 C9
macro cmp_r12,                 49 81 FC
macro cmp_r12,[]               4C 3B 24 25
macro cmp_r13,                 49 81 FD
macro cmp_r13,[]               4C 3B 2C 25
macro cmp_r14,[rbx+]           4C 3B 73
macro cmp_r8,[]                4C 3B 04 25
macro cmp_r8d,ecx              41 39 C8
macro cmp_r9d,                 41 81 F9
macro cmp_rax,                 48 3D
macro cmp_rax,[]               48 3B 04 25
macro cmp_rax,rcx              48 39 C8
macro cmp_rax,rdx              48 39 D0
macro cmp_rbx,                 48 81 FB
macro cmp_rbx,[]               48 3B 1C 25
macro cmp_rcx,                 48 81 F9
macro cmp_rcx,[]               48 3B 0C 25
macro cmp_rcx,[rsp+]           48 3B 4C 24
macro cmp_rcx,r13              4C 39 E9
macro cmp_rcx,rax              48 39 C1
macro cmp_rcx,rcx              48 39 C9
macro cmp_rcx,rdx              48 39 D1
macro cmp_rdi,                 48 81 FF
macro cmp_rdi,[]               48 3B 3C 25
macro cmp_rdx,rbx              48 39 DA
macro cmp_rdx,rcx              48 39 CA
macro cmp_rsi,[]               48 3B 34 25
macro cmp_rsp,                 48 81 FC
macro cmp_rsp,[]               48 3B 24 25
macro setb_al                  0F 92 C0
macro sete_al                  0F 94 C0
macro setg_al                  0F 9F C0
macro setge_al                 0F 9D C0
macro setl_al                  0F 9C C0
macro setle_al                 0F 9E C0
macro setne_al                 0F 95 C0
macro stc                      F9
macro test_al,al               84 C0
macro test_cl,cl               84 C9
macro test_dl,dl               84 D2
macro test_eax,eax             85 C0
macro test_ecx,ecx             85 C9
macro test_r13,r13             4D 85 ED
macro test_r13b,r13b           45 84 ED
macro test_r14,r14             4D 85 F6
macro test_rax,rax             48 85 C0
macro test_rbp,rbp             48 85 ED
macro test_rbx,rbx             48 85 DB
macro test_rcx,rcx             48 85 C9
macro test_rdi,rdi             48 85 FF
macro test_rdx,rdx             48 85 D2
macro test_rsp,rsp             48 85 E4

; Going elsewhere.
macro call                     E8
macro call_rdx                 FF D2
macro ja                       0F 87
macro jae                      0F 83
macro jb                       0F 82
macro jbe                      0F 86
macro je                       0F 84
macro jl                       0F 8C
macro jle                      0F 8E
macro jmp                      E9
macro jmp_rsi                  FF E6
macro jne                      0F 85
macro jo                       0F 80
macro js                       0F 88
macro leave                    C9
macro ret                      C3
macro syscall                  0F 05
