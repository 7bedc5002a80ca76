//! What follows from a bill, whichever format says it.

use std::collections::BTreeSet;

use spdx::{Expression, LicenseItem};

use crate::bill::{Bill, Contact, Package, Party, Role};

/// What a document says of a name, version or licence that nobody knows. Silence would look like an oversight: CISA's
/// minimum elements want it said.
pub(crate) const UNKNOWN: &str = "unknown";

impl Bill {
    /// The packages whose files are in the image, with their numbers.
    pub(crate) fn contained(&self) -> impl Iterator<Item = (usize, &Package)> {
        self.packages.iter().enumerate().filter(|(_, it)| it.role == Role::Contained)
    }

    /// The licence of the image: those of everything in it. `None` if one of them is unknown.
    pub(crate) fn license(&self) -> Option<String> {
        let all: Option<BTreeSet<&str>> = self.contained().map(|(_, it)| it.license.as_deref()).collect();
        let all = all.filter(|it| !it.is_empty())?;
        let one = all.len() == 1;
        let terms =
            all.iter().map(|it| if one || !it.contains(' ') { (*it).to_owned() } else { format!("({it})") });
        Some(terms.collect::<Vec<_>>().join(" AND "))
    }

    /// Who made a package: the upstream project, of which only the site is known, or who supplies the image.
    pub(crate) fn producer(&self, package: &Package) -> Option<Party> {
        if package.is_own {
            return self.supplier.clone();
        }
        let site = package.homepage.as_ref()?;
        Some(Party { name: format!("{} project", package.name), contact: Some(Contact::Url(site.clone())) })
    }
}

impl Package {
    /// Whether the build of everything in it can be inspected: none of its sources is prebuilt.
    pub(crate) fn is_transparent(&self) -> bool {
        !self.sources.iter().any(|it| it.opaque)
    }
}

/// The address among the origins of a source; others are aliases of the recipes.
pub(crate) fn address(from: Option<&str>) -> Option<&str> {
    from.filter(|from| from.starts_with("https://") || from.starts_with("http://"))
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The licences of an expression that are not in SPDX's list.
pub(crate) fn unlisted(text: &str) -> Vec<String> {
    let Ok(expression) = Expression::parse(text) else { return Vec::new() };
    let other = |item: &LicenseItem| matches!(item, LicenseItem::Other(_)).then(|| item.to_string());
    expression.requirements().filter_map(|it| other(&it.req.license)).collect()
}
