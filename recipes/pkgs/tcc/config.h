/* How tcc is configured here: it links static programs with the musl below /usr, and has no run-time checks of bounds,
   since these need more of a C library than there is at the beginning. */
#define TCC_VERSION "0.9.27"
#define TCC_TARGET_X86_64 1
#define CONFIG_TCC_STATIC 1
#define CONFIG_TCCBOOT 1
#define TCC_MUSL 1
#define CONFIG_SYSROOT ""
#define CONFIG_TCCDIR "/usr/lib/tcc"
#define CONFIG_TCC_SYSINCLUDEPATHS "/usr/lib/tcc/include:/usr/include"
#define CONFIG_TCC_LIBPATHS "/usr/lib"
#define CONFIG_TCC_CRTPREFIX "/usr/lib"
#define CONFIG_TCC_ELFINTERP "/lib/ld-musl-x86_64.so.1"
