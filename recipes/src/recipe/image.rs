//! The image recipe: the result of evaluating `image(...)` and `image_index(...)`, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{OutputName, Recipe, RecipeInput, RecipeName, Span};
use crate::action::{Platform, SandboxPath};

/// The maximum size in bytes of all files together that are written in an image's recipe.
pub const MAX_FILES: usize = 256 << 10;

/// An image, or an index of images, as its recipe defines it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageRecipe {
    /// Its name. An image and a recipe may have the same name.
    pub name: RecipeName,
    /// Its location.
    pub at: Span,
    /// The images: one for `image(...)`, any number for `image_index(...)`.
    pub images: Vec<ImageParts>,
    /// Of an index: its annotations. Empty for an image.
    pub index: Option<BTreeMap<String, String>>,
}

/// The definition of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageParts {
    /// Outputs of recipes, one layer each, the lowest first.
    pub inputs: Vec<RecipeInput>,
    /// Files and their content.
    pub files: BTreeMap<SandboxPath, String>,
    /// Links and their targets.
    pub links: BTreeMap<SandboxPath, String>,
    /// Directories that have to exist.
    pub directories: BTreeSet<SandboxPath>,
    /// The owner of a path, with everything below it: `USER:GROUP`.
    pub owners: BTreeMap<SandboxPath, String>,
    /// The mode of exactly this path, in octal.
    pub modes: BTreeMap<SandboxPath, String>,
    /// The capabilities of exactly this file: names with commas between.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capabilities: BTreeMap<SandboxPath, String>,
    /// Paths where the highest of several layers wins.
    pub overrides: BTreeSet<SandboxPath>,
    /// Its platform.
    pub platform: Platform,
    /// Every time in it, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// The compression of its layers: `none`, `gzip` or `zstd`.
    pub compression: String,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The program to run.
    pub entrypoint: Vec<String>,
    /// Arguments that may be replaced.
    pub cmd: Vec<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The user that runs it.
    pub user: Option<String>,
    /// The working directory.
    pub workdir: Option<SandboxPath>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Ports that it listens on.
    pub ports: BTreeSet<String>,
    /// Directories that it writes to.
    pub volumes: BTreeSet<SandboxPath>,
    /// The signal that stops it.
    pub stop_signal: Option<String>,
    /// Whether an image that could not start is refused.
    #[serde(default = "yes")]
    pub check: bool,
    /// Whether `inputs` has what the declared ones need when they run, too.
    #[serde(default)]
    pub closure: bool,
}

impl ImageParts {
    /// Adds to the inputs what they need when they run, and what that needs: each once, below what needs it first.
    pub fn close(&mut self, recipes: &BTreeMap<RecipeName, Arc<Recipe>>) {
        let mut closed: Vec<RecipeInput> = Vec::new();
        let mut seen = BTreeSet::new();
        for input in &self.inputs {
            let mut way = if seen.insert(key(input)) { vec![(input, 0)] } else { Vec::new() };
            while let Some((input, next)) = way.pop() {
                let needs = recipes.get(&input.recipe).map_or(&[][..], |recipe| &recipe.runtime);
                let Some(need) = needs.get(next) else {
                    closed.push(input.clone());
                    continue;
                };
                way.push((input, next + 1));
                if seen.insert(key(need)) {
                    way.push((need, 0));
                }
            }
        }
        self.inputs = closed;
    }
}

/// What makes two inputs the same layer.
fn key(input: &RecipeInput) -> (RecipeName, OutputName, SandboxPath) {
    (input.recipe.clone(), input.output.clone(), input.place.clone())
}

fn yes() -> bool {
    true
}

