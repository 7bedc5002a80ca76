//! Random programs: compiled by subc, they behave as compiled by gcc.
//!
//! They are random, but the same at every run. They avoid what C leaves undefined: division by 0, excessive shifts,
//! unspecified order of effects, an index outside of an array.

use std::fmt::Write as _;

use super::links::folder;
use super::subc::Peers;
use super::*;

/// Numbers from a seed: xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    pub(crate) fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let at = self.below(u64::try_from(list.len()).expect("small"));
        list[usize::try_from(at).expect("small")]
    }
}

/// What every function can read.
const PLACES: [&str; 16] = [
    "a",
    "b",
    "c",
    "x",
    "y",
    "g",
    "h",
    "t[x & 7]",
    "t[3]",
    "s[y & 15]",
    "s[5]",
    "p->n",
    "p->m",
    "node.n",
    "*q",
    "q[1]",
];
/// What can be written, and has no part that is read and written by others.
const TARGETS: [&str; 12] =
    ["x", "y", "g", "h", "t[x & 7]", "t[4]", "s[y & 15]", "p->n", "node.m", "(*q)", "q[2]", "(**r)"];
const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "2",
    "7",
    "63",
    "255",
    "256",
    "65535",
    "2147483647",
    "4294967296",
    "0x7fffffffffffffff",
    "'a'",
    "SMALL",
    "0x123456789abcdef",
];

/// A numeric expression without effects.
fn pure(random: &mut Random, depth: u64) -> String {
    if depth == 0 {
        return match random.below(3) {
            0 => random.of(&NUMBERS).to_owned(),
            _ => random.of(&PLACES).to_owned(),
        };
    }
    let next = |random: &mut Random| pure(random, depth - 1);
    match random.below(16) {
        0..=5 => {
            let sign = random.of(&["+", "-", "*", "&", "|", "^"]);
            format!("({} {sign} {})", next(random), next(random))
        }
        6 => {
            let sign = random.of(&["/", "%"]);
            // The divisor is neither 0 nor -1; a cast fixes the type.
            format!("((long)({}) {sign} (({} & 1023) + 2))", next(random), next(random))
        }
        7 => {
            let sign = random.of(&["<<", ">>"]);
            format!("((long)({}) {sign} ({} & 63))", next(random), next(random))
        }
        8 | 9 => {
            let sign = random.of(&["<", "<=", ">", ">=", "==", "!="]);
            format!("({} {sign} {})", next(random), next(random))
        }
        10 => format!("({} {} {})", next(random), random.of(&["&&", "||"]), next(random)),
        11 => format!("({} ? {} : {})", next(random), next(random), next(random)),
        12 => format!("{}({})", random.of(&["-", "~", "!", "(char)", "(long)"]), next(random)),
        13 => format!("{}({}, {})", random.of(&["ult", "umod", "udiv"]), next(random), {
            let divisor = next(random);
            format!("({divisor} | 1)")
        }),
        14 => format!("ushr({}, {} & 63)", next(random), next(random)),
        _ => format!("mix({}, {}, {})", next(random), next(random), next(random)),
    }
}

