; What subc keeps in memory, the constants that say what is what, and the macros that are no instructions.

reserve memory 0                # 0x10000000: the start of it all

; The text (text.asm).
reserve at 8                    # the next character
reserve text_end 8              # the end of this file's text
reserve texts_end 8             # the end of all texts
reserve file 8                  # the name of this file
reserve line 8                  # the number of the line where the next character is
reserve output 8                # the name of the file to write

; The token, which is looked at and not yet taken.
reserve token 8                 # which: one of those below, or the characters of a sign, the first lowest
reserve token_line 8            # the number of its line
reserve token_value 8           # of a NUMBER its value, of a STRING how many bytes
reserve token_type 8            # of a NUMBER its type
reserve token_name 8            # of a NAME: its row in the table of names
reserve expected 16             # the sign that is missing, and a 0
reserve string_bytes 65536      # of a STRING: its bytes
const MAX_STRING 65000         # so many at most, in one piece

const END 0
const NUMBER 1
const STRING 2
const NAME 3
const BREAK 4
const CASE 5
const CHAR_WORD 6
const CONTINUE 7
const DEFAULT 8
const DO 9
const ELSE 10
const ENUM 11
const FOR 12
const IF 13
const LONG_WORD 14
const RETURN 15
const SIZEOF 16
const STATIC 17
const STRUCT 18
const SWITCH 19
const VOID_WORD 20
const WHILE 21
const FOREIGN 22                # a word of C that is none here

; Signs of several characters.
const EQUAL 0x3D3D
const UNEQUAL 0x3D21
const AT_MOST 0x3D3C
const AT_LEAST 0x3D3E
const AND_AND 0x2626
const OR_OR 0x7C7C
const SHIFT_LEFT 0x3C3C
const SHIFT_RIGHT 0x3E3E
const PLUS_PLUS 0x2B2B
const MINUS_MINUS 0x2D2D
const ARROW 0x3E2D

; Names (names.asm): rows in a table, found by their hash.
reserve buckets 65536           # the first row of each hash: 8,192 of them
reserve names 0x800000
reserve names_end 8             # where the next row goes
const MAX_NAMES 0x7FFF00
const NAME_NEXT 0               # the next row of this hash
const NAME_LENGTH 8             # how many characters
const NAME_TEXT 16              # where they are
const NAME_TOKEN 24             # NAME, or the keyword that it is
const NAME_SYMBOL 32            # what it stands for now, or 0
const NAME_TAG 40               # the struct of that tag, or 0
const NAME_SIZE 48

; Symbols: what names stand for. Those of a block are given up at its end.
reserve symbols 0x2000000
reserve symbols_end 8           # where the next row goes
const MAX_SYMBOLS 0x1FFFF00
reserve level 8                 # how many blocks are open: 0 outside of functions
reserve innermost 8             # the last symbol that is not given up
const KIND 0                    # one of those below
const TYPE 8                    # its type; of an array that of an element, of a function that of its result
const VALUE 16                  # of a constant its value, of a variable where it is, of a function where
                                # its code is in memory, or 0 when it is not defined yet
const COUNT 24                  # of an array how many elements, else 0
const WHOSE 32                  # its name
const HIDDEN 40                 # what the name stood for before
const LEVEL 48                  # how many blocks were open
const CALLS 56                  # of a function that is not defined yet: the last call
const CALLED_FILE 64            # and where the first call is: its file
const CALLED_LINE 72            # and line
const PARAMETERS 80             # of a function: how many
const OUTER 88                  # the symbol before it
const PARAMETER_TYPES 96        # the types of parameters
const SYMBOL_SIZE 192
const MAX_PARAMETERS 12
const ENUMERATOR 1
const GLOBAL_VARIABLE 2
const LOCAL_VARIABLE 3
const FUNCTION 4

