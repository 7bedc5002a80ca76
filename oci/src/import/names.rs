//! Hard-linked names: the owner and mode of the last hard link apply to all of them, since they are one file once the
//! layer is unpacked.

use std::collections::BTreeMap;

use crate::path::ImagePath;

/// The names in a layer that are the same file.
#[derive(Default)]
pub(super) struct Names {
    group_of: BTreeMap<ImagePath, usize>,
    groups: Vec<Vec<ImagePath>>,
}

impl Names {
    /// `path` is something else from now on.
    pub(super) fn forget(&mut self, path: &ImagePath) {
        if let Some(group) = self.group_of.remove(path) {
            self.groups[group].retain(|it| it != path);
        }
    }

    /// `path` is another name of `to` from now on; returns all names that the file had before.
    pub(super) fn join(&mut self, to: &ImagePath, path: &ImagePath) -> Vec<ImagePath> {
        self.forget(path);
        let group = *self.group_of.entry(to.clone()).or_insert_with(|| {
            self.groups.push(vec![to.clone()]);
            self.groups.len() - 1
        });
        let others = self.groups[group].clone();
        self.groups[group].push(path.clone());
        self.group_of.insert(path.clone(), group);
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_name_is_not_a_name_of_the_file() {
        let path = |text: &str| -> ImagePath { text.parse().unwrap() };
        let mut names = Names::default();
        assert_eq!(names.join(&path("/a"), &path("/b")), [path("/a")]);
        assert_eq!(names.join(&path("/b"), &path("/c")), [path("/a"), path("/b")]);
        names.forget(&path("/a"));
        assert_eq!(names.join(&path("/c"), &path("/d")), [path("/b"), path("/c")]);
        assert_eq!(names.join(&path("/a"), &path("/b")), [path("/a")]);
    }
}