/// Why an image recipe is not valid.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageError {
    /// It is not an owner.
    #[error("{text:?} is not an owner: a user and a group, as numbers, such as \"1000:1000\"")]
    Owner {
        /// The text.
        text: String,
    },
    /// It is not a mode.
    #[error("{text:?} is not a mode: three or four octal digits, such as \"0755\" or \"4755\"")]
    Mode {
        /// The text.
        text: String,
    },
    /// They are not capabilities.
    #[error(
        "{text:?} are not capabilities: names as in capabilities(7), with commas between: \"cap_net_raw\""
    )]
    Capabilities {
        /// The text.
        text: String,
    },
    /// It is not a port.
    #[error("{text:?} is not a port: a number up to 65535, optionally followed by /tcp, /udp or /sctp")]
    Port {
        /// The text.
        text: String,
    },
    /// It is not a signal.
    #[error("{text:?} is not a signal: a name such as \"SIGTERM\" or \"SIGRTMIN+3\", or a number up to 64")]
    Signal {
        /// The text.
        text: String,
    },
    /// It is not a user.
    #[error(
        "{text:?} is not a user: a name, or a number up to 2147483647, optionally followed by a colon and a group"
    )]
    User {
        /// The text.
        text: String,
    },
    /// Not a valid name for a variable.
    #[error("{text:?} cannot be the name of an environment variable")]
    Variable {
        /// The name.
        text: String,
    },
    /// Not a valid key for a label or annotation.
    #[error("{text:?} cannot be the key of a label or annotation: it is empty, or has a control character")]
    Key {
        /// The key.
        text: String,
    },
    /// There is no such compression.
    #[error("{text:?} is not a compression; there are none, gzip and zstd")]
    Compression {
        /// The text.
        text: String,
    },
    /// A text that is too long for the kernel.
    #[error("{what} has a NUL, or more than 131071 bytes")]
    Text {
        /// The text.
        what: &'static str,
    },
    /// The program's name is empty.
    #[error("the first of `entrypoint`, which is the program, is empty")]
    NoProgram,
    /// A volume at the root would hide the whole image.
    #[error("`/` cannot be a volume: it would hide the whole image")]
    RootVolume,
    /// A time that a layer cannot hold.
    #[error("{found} is not a time for an image: a number of seconds from 0 to 8589934591")]
    Created {
        /// The given value.
        found: i64,
    },
    /// A path is declared as two different things.
    #[error("{place} is declared twice, as different things")]
    Twice {
        /// The place.
        place: SandboxPath,
    },
    /// An entry below a file or link.
    #[error("{place} is declared below {above}, which is not a directory")]
    Below {
        /// The place.
        place: SandboxPath,
        /// The file or link.
        above: SandboxPath,
    },
    /// The root can only be a directory.
    #[error("/ can only be a directory")]
    Root,
    /// A link has an empty target.
    #[error("a link's target is a path of 1 to 4095 bytes without a NUL")]
    Link,
    /// A name that is a whiteout in layers.
    #[error("{place} cannot be in an image: in a layer a name that begins with `.wh.` removes another")]
    Whiteout {
        /// The place.
        place: SandboxPath,
    },
    /// Files that are too large for a recipe.
    #[error("the files of an image's recipe have {found} bytes, more than {MAX_FILES}")]
    Large {
        /// Their size in bytes.
        found: usize,
    },
    /// A file of the recipe tree that is not text.
    #[error("{path} is not UTF-8 text")]
    Binary {
        /// Its path.
        path: String,
    },
    /// An input for another platform.
    #[error("recipe `{recipe}` is for {found}, and the image for {wanted}")]
    Platform {
        /// The recipe.
        recipe: RecipeName,
        /// The input's platform.
        found: &'static str,
        /// The image's platform.
        wanted: &'static str,
    },
    /// Two images of an index have the same platform.
    #[error("two images of the index are for {platform}")]
    TwoPlatforms {
        /// The platform.
        platform: &'static str,
    },
    /// An empty index.
    #[error("an index needs images")]
    NoImages,
    /// An empty image.
    #[error("an image needs something to be made of: inputs, files, links or directories")]
    Nothing,
}