; Types are numbers: which, times 256, and how many stars. Between CHAR and the structs, of two operands the
; larger number is the type of both in C. INT and the unsigned ones cannot be written; see types.asm.
const VOID 0
const CHAR 0x100
const INT 0x200
const UNSIGNED 0x300
const LONG 0x400
const UNSIGNED_LONG 0x500
const CHAR_POINTER 0x101
const CHAR_POINTER_POINTER 0x102
const FIRST_STRUCT 0x600        # its row below, and all after it
const STRUCTS_BEGIN 6
reserve structs 0x40000         # 16,384 rows of 16 bytes
reserve structs_count 8         # how many there are, and STRUCTS_BEGIN
const MAX_STRUCTS 16383
const STRUCT_SIZE 0             # 0: not defined
const STRUCT_MEMBERS 8          # its last member
reserve members 0x400000
reserve members_end 8           # where the next row goes
reserve in_members 8            # 1 at the type of a member
const MAX_MEMBERS 0x3FFF00
const MEMBER_BEFORE 0           # the member before it
const MEMBER_NAME 8
const MEMBER_TYPE 16
const MEMBER_OFFSET 24
const MEMBER_SIZE 32

; The value that was compiled last (values.asm).
reserve kind 8                  # where it is: one of those below
reserve type 8                  # its type
reserve number 8                # see below
const CONSTANT 0                # nowhere: it is number
const ADDRESS 1                 # nowhere: it is the address number, in the program
const LOCAL 2                   # in memory, at rbp + number
const GLOBAL 3                  # in memory, at the address number
const INDIRECT 4                # in memory, at rax + number
const RAX 5                     # in rax
; The left operand, while the right one is the value above.
reserve left_kind 8
reserve left_type 8
reserve left_number 8
reserve left_code 8             # where the code of the right one begins
; What is assigned to.
reserve to_kind 8
reserve to_type 8
reserve to_number 8
; What operands have to be multiplied by, and the result divided by.
reserve left_scale 8
reserve right_scale 8
reserve result_scale 8
reserve result_type 8

; Functions and statements.
reserve parameters_count 8      # of the function that is declared: how many parameters,
reserve parameter_types 96      # their types
reserve parameter_names 96      # and names
reserve function 8              # the symbol of the function that is compiled
reserve frame 8                 # how many bytes its variables take here
reserve frame_most 8            # and at most
const FRAME_LIMIT 0x400000      # 4 MiB
reserve breaks 8                # the last jump that break made, -1: break is not allowed
reserve again 8                 # where continue goes to, 0: it is not allowed
reserve in_switch 8             # 1 in a switch
reserve default_code 8          # where its default is, or 0
reserve cases 0x100000          # 65,536 rows of 16 bytes: value, where
reserve cases_end 8             # where the next row goes
reserve cases_begin 8           # the first row of the innermost switch
const MAX_CASES 0xFFFF0
reserve stack_limit 8           # how low the stack may get

; What the program is made of: each piece with its address in the program.
reserve code 0x4000000          # 64 MiB
const MAX_CODE 0x3FFF000
const CODE_AT 0x400000
reserve strings 0x1000000       # 16 MiB
reserve strings_end 8           # where the next byte goes
const MAX_STRINGS 0xFF0000
const STRINGS_AT 0x8000000
reserve data 0x2000000          # 32 MiB
reserve data_end 8              # where the next byte goes
const MAX_DATA 0x1FFF000
const DATA_AT 0x10000000
reserve zero_end 8              # the address of the next variable that is zero at first
const ZERO_AT 0x20000000
const MAX_ZERO 0x40000000      # 1 GiB
reserve headers 4096            # the headers of the program
reserve empty_page 4096         # zeroes

reserve digits 32               # the digits of a line's number
reserve digits_end 8            # a 0 behind them

; The texts, together at most 16 MiB.
reserve texts 0x1000000
const MAX_TEXTS 0xFFFF00
reserve memory_end 0

macro emit call %emit_bytes [   # emit … ] puts the instructions between behind the code
macro fail call %wrong          # fail "…\0": FILE:LINE: …
macro fail_name call %wrong_name # the same, with the name at rax before it
