//! Where the build sees its inputs, and what would hide them.

use super::super::context::Refused;
use super::super::error::{ArgumentError, Label};
use crate::action::SandboxPath;
use crate::recipe::Span;

/// Paths that every build provides itself, so that nothing else can be seen there.
const TAKEN: &[(&str, &str)] = &[
    ("/proc", "the kernel's view of its processes"),
    ("/sys", "nothing, on purpose,"),
    ("/dev", "a few devices"),
    ("/build", "an empty directory to work in"),
    ("/tmp", "an empty directory"),
    ("/out", "the directory for its outputs"),
];

/// One input of a recipe, as far as its place matters.
pub(super) struct Placed {
    /// Which of the recipe's arguments named it.
    pub(super) argument: &'static str,
    pub(super) place: SandboxPath,
    /// Whether it is a file: then nothing can be below it.
    pub(super) is_file: bool,
    pub(super) at: Span,
    /// Its name for the user.
    pub(super) origin: String,
}

/// The place that `text` names, when an input can be seen there.
pub(super) fn parse(argument: &'static str, text: &str) -> Result<SandboxPath, Refused> {
    let place = SandboxPath::new(text).map_err(|why| Refused::new(argument, why))?;
    for (taken, by) in TAKEN {
        if SandboxPath::new(taken).is_ok_and(|taken| place.is_in(&taken)) {
            let why = ArgumentError::Shadowed { place: text.to_owned(), by };
            return Err(Refused::new(argument, why));
        }
    }
    Ok(place)
}

/// Refuses inputs of which one hides the other. Directories at one place are merged, which the plan does.
pub(super) fn check(inputs: &[Placed]) -> Result<(), Refused> {
    for (number, one) in inputs.iter().enumerate() {
        let also = |first: &Placed| vec![Label::new(first.at.clone(), first.origin.clone())];
        for other in &inputs[..number] {
            if one.origin == other.origin && one.place == other.place {
                let (origin, place) = (one.origin.clone(), one.place.as_str().to_owned());
                let why = ArgumentError::InputTwice { origin, place, first: other.at.clone() };
                return Err(Refused::new(one.argument, why).also(also(other)));
            }
            if one.place == other.place && (one.is_file || other.is_file) {
                let why = ArgumentError::SamePlace { place: one.place.as_str().to_owned() };
                return Err(Refused::new(one.argument, why).also(also(other)));
            }
        }
    }
    for file in inputs.iter().filter(|input| input.is_file) {
        let mut others = inputs.iter().filter(|other| other.place != file.place);
        if let Some(below) = others.find(|other| other.place.is_in(&file.place)) {
            let (place, above) = (below.place.as_str().to_owned(), file.place.as_str().to_owned());
            let also = vec![Label::new(file.at.clone(), file.origin.clone())];
            return Err(Refused::new(below.argument, ArgumentError::BelowFile { place, above }).also(also));
        }
    }
    Ok(())
}
