#pragma once

// rbp, rsp, and the address to return to: no other register outlives a call.
typedef long jmp_buf[3];

int __setjmp(long *buffer);
void __longjmp(long *buffer, int value);

#define setjmp(buffer) __setjmp(buffer)
#define longjmp(buffer, value) __longjmp(buffer, value)
