//! Valid and invalid images.

use super::*;
use crate::recipe::{ImageParts, ImageRecipe};

const TOOL: &str = "load('//pkgs/tool/recipe.star', 'tool')\n";

fn files(text: &str) -> InMemoryFiles {
    tree(&[
        (
            "pkgs/tool/recipe.star",
            "tool = recipe(name = 'tool', version = '1', script = 'x', outputs = ['out', 'doc'])",
        ),
        (
            "pkgs/arm/recipe.star",
            "arm = recipe(name = 'arm', version = '1', script = 'x', platform = 'aarch64-linux')",
        ),
        ("pkgs/a/recipe.star", &format!("{TOOL}{text}")),
        ("pkgs/a/passwd", "root:x:0:0::/:\n"),
    ])
}

fn image(text: &str) -> Arc<ImageRecipe> {
    let recipes =
        evaluate_images(&files(text), &[name("a")]).unwrap_or_else(|error| panic!("{}", shown(&error)));
    Arc::clone(&recipes.images[&name("a")])
}

fn parts(arguments: &str) -> ImageParts {
    image(&format!("image(name = 'a', {arguments})")).images[0].clone()
}

/// The error of an image with these arguments.
fn wrong(arguments: &str) -> String {
    let text = format!("image(name = 'a', {arguments})");
    let error = evaluate_images(&files(&text), &[name("a")]).expect_err("it was taken");
    shown(&error)
}

#[test]
fn an_invalid_image_argument_is_refused_at_its_location() {
    for (arguments, said) in [
        ("", "an image needs something to be made of"),
        ("inputs = ['tool']", "`inputs` has to be a list of recipes and input(...)"),
        ("inputs = [tool], owners = {'/x': 'root'}", "\"root\" is not an owner"),
        ("inputs = [tool], owners = {'/x': 1000}", "\"1000\" is not an owner"),
        ("inputs = [tool], owners = {'x': '0:0'}", "\"x\" is not absolute"),
        ("inputs = [tool], modes = {'/x': 755}", "\"755\" is not a mode"),
        ("inputs = [tool], modes = {'/x': '0o755'}", "is not a mode"),
        ("inputs = [tool], modes = {'/x/': '755'}", "has an empty name"),
        ("inputs = [tool], ports = ['0']", "\"0\" is not a port"),
        ("inputs = [tool], ports = ['65536']", "is not a port"),
        ("inputs = [tool], ports = ['80/icmp']", "is not a port"),
        ("inputs = [tool], stop_signal = 'TERM'", "\"TERM\" is not a signal"),
        ("inputs = [tool], stop_signal = '65'", "is not a signal"),
        ("inputs = [tool], user = 'a b'", "\"a b\" is not a user"),
        ("inputs = [tool], user = 'a:'", "is not a user"),
        ("inputs = [tool], env = {'A=B': 'x'}", "\"A=B\" cannot be the name of an environment variable"),
        ("inputs = [tool], labels = {'': 'x'}", "cannot be the key of a label"),
        ("inputs = [tool], compression = 'xz'", "\"xz\" is not a compression; there are none, gzip and zstd"),
        ("inputs = [tool], created = -1", "-1 is not a time for an image"),
        ("inputs = [tool], created = 8589934592", "is not a time for an image"),
        ("inputs = [tool], platform = 'amd64'", "there is no platform \"amd64\""),
        (
            "inputs = [tool], platform = 'aarch64-linux'",
            "recipe `tool` is for x86_64-linux, and the image for aarch64",
        ),
        ("inputs = [tool], workdir = 'x'", "\"x\" is not absolute"),
        ("files = {'/a': 1}", "`files` has to be a dict of paths to texts and local(...)"),
        ("files = {'/': 'x'}", "/ can only be a directory"),
        ("files = {'/a': 'x'}, links = {'/a': 'b'}", "/a is declared twice, as different things"),
        ("files = {'/a': 'x'}, directories = ['/a']", "/a is declared twice, as different things"),
        ("files = {'/a': 'x', '/a/b': 'y'}", "/a/b is declared below /a, which is not a directory"),
        (
            "links = {'/a': 'x'}, directories = ['/a/b/c']",
            "/a/b/c is declared below /a, which is not a directory",
        ),
        ("links = {'/a': ''}", "a link's target is a path of 1 to 4095 bytes"),
        ("files = {'/etc/.wh.a': 'x'}", "/etc/.wh.a cannot be in an image"),
        (
            "files = {'/a': 'x' * 300000}",
            "the files of an image's recipe have 300000 bytes, more than 262144",
        ),
        ("files = {'/a': local('none')}", "there is no pkgs/a/none in the recipe tree"),
        ("inputs = [tool], entrypoint = ['a\\x00b']", "an argument has a NUL"),
    ] {
        let found = wrong(arguments);
        assert!(found.contains(said), "{arguments}: {found}");
        assert!(found.contains("| pkgs/a/recipe.star:2:"), "{arguments}: {found}");
    }
}

