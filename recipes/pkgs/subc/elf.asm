; The ELF header of subc: what file this is, where it begins to run, and which memory it gets.
:elf
7F "ELF"                # a byte that is no letter, and "ELF"
02 01 01 00             # 64 bits, low byte first, version 1, no special ABI
=0                      # nothing
@2                      # a program that is loaded where it says
@62                     # x86-64
&1                      # version 1
=start                  # the first instruction
=64                     # the program headers follow this header
=0                      # no section headers
&0                      # no flags
@64                     # the size of this header
@56                     # the size of a program header
@2                      # there are two
@0 @0 @0                # no section headers

; The whole file is put at 0x400000, to be read and run, not written.
&1 &5                   # load this; 4 + 1: read and execute
=0                      # from the first byte of the file on
=elf =elf               # to where asm put the first byte; Linux does not look at the second
=end-elf =end-elf       # all of the file
=0x1000                 # in whole pages

; What memory.asm reserves: zeroes, to be read and written, not run.
&1 &6                   # load this; 4 + 2: read and write
=0                      # from nowhere in the file
=memory =memory         # to where reserve begins
=0 =memory_end-memory   # no bytes of the file
=0x1000                 # in whole pages
