//! Random declarations, expressions and statements, most of them wrong: cc accepts one iff gcc does.
//!
//! gcc reads hundreds at once, each on its own line; cc reads one at a time. They are the same at every run;
//! `STELE_RANDOM_PROGRAMS=20000` tries so many.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::cc::Room;
use super::subc_random::Random;
use super::*;

/// How many programs gcc reads at once, how many are tried, and the time after which no others are begun.
const BATCH: usize = 500;
const PROGRAMS: usize = 3000;
const TIME: Duration = Duration::from_secs(20);

/// gcc refuses what C99 does; but pointers of any types are compatible, as in cc.
const GCC: [&str; 9] = [
    "-std=c99",
    "-pedantic-errors",
    "-fsyntax-only",
    "-fmax-errors=0",
    "-fno-diagnostics-show-caret",
    "-Wno-incompatible-pointer-types",
    "-Wno-discarded-qualifiers",
    "-Wno-pointer-sign",
    "-Wno-pointer-arith",
];

/// Errors of gcc that cc may accept: GNU's extensions, and pointers that are compared or chosen between.
const EITHER: [&str; 5] = [
    "[-Wpedantic]",
    "distinct pointer types",
    "pointer type mismatch",
    "between pointer and integer",
    "function return types not compatible",
];

/// The first declarations of each program. `@` is the number of the program, so that no two of them share a name.
const PRELUDE: &str = "struct s@ { int a; const int c; int b : 3; int arr[3]; struct { char k; } in; int *p; }; \
    struct t@ { int a; }; struct un@; union u@ { int i; double d; char c[4]; }; enum e@ { A@, B@ }; int v@; \
    const int cv@ = 1; int *p@; const int *cp@; int *const pc@ = 0; double d@; struct s@ sv@, *sp@; \
    const struct s@ *sc@; struct t@ tv@, *tp@; const struct t@ tc@; struct un@ *unp@; int arr@[3]; \
    const int carr@[3]; char str@[4]; void *vp@; const void *cvp@; int f@(int); void g@(void); \
    struct t@ h@(void); int (*fp@)(int); enum e@ ev@; union u@ uv@; _Bool b@; int (*pa@)[3]; unsigned long ul@; ";

const OPERANDS: &str = "v@|cv@|p@|cp@|pc@|d@|sv@|sp@|sc@|tv@|tp@|tc@|unp@|arr@|carr@|str@|vp@|cvp@|f@|g@|h@|fp@|ev@|\
    uv@|b@|pa@|ul@|0|1|1.5|\"x\"|'c'|A@|r@|ra@|rt@|l@|lc@|(void)0|f@(1)|g@()|h@()|(void *)0|sv@.b|sp@->b|sc@->b|sv@.c|\
    sv@.arr|sc@->arr|sv@.in|sp@->p";
const LOCALS: &str =
    "register int r@; register int ra@[2]; register struct t@ rt@; int l@; const int lc@ = 1; ";

const STORAGE: &str = "||||static |extern |register |auto |typedef |inline |static inline |_Noreturn ";
const QUALIFIERS: &str = "||||const |volatile |const volatile |restrict ";
const BASES: &str = "int|int|int|char|unsigned|long|double|_Bool|struct t@|struct s@|struct un@|enum e@|union u@|void|\
    float|short|unsigned long|long double";
const PARAMETERS: &str = "void|int|int, ...|int|const int|char|float|int *|const int *|int x, int y|struct t@ *|\
    struct t@|\
    int a[3]|int a[const 3]|register int x|void (*)(void)|double, int|int x, int x|unsigned|void *|int (*)(int)|\
    enum e@|short|int a[][3]|struct un@ x|struct nn@ *x|static int x|int *restrict";
const VALUES: &str = "||||| = 0| = 1| = { 1 }| = { 0 }| = \"abc\"| = v@| = &v@| = p@| = 1.5| = { 1, 2 }| = sv@|\
     = { .a = 1 }|\
     = { [1] = 2 }| = (int){ 3 }| = f@| = A@| = sizeof v@| = arr@| = { 1, { 2 } }| = cp@";
const CASTS: &str = "int|double|int *|const int *|void|struct t@|struct s@|char|void *|int (*)(int)|_Bool|struct un@ *|\
    int[3]|enum e@|const int|unsigned long";
const LITERALS: &str = "sizeof(int)|sizeof(struct un@)|sizeof(void)|(int){ 1 }|(struct t@){ 1 }|(const int){ 2 }|\
    (int[2]){ 1 }|sizeof(int[])|(struct un@){ 0 }";
