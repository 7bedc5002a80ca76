#pragma once

// All arguments are on the stack, one after the other, each in a multiple of 8 bytes: a va_list points to the next one.
typedef char *va_list;
typedef va_list __builtin_va_list;

#define __va_slot(type) ((sizeof(type) + 7) / 8 * 8)
#define va_start(list, last) ((void)((list) = __builtin_variadic_start(last)))
#define va_arg(list, type) (*(type *)(((list) += __va_slot(type)) - __va_slot(type)))
#define va_copy(to, from) ((void)((to) = (from)))
#define va_end(list) ((void)(list))