#[test]
fn an_image_is_data() {
    let parts = parts(
        "inputs = [tool, input(tool, output = 'doc', at = '/usr/share')], entrypoint = ['/bin/a'], cmd = ['-v'], \
         files = {'/etc/passwd': local('passwd'), '/etc/group': 'root:x:0:\\n'}, links = {'/bin/b': 'a'}, \
         directories = ['/tmp'], modes = {'/tmp': '1777'}, owners = {'/var': '5:6'}, ports = ['80', '53/udp'], \
         stop_signal = 'SIGRTMIN+3', user = 'a:5', volumes = ['/data'], created = 7, compression = 'none'",
    );
    assert_eq!(parts.inputs.len(), 2);
    assert_eq!(parts.inputs[1].place.as_str(), "/usr/share");
    let files: Vec<_> = parts.files.iter().map(|(place, text)| (place.as_str(), text.as_str())).collect();
    assert_eq!(files, [("/etc/group", "root:x:0:\n"), ("/etc/passwd", "root:x:0:0::/:\n")]);
    assert_eq!(parts.ports.iter().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
    assert_eq!((parts.created, parts.compression.as_str()), (7, "none"));
    let text = serde_json::to_string(&parts).unwrap();
    assert_eq!(serde_json::from_str::<ImageParts>(&text).unwrap(), parts);
}

#[test]
fn an_index_has_images_for_different_platforms() {
    let load = "load('//pkgs/arm/recipe.star', 'arm')\n";
    let two =
        format!("{load}x = image(name = 'a-x', inputs = [tool])\ny = image(name = 'a-y', inputs = [arm])\n");
    let index = image(&format!("{two}image_index(name = 'a', images = [x, y], annotations = {{'k': 'v'}})"));
    let platforms: Vec<_> = index.images.iter().map(|image| image.platform.name()).collect();
    assert_eq!(platforms, ["x86_64-linux", "aarch64-linux"]);
    assert_eq!(index.index.as_ref().unwrap()["k"], "v");
    for (call, said) in [
        ("image_index(name = 'a', images = [])", "an index needs images"),
        ("image_index(name = 'a', images = [tool])", "`images` has to be a list of image(...)"),
        ("image_index(name = 'a', images = [x, x])", "two images of the index are for x86_64-linux"),
        ("image_index(name = 'b', images = [x])", "a recipe in the folder a has the name `a`"),
        ("image(name = 'a-x', inputs = [tool])", "two images have the name `a-x`"),
        ("image(name = 'c', inputs = [tool])", "a recipe in the folder a has the name `a`"),
    ] {
        let error = evaluate_all(&files(&format!("{two}{call}"))).expect_err("it was taken");
        assert!(shown(&error).contains(said), "{call}: {}", shown(&error));
    }
}

#[test]
fn a_missing_image_is_not_a_recipe_of_that_name() {
    let files = files("image(name = 'a-box', inputs = [tool])");
    for (asked, said) in [
        ("tool", "there is no image `tool` ? an image is what"),
        ("a-bx", "there is no image `a-bx` ? did you mean `a-box`?"),
        ("zzz", "there is no image `zzz`"),
    ] {
        let error = evaluate_images(&files, &[name(asked)]).expect_err("it was taken");
        assert!(shown(&error).contains(said), "{}", shown(&error));
    }
    let error = evaluate(&files, &[name("a-box")]).expect_err("it is no recipe");
    assert!(shown(&error).contains("there is no recipe `a-box`"), "{}", shown(&error));
}

#[test]
fn a_closed_image_has_what_its_inputs_need_when_they_run_below_them_and_once() {
    let files = tree(&[(
        "pkgs/a/recipe.star",
        "libc = recipe(name = 'a-libc', version = '1', script = 'x')
z = recipe(name = 'a-z', version = '1', script = 'x', runtime = [libc], outputs = ['out', 'lib'])
ssl = recipe(name = 'a-ssl', version = '1', script = 'x', runtime = [input(z, output = 'lib'), libc])
app = recipe(name = 'a', version = '1', script = 'x', inputs = [ssl], runtime = [ssl, libc])
image(name = 'a', inputs = [libc, app], closure = True)
image(name = 'a-open', inputs = [app])
",
    )]);
    let recipes = evaluate_images(&files, &[name("a")]).unwrap_or_else(|error| panic!("{}", shown(&error)));
    let layers = |image: &str| {
        let inputs = &recipes.images[&name(image)].images[0].inputs;
        inputs.iter().map(|it| format!("{} {}", it.recipe, it.output)).collect::<Vec<_>>()
    };
    assert_eq!(layers("a"), ["a-libc out", "a-z lib", "a-ssl out", "a out"]);
    assert_eq!(layers("a-open"), ["a out"], "it was not asked for");
    let said = |text: &str| {
        let files = tree(&[("pkgs/a/recipe.star", text)]);
        shown(&evaluate_images(&files, &[name("a")]).expect_err("it was taken"))
    };
    let wrong = said("recipe(name = 'a', version = '1', script = 'x', runtime = ['libc'])");
    assert!(wrong.contains("`runtime` has to be a list of recipes and input(...)"), "{wrong}");
}

#[test]
fn what_a_recipe_needs_when_it_runs_is_not_part_of_its_action() {
    let action = |more: &str| {
        let text = format!(
            "libc = recipe(name = 'a-libc', version = '1', script = 'x')
recipe(name = 'a', version = '1', script = 'x'{more})"
        );
        let files = tree(&[("pkgs/a/recipe.star", &text)]);
        let recipes = evaluate(&files, &[name("a")]).unwrap_or_else(|error| panic!("{}", shown(&error)));
        let recipe = Recipe::clone(&recipes.by_name[&name("a")]);
        Recipe { at: recipes.by_name[&name("a-libc")].at.clone(), runtime: Vec::new(), ..recipe }
    };
    assert_eq!(action(""), action(", runtime = [libc]"));
}
