//! What is remembered is remembered by a text that stays what it is: `docs/formats.md` has these.

use super::*;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_texts_of_requests_do_not_change() {
    let mut files = InMemoryFiles::default();
    files.put("pkgs/a/x.patch", "--- a\n");
    files.put(
        "pkgs/a/recipe.star",
        "recipe(name = 'a', version = '1', script = 'a', sources = [
            source(sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4', name = 'x.tar',
                   strip = 1, subdir = 'a/b', inner = 'x/y.tar.xz', patches = ['x.patch']),
            source(sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4', name = 'y.zip',
                   at = '/y'),
            debian_binary('zz', '1', size = 1,
                   sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4'),
            local('x.patch')])",
    );
    let all = evaluate_all(&files).unwrap();
    let recipe: &Arc<Recipe> = &all.by_name[&name("a")];
    assert_eq!(
        text(unpacking(&recipe.sources[0]).unwrap()),
        [
            r#"{"inner":"x/y.tar.xz","#,
            r#""patches":[{"patch":"d3b78567072739d20bd420372f50fb4b6b56b2755290cb5802e505a326799535","strip":1}],"#,
            r#""sha256":"7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4","#,
            r#""strip":1,"subdir":"a/b","unpack":1}"#,
        ]
        .concat()
    );
    assert_eq!(
        text(unpacking(&recipe.sources[1]).unwrap()),
        [
            r#"{"patches":[],"sha256":"7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4","#,
            r#""strip":0,"unpack":1}"#,
        ]
        .concat()
    );
    assert_eq!(
        text(unpacking(&recipe.sources[2]).unwrap()),
        [
            r#"{"form":"debian-package","patches":[],"#,
            r#""sha256":"7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4","strip":0,"unpack":1}"#,
        ]
        .concat()
    );
    let tree = TreeId(Digest::of(b"stele-tree 1\n"));
    let parts = [Part {
        origin: Origin::Source("x".to_owned()),
        place: crate::action::SandboxPath::new("/src").unwrap(),
        node: Node::Directory { tree, size: 13 },
    }];
    let prefer =
        BTreeMap::from([(crate::action::SandboxPath::new("/src/a").unwrap(), parts[0].origin.clone())]);
    assert_eq!(
        text(merging(&parts, &prefer)),
        format!(
            r#"{{"inputs":[{{"at":"/src","digest":"{tree}","kind":"directory"}}],"merge":1,"prefer":{{"/src/a":0}}}}"#
        )
    );
}

#[test]
fn the_text_of_a_derivation_does_not_change() {
    let mut files = InMemoryFiles::default();
    files.put("pkgs/a/data", "data\n");
    files.put(
        "pkgs/a/recipe.star",
        "a = recipe(name = 'a', version = '1', steps = [['/bin/cc']], sources = [
            source(sha256 = '7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4', name = 'x.tar'),
            local('data', at = '/bin/cc')])",
    );
    files.put(
        "pkgs/b/recipe.star",
        "load('//pkgs/a/recipe.star', 'a')
recipe(name = 'b', version = '2', steps = [['/bin/cc']], inputs = [a])",
    );
    let plan = plan(&evaluate_all(&files).unwrap(), &[name("b")], 1, &OutputTrees::default()).unwrap();
    let first = text(plan.derivation(0, 1));
    assert_eq!(
        first,
        [
            r#"{"derivation":1,"env":{"OUT":"/out"},"inputs":["#,
            r#"{"at":"/src","#,
            r#""digest":"ad5b28ef1c01907f8141315c15c1949cb816ae43328f8210c6a8bfb889e7371f","kind":"unpacked"},"#,
            r#"{"at":"/bin/cc","#,
            r#""digest":"51f855e8f080df9cbc2a561b6ddaad85e1bbf884ea4b73f3455e8c86202d0422","kind":"file"}],"#,
            r#""outputs":{"out":"/out"},"platform":"x86_64-linux","prefer":{},"#,
            r#""profile":1,"steps":[["/bin/cc"]],"workdir":"/build"}"#,
        ]
        .concat()
    );
    assert_eq!(
        text(plan.derivation(1, 1)),
        [
            r#"{"derivation":1,"env":{"OUT":"/out"},"inputs":[{"at":"/","digest":""#,
            &Digest::of(first.as_bytes()).to_string(),
            r#" out","kind":"output"}],"outputs":{"out":"/out"},"platform":"x86_64-linux","prefer":{},"#,
            r#""profile":1,"steps":[["/bin/cc"]],"workdir":"/build"}"#,
        ]
        .concat()
    );
}