const MEMBERS: &str = "int a|int a : 3|int : 4|struct n@ *n|struct n@ n|int z[]|int z[2]|const int k|int : 0|\
    int f(void)|\
    void v|struct un@ x|union u@ u|int a : 33|double a : 3|_Bool e : 1|enum e@ e : 2|static int s|struct un@ *un|\
    inline int y|int restrict w|const struct t@ ct|unsigned h : 0";

/// One of several choices, separated by `|`.
fn of(random: &mut Random, choices: &'static str) -> &'static str {
    random.of(&choices.split('|').collect::<Vec<_>>())
}

fn declarator(random: &mut Random, name: &str, depth: u64) -> String {
    if depth == 0 {
        return name.to_owned();
    }
    let inner = |random: &mut Random| declarator(random, name, depth - 1);
    match random.below(8) {
        0..=2 => name.to_owned(),
        3 => format!("*{}{}", of(random, "||const |restrict "), inner(random)),
        4 => format!("{name}{}", of(random, "[3]|[]|[2]|[0x10]")),
        5 => format!("(*{name})({})", of(random, PARAMETERS)),
        6 => format!("(*{})[3]", inner(random)),
        _ => format!("{}({})", inner(random), of(random, PARAMETERS)),
    }
}

fn declaration(random: &mut Random, name: &str) -> String {
    let (storage, qualifiers, base) = (of(random, STORAGE), of(random, QUALIFIERS), of(random, BASES));
    format!("{storage}{qualifiers}{base} {}{};", declarator(random, name, 2), of(random, VALUES))
}

fn expression(random: &mut Random, depth: u64) -> String {
    if depth == 0 || random.below(4) == 0 {
        return of(random, OPERANDS).to_owned();
    }
    let next = |random: &mut Random| expression(random, depth - 1);
    let (a, b) = (next(random), next(random));
    match random.below(16) {
        0..=3 => format!("(({a}) {} ({b}))", of(random, "+|-|*|/|%|<<|>>|<|>|<=|==|!=|&|^|&&|,")),
        4 | 5 => format!("(({a}) {} ({b}))", of(random, "=|=|=|+=|-=|*=|<<=|^=|%=")),
        6 => format!("{}({a})", of(random, "-|+|~|!|*|&|&|*|++|--|sizeof |(void)")),
        7 => format!("({a}){}", of(random, "++|--")),
        8 => format!("({a})[{b}]"),
        9 => format!("({a}){}{}", of(random, ".|->"), of(random, "a|b|c|arr|in|p|in.k|i|d|zz")),
        10 => format!("(({a}) ? ({b}) : ({}))", next(random)),
        11 => format!("({a})({})", random.of(&["", &b, &format!("{b}, 1")])),
        12 => format!("({})({a})", of(random, CASTS)),
        13 => format!("*({a})"),
        14 => format!("&({a})"),
        _ => of(random, LITERALS).to_owned(),
    }
}

fn statement(random: &mut Random) -> String {
    let (a, b, c) = (expression(random, 2), expression(random, 1), expression(random, 1));
    match random.below(13) {
        0..=5 => format!("{a};"),
        6 => format!("return {};", random.of(&["", &a])),
        7 => format!("if ({a}) {b};"),
        8 => {
            let value = of(random, "1|A@|1.5|l@|cv@|'c'|2 + 3|sizeof v@|-1");
            let more =
                of(random, "|default: ;|default: ; default: ;|case 1: ;|case 5: break;|break;|continue;");
            format!("switch ({b}) {{ case {value}: ; {more} }}")
        }
        9 => {
            let first = declaration(random, "i@");
            let first = random.of(&[";", &format!("{b};"), &first]).to_owned();
            format!("for ({first} {c}; {b}) {}", of(random, ";|break;|continue;|{ int i@; }"))
        }
        10 => format!("while ({b}) {}", of(random, "break;|;|{ continue; }")),
        11 => declaration(random, "l2@"),
        _ => {
            let name = of(random, "x@|y@|v@|l@|f@");
            format!("{{ {} {} }}", declaration(random, "x@"), declaration(random, name))
        }
    }
}

/// A few declarations and definitions on one line. `@` stands for the number of the program.
fn program(random: &mut Random) -> String {
    let text = match random.below(10) {
        0 | 1 => format!("{} {}", declaration(random, "x@"), declaration(random, "x@")),
        2 => {
            let (first, inner) = (declaration(random, "x@"), declaration(random, "x@"));
            format!("{first} void w@(void) {{ {inner} }} {}", declaration(random, "x@"))
        }
        3 => {
            let (first, inner) = (declaration(random, "x@"), declaration(random, "x@"));
            format!("{first} void w@(void) {{ {}{{ {inner} }} }}", of(random, "|int x@; |static int x@; "))
        }
        4 => {
            let result = of(random, "int|void|static int|const int|struct t@|int *");
            let again = of(random, "int|void|static int|extern int|int *");
            let (one, two) = (of(random, PARAMETERS), of(random, PARAMETERS));
            let end = of(random, ";|;| { }| { return 0; }");
            format!("{result} w@({one}){end} {again} w@({two}){}", of(random, ";|;|;| { return 0; }"))
        }
        5 => {
            let outer = of(random, ";| { int z@; };| { Z@ };| x@;| *x@;| const;");
            let inner = of(random, ";| { int z@; };| { Y@ };| y@;| *y@;");
            let tag = |random: &mut Random| of(random, "q@|s@|e@|u@|un@");
            let kind = |random: &mut Random| of(random, "struct|union|enum");
            let (first, second) = (kind(random), kind(random));
            let (qualifier, other) = (of(random, "|const |static "), tag(random));
            format!("{first} {}{outer} void w@(void) {{ {qualifier}{second} {other}{inner} }}", tag(random))
        }
        6 => {
            let many = 1 + random.below(3);
            let members: String = (0..many).map(|_| format!("{}; ", of(random, MEMBERS))).collect();
            format!("struct n@ {{ {members}}} {};", of(random, "|x@|*x@|x@[2]"))
        }
        _ => {
            let result = of(random, "int|void|struct t@|int *");
            format!("{result} w@(int par@) {{ {LOCALS}{} }}", statement(random))
        }
    };
    format!("{PRELUDE}{text}")
}

/// The lines of a text at which gcc reports an error that cc must report too: false where cc may accept it.
fn refused(room: &Room, text: &str) -> BTreeMap<usize, bool> {
    let file = room.path("all.c");
    fs::write(&file, text).expect("a text");
    let output = Command::new("gcc").args(GCC).arg(&file).env("LC_ALL", "C").output().expect("gcc runs");
    let mut lines = BTreeMap::new();
    for message in String::from_utf8_lossy(&output.stderr).lines() {
        let Some((place, message)) = message.split_once(": error: ") else { continue };
        let line: usize = place.split(':').nth(1).and_then(|it| it.parse().ok()).expect("a line");
        let hard = !EITHER.iter().any(|it| message.contains(it));
        *lines.entry(line).or_default() |= hard;
    }
    assert!(output.status.success() == lines.is_empty(), "{output:?}");
    lines
}

#[test]
fn cc_accepts_a_program_if_and_only_if_gcc_does() {
    let Some(room) = Room::new() else { return };
    let wanted = std::env::var("STELE_RANDOM_PROGRAMS").ok().map(|it| it.parse().expect("a number"));
    let begin = Instant::now();
    let mut random = Random(99);
    let (mut done, mut taken) = (0, 0);
    while done < wanted.unwrap_or(PROGRAMS) && (wanted.is_some() || begin.elapsed() < TIME) {
        let programs: Vec<_> =
            (done..done + BATCH).map(|it| program(&mut random).replace('@', &format!("_{it}"))).collect();
        let wrong = refused(&room, &(programs.join("\n") + "\n"));
        for (at, text) in programs.iter().enumerate() {
            let (status, said) = room.compile(&format!("{text}\nint main(void) {{ return 0; }}\n"));
            assert!(status == 0 || status == 1 && said.starts_with("in.c:"), "{status} {said}{text}");
            // An undefined name is for the linker to report.
            let takes = status == 0 || said.contains(": undefined: ");
            taken += usize::from(takes);
            if takes != wrong.contains_key(&(at + 1)) || wrong.get(&(at + 1)) == Some(&false) {
                continue;
            }
            // Checked alone, too: an error can cause others on later lines.
            let alone = refused(&room, &format!("{text}\n"));
            // gcc misses a function in a block that hides a static variable, and `f() {}` behind `static f(int)`.
            let agree = if takes { alone.get(&1) != Some(&true) } else { !alone.is_empty() }
                || said.contains(": conflicting types for ");
            assert!(agree, "cc {}: {said}{text}", if takes { "takes it" } else { "refuses it" });
        }
        done += BATCH;
    }
    assert!(taken > done / 20 && taken < done / 2, "{taken} of {done}");
}