impl ImageError {
    /// A hint for the recipe's author.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Owner { .. } => "names have no meaning without an /etc/passwd; numbers always do",
            Self::Capabilities { .. } => "`setcap NAMES=ep FILE` sets the same; `getcap` shows them",
            Self::Mode { .. } => "write it as text, so that it is not read as a decimal number",
            Self::Large { .. } | Self::Binary { .. } => "let a recipe install them, and name it in `inputs`",
            Self::Platform { .. } => "an image is for one platform; `image_index` is for several",
            _ => return None,
        })
    }
}

/// Whether `text` is `USER:GROUP`, both in decimal.
pub fn is_owner(text: &str) -> bool {
    let is_number = |digits: &str| {
        let canonical = digits == "0" || !digits.starts_with('0');
        let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // The last number means "unchanged" to chown(2).
        canonical && digits_only && digits.parse::<u32>().is_ok_and(|number| number != u32::MAX)
    };
    text.split_once(':').is_some_and(|(user, group)| is_number(user) && is_number(group))
}

/// Whether `text` is a mode.
pub fn is_mode(text: &str) -> bool {
    matches!(text.len(), 3 | 4) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
}

/// Whether `text` can be a list of capabilities. Which names there are, is the image's concern.
pub fn are_capabilities(text: &str) -> bool {
    text.split(',').all(|name| {
        let rest = name.strip_prefix("cap_").unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    })
}

/// Whether `text` is a port, with a protocol or without.
pub fn is_port(text: &str) -> bool {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let canonical = !number.starts_with(['0', '+']);
    canonical && number.parse::<u16>().is_ok() && matches!(protocol, "tcp" | "udp" | "sctp")
}

/// The signals that engines know by name (signal(7)); the others are numbers of these.
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];
/// The largest user or group ID that engines accept (moby/sys/user).
const MAX_ID: u32 = i32::MAX.cast_unsigned();

/// Whether `text` is a signal that an engine can send.
pub fn is_signal(text: &str) -> bool {
    let number =
        |text: &str, max: u8| !text.starts_with(['0', '+']) && text.parse().is_ok_and(|it: u8| it <= max);
    let realtime = [("SIGRTMIN+", 15), ("SIGRTMAX-", 14)];
    number(text, 64)
        || realtime
            .iter()
            .any(|(prefix, max)| text.strip_prefix(prefix).is_some_and(|rest| number(rest, *max)))
        || text.strip_prefix("SIG").is_some_and(|rest| SIGNALS.contains(&rest))
}

/// Whether `text` can be the user of an image: `USER` or `USER:GROUP`.
pub fn is_user(text: &str) -> bool {
    let is_name = |name: &str| {
        let mark = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !is_number || name.parse::<u32>().is_ok_and(|number| number <= MAX_ID);
        (1..=32).contains(&name.len()) && !name.starts_with('-') && name.chars().all(mark) && fits
    };
    match text.split_once(':') {
        Some((user, group)) => is_name(user) && is_name(group),
        None => is_name(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_no_engine_can_run_is_refused() {
        for signal in
            ["", "0", "65", "SIG", "SIGFOO", "TERM", "sigterm", "SIGRTMIN+16", "SIGRTMAX-15", "SIGRTMIN+"]
        {
            assert!(!is_signal(signal), "{signal}");
        }
        for signal in ["SIGTERM", "SIGUSR1", "SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX-14", "9", "64"] {
            assert!(is_signal(signal), "{signal}");
        }
        for user in [
            "",
            ":",
            "a:",
            ":b",
            "2147483648",
            "4294967296",
            "0:2147483648",
            "99999999999999999999",
            "-a",
            "a b",
        ] {
            assert!(!is_user(user), "{user}");
        }
        for user in ["0", "2147483647", "1000:1000", "app", "app:0", "www-data:www-data"] {
            assert!(is_user(user), "{user}");
        }
    }
}
