//! What a recipe says for people: it is not part of the action.

use super::super::context::Refused;
use super::super::error::ArgumentError;
use crate::recipe::About;
use crate::source::Mirror;

pub(super) fn about(
    license: Option<&str>,
    homepage: Option<&str>,
    description: Option<&str>,
    notes: Option<&str>,
) -> Result<About, Refused> {
    if let Some(text) = license {
        spdx::Expression::parse(text).map_err(|error| {
            let why = ArgumentError::License { text: text.to_owned(), why: error.reason.to_string() };
            Refused::new("license", why)
        })?;
    }
    if let Some(text) = homepage
        && !["https://", "http://"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|it| !it.is_empty()))
    {
        return Err(Refused::new("homepage", ArgumentError::Homepage { text: text.to_owned() }));
    }
    if let Some(text) = description
        && (text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control))
    {
        return Err(Refused::new("description", ArgumentError::Description));
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(About {
        license: owned(license),
        homepage: owned(homepage),
        description: owned(description),
        notes: owned(notes),
        watch: None,
        irreproducible: false,
    })
}

/// Debian Policy, 5.6.1. What could be an option of apt is none.
pub fn is_debian_package(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || "+-.".contains(c))
}

/// An address, or a package of Debian.
pub(super) fn watch(text: Option<&str>) -> Result<Option<String>, Refused> {
    let Some(text) = text else { return Ok(None) };
    let is_package = text.strip_prefix("debian:").is_some_and(is_debian_package);
    if !is_package {
        Mirror::new(text).map_err(|why| Refused::new("watch", why))?;
    }
    Ok(Some(text.to_owned()))
}
