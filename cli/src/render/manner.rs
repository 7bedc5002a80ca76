//! How this process talks: in colour or without, and how much. Set once, before the first word.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};

/// What is good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What a person should know.
pub const NOTE: Style = AnsiColor::Yellow.on_default().bold();
/// What a person may do.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// What matters less than the rest of its line.
pub const DIM: Style = Style::new().dimmed();
/// Ordinary text.
pub const PLAIN: Style = Style::new();

/// When to write in colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much is told on stderr.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Volume {
    /// Failures and notes.
    Quiet,
    /// What is going on, too.
    Normal,
    /// And each step of it.
    Verbose,
}

struct Manner {
    colour: bool,
    volume: Volume,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

/// Sets it for this process; only the first call counts.
pub fn set(colour: Colour, volume: Volume) {
    let colour = match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
            io::stderr().is_terminal()
                && set("NO_COLOR").is_none()
                && set("TERM").is_none_or(|it| it != "dumb")
        }
    };
    let _ = MANNER.set(Manner { colour, volume });
}

/// How much is told.
pub fn volume() -> Volume {
    MANNER.get().map_or(Volume::Normal, |manner| manner.volume)
}

/// Text that has been cleaned, for stderr.
pub fn paint(style: Style, text: &str) -> String {
    match MANNER.get() {
        Some(Manner { colour: true, .. }) if style != PLAIN => format!("{style}{text}{style:#}"),
        _ => text.to_owned(),
    }
}

/// A time that something took: `0.3 s`, `12.0 s`, `2 m 10 s`, `1 h 05 m`.
pub fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_the_units_that_matter() {
        let said = |seconds: f64| took(Duration::from_secs_f64(seconds));
        assert_eq!(said(0.04), "0.0 s");
        assert_eq!(said(59.94), "59.9 s");
        assert_eq!(said(60.0), "1 m 00 s");
        assert_eq!(said(3599.9), "59 m 59 s");
        assert_eq!(said(3900.0), "1 h 05 m");
    }
}
