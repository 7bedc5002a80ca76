//! The manual pages: of each command, from the command line's grammar, and of the configuration.

mod examples;
mod roff;

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;

use crate::args::Cli;
use clap::CommandFactory;
use examples::EXAMPLES;
use roff::Page;

/// The page of the configuration, stele.toml(5).
const CONFIGURATION: &str = include_str!("stele.toml.5");

/// Variables that are not those of an option.
const VARIABLES: &[(&str, &str)] =
    &[("NO_COLOR", "When set and not empty, nothing is written in colour, unless --color always says so.")];

/// What commands read and write.
const FILES: &[(&str, &str)] = &[
    ("/var/lib/stele", "Root's store."),
    ("~/.local/share/stele", "A user's store; below $XDG_DATA_HOME when that is set."),
    ("~/.config/stele/config.toml, /etc/stele/config.toml", "The configuration, see stele.toml(5)."),
];

/// Writes one page for each command, and that of the configuration, to a folder.
///
/// # Errors
/// When they cannot be written.
pub fn write_all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut top = Cli::command();
    top.build();
    write(folder, &top, &[])?;
    fs::write(folder.join("stele.toml.5"), CONFIGURATION)
}

/// Writes the page of a command, and those of the commands below it; `above` are the names of the pages above.
fn write(folder: &Path, command: &Command, above: &[String]) -> io::Result<()> {
    let name = match above.last() {
        Some(last) => format!("{last}-{}", command.get_name()),
        None => command.get_name().to_owned(),
    };
    let below: Vec<&Command> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
    fs::write(folder.join(format!("{name}.1")), page(command, &name, above, &below)?)?;
    let above = [above, &[name]].concat();
    below.iter().try_for_each(|command| write(folder, command, &above))
}

fn page(command: &Command, name: &str, above: &[String], below: &[&Command]) -> io::Result<Vec<u8>> {
    let spoken = name.replacen('-', " ", above.len());
    let shown = command.clone().bin_name(spoken.clone()).after_help("").after_long_help("");
    let man = clap_mangen::Man::new(shown.display_name(name.to_owned()))
        .title(name.to_uppercase())
        .source(format!("stele {}", env!("CARGO_PKG_VERSION")))
        .manual("Stele manual");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    out.extend_from_slice(synopsis(command, &spoken).text().as_bytes());
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    let mut page = Page::default();
    if !below.is_empty() {
        page.section("COMMANDS");
        for command in below {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            page.item(&format!("{name}-{}(1)", command.get_name()), &about);
        }
    }
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (codes, notes): (Vec<&str>, Vec<&str>) =
        more.lines().partition(|line| line.starts_with("Exit codes: "));
    if !notes.is_empty() {
        page.section("NOTES");
        notes.iter().for_each(|line| page.paragraph(line));
    }
    page.section("EXIT STATUS");
    match codes.first() {
        Some(codes) => {
            for code in codes.trim_start_matches("Exit codes: ").trim_end_matches('.').split("; ") {
                let (code, meaning) = code.split_once(' ').unwrap_or((code, ""));
                page.item(code, meaning);
            }
        }
        None if above.is_empty() => {}
        None => page.paragraph("See stele(1)."),
    }
    if let Some((_, examples)) = EXAMPLES.iter().find(|(command, _)| *command == spoken) {
        page.section("EXAMPLES");
        examples.iter().for_each(|(what, line)| page.example(what, line));
    }
    page.section("ENVIRONMENT");
    let options = command.get_arguments().filter_map(|it| {
        let help = it.get_help().map(ToString::to_string).unwrap_or_default();
        let name = it.get_long().map_or_else(|| it.get_id().to_string(), |long| format!("--{long}"));
        Some((it.get_env()?.to_str()?.to_owned(), format!("As {name}: {help}")))
    });
    options.for_each(|(variable, meaning)| page.item(&variable, &meaning));
    VARIABLES.iter().for_each(|(variable, meaning)| page.item(variable, meaning));
    page.section("FILES");
    FILES.iter().for_each(|(file, meaning)| page.item(file, meaning));
    page.section("SEE ALSO");
    let others = above.iter().map(|it| format!("{it}(1)"));
    let others = others.chain(below.iter().map(|it| format!("{name}-{}(1)", it.get_name())));
    let others: Vec<String> = others.chain(["stele.toml(5)".to_owned()]).collect();
    page.paragraph(&others.join(", "));
    out.extend_from_slice(page.text().as_bytes());
    Ok(out)
}

/// Every option with its value, and every argument.
fn synopsis(command: &Command, spoken: &str) -> Page {
    let mut parts = Vec::new();
    for it in command.get_arguments().filter(|it| !it.is_hide_set() && !it.is_global_set()) {
        if matches!(it.get_id().as_str(), "help" | "version") {
            continue;
        }
        let takes = it.get_action().takes_values();
        let values = it.get_value_names().map(|names| names.join(" ")).filter(|_| takes).unwrap_or_default();
        let many = it.get_num_args().is_some_and(|it| it.max_values() > 1);
        let repeated = matches!(it.get_action(), clap::ArgAction::Append) && it.is_positional() || many;
        let values = if repeated { format!("{values}...") } else { values };
        let part = match (it.get_long(), values.is_empty()) {
            (Some(long), true) => format!("--{long}"),
            (Some(long), false) => format!("--{long} {values}"),
            (None, _) if it.is_last_set() => format!("-- {values}"),
            (None, _) => values,
        };
        parts.push(if it.is_required_set() { part } else { format!("[{part}]") });
    }
    if command.has_subcommands() {
        parts.push("COMMAND ...".to_owned());
    }
    let mut page = Page::default();
    page.section("SYNOPSIS");
    page.paragraph(&[&[spoken.to_owned()], parts.as_slice()].concat().join(" "));
    page
}

#[cfg(test)]
mod tests {
    use super::roff::text;
    use super::*;

    #[test]
    fn every_example_is_of_a_command_and_parses() {
        for (command, examples) in EXAMPLES {
            for (_, line) in *examples {
                let line = line.split(" | ").find(|part| part.starts_with("stele ")).unwrap_or(line);
                let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
                assert!(line.starts_with(command), "{command}: {line}");
                assert!(Cli::command().try_get_matches_from(&words).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn no_text_is_taken_for_a_request_of_roff() {
        assert_eq!(text(".TH a\\b"), "\\&.TH a\\eb");
        assert_eq!(text("'x --y"), "\\&'x \\-\\-y");
    }
}