/// A statement, or some.
fn statement(random: &mut Random, depth: u64, text: &mut String) {
    let value = pure(random, 2);
    match random.below(if depth == 0 { 4 } else { 10 }) {
        0 | 1 => writeln!(text, "{} = {value};", random.of(&TARGETS)),
        2 => {
            let sign = random.of(&["+=", "-=", "*=", "&=", "|=", "^="]);
            writeln!(text, "{} {sign} {value};", random.of(&TARGETS))
        }
        3 => {
            let target = random.of(&TARGETS);
            let form = random.of(&["x = @++;", "y = --@;", "++@;", "@--;", "g = -@++;"]);
            // A loop's counter is not assigned to.
            writeln!(
                text,
                "{}",
                form.replace('@', if ["x", "y", "g", "(**r)"].contains(&target) { "h" } else { target })
            )
        }
        4 => {
            writeln!(text, "if ({value}) {{").unwrap();
            statement(random, depth - 1, text);
            writeln!(text, "}} else {{").unwrap();
            statement(random, depth - 1, text);
            writeln!(text, "}}")
        }
        5 => {
            let name = format!("i{depth}");
            writeln!(text, "{{ long {name}; for ({name} = 0; {name} < {}; {name}++) {{", 1 + random.below(6))
                .unwrap();
            statement(random, depth - 1, text);
            writeln!(text, "if ({value}) {}; }} }}", random.of(&["break", "continue", "x++", "g--"]))
        }
        6 => {
            writeln!(text, "switch (({value}) & 7) {{").unwrap();
            for case in 0..random.below(8) {
                writeln!(text, "case {case}:").unwrap();
                statement(random, depth - 1, text);
                writeln!(text, "{}", random.of(&["break;", ";", ""])).unwrap();
            }
            writeln!(text, "default: ; }}")
        }
        7 => {
            let name = format!("n{depth}");
            writeln!(text, "{{ long {name} = {}; do {{", 1 + random.below(5)).unwrap();
            statement(random, depth - 1, text);
            writeln!(text, "}} while (--{name} && {value}); }}")
        }
        8 => {
            // Names that hide others; they must not occur in their own initialisers.
            writeln!(text, "{{ char x = 3; long g = 4; x = {value}; g = {};", pure(random, 1)).unwrap();
            statement(random, depth - 1, text);
            writeln!(text, "show(\"inner\", x + g); }}")
        }
        _ => {
            statement(random, depth - 1, text);
            writeln!(text, "show(\"value\", {value});")
        }
    }
    .expect("a text grows");
}

/// A program of functions that print what they calculate.
fn program_of(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::from(
        "enum { SMALL = 77 };
struct node { long n; struct node *next; long m; };
struct node node; struct node other;
long g = 5; char h = 200; long t[8] = { 1, -2, 3, 0x7fffffff, 5 }; char s[16] = { 1, 255, 128 };
long mix(long a, long b, long c) { return a * 31 + b * 7 - c; }
",
    );
    let functions = 6;
    for function in 0..functions {
        write!(
            text,
            "long f{function}(long a, char b, long c)\n{{\nlong x = a; char y = b; struct node *p = &node; \
             long *q = &t[2]; long **r = &q;\nlong *w = &g; r = &w;\n"
        )
        .expect("a text grows");
        let body = &mut String::new();
        for _ in 0..10 {
            statement(&mut random, 3, body);
        }
        text += body;
        writeln!(text, "show(\"end\", x ^ y ^ g ^ h ^ t[3]);").expect("a text grows");
        if function > 0 {
            let inner = function - 1;
            writeln!(text, "if (a > 0) x ^= f{inner}(a - 1, x, y);").expect("a text grows");
        }
        text += "return x + y;\n}\n";
    }
    text += "long main(long argc, char **argv)\n{\nlong i;\n";
    text += "for (i = 0; i < 12; i++)\nshow(\"f\", f5(i, i * 50, -i));\n";
    text += "for (i = 0; i < 8; i++) show(\"t\", t[i]);\nreturn g;\n}\n";
    text
}

#[test]
fn random_programs_behave_as_with_gcc() {
    let Some(peers) = Peers::new() else { return };
    let path = peers.path("random.c");
    let print = folder("subc").join("tests/print.c");
    // More of them on demand: STELE_RANDOM_PROGRAMS=1000.
    let many = std::env::var("STELE_RANDOM_PROGRAMS").ok().and_then(|it| it.parse().ok()).unwrap_or(12);
    for seed in 1..=many {
        let program = program_of(seed);
        if let Some(keep) = std::env::var_os("STELE_RANDOM_KEEP") {
            fs::write(PathBuf::from(keep).join(format!("{seed}.c")), &program).expect("a program");
        }
        fs::write(&path, program).expect("a program");
        let (text, _) = peers.agree(&[print.clone(), path.clone()]);
        assert!(text.lines().count() > 50, "program {seed} prints {text}");
    }
}
