//! An image that could not start is refused, with the reason.

use super::*;

/// A program of C, compiled for Debian's C library, at `path` of a recipe `app`, whose image has these arguments.
fn with_program(arguments: &str) -> Images {
    let images = Images::new();
    let folder = images.shop.path().join("pkgs/app");
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join("app.c");
    fs::write(
        &source,
        "#include <math.h>\nint main(int argc, char **argv) { return (int) floor(argc / 2.0); }\n",
    )
    .unwrap();
    let program = folder.join("app");
    let compiled =
        Command::new("gcc").args(["-Wl,--no-as-needed", "-o", text(&program), text(&source), "-lm"]).status();
    assert!(compiled.unwrap().success());
    let recipe = "app = recipe(name = 'app', version = '1', inputs = [box], sources = [local('app')],\n    \
                  script = 'mkdir -p $OUT/usr/bin; cp /src/app $OUT/usr/bin/')\n";
    let text = format!(
        "load('//pkgs/box/recipe.star', 'box')\n{recipe}image(name = 'app', inputs = [app], {arguments})\n"
    );
    images.shop.put("pkgs/app/recipe.star", &text);
    images
}

/// Puts Debian's dynamic linker and these of its libraries beside the recipe, as the folders `lib` and `lib64`.
fn with_libraries(images: &Images, libraries: &[&str]) {
    let app = images.shop.path().join("pkgs/app");
    let folder = app.join("lib/x86_64-linux-gnu");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(app.join("lib64")).unwrap();
    fs::copy("/lib64/ld-linux-x86-64.so.2", app.join("lib64/ld-linux-x86-64.so.2")).unwrap();
    for library in libraries {
        fs::copy(Path::new("/lib/x86_64-linux-gnu").join(library), folder.join(library)).unwrap();
    }
}

#[test]
fn a_dynamic_program_without_its_linker_is_refused_unless_told() {
    let images = with_program("entrypoint = ['/usr/bin/app']");
    let said = images.shop.stele.fails(&["image", "build", "app"], 1);
    assert!(said.contains("the image app could not start"), "{said}");
    assert!(said.contains("/usr/bin/app needs /lib64/ld-linux-x86-64.so.2, which is not in it"), "{said}");
    assert_eq!(images.shop.stele.ok(&["image", "ls"]), "", "nothing of it is kept");
    let images = with_program("entrypoint = ['/usr/bin/app'], check = False");
    images.build("app");
}

#[test]
fn its_libraries_are_missed_as_the_dynamic_linker_would_miss_them() {
    let images = with_program("entrypoint = ['/usr/bin/app']");
    with_libraries(&images, &["libc.so.6"]);
    let file = images.shop.path().join("pkgs/app/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap();
    let recipe = recipe
        .replace("sources = [local('app')]", "sources = [local('app'), local('lib'), local('lib64')]")
        .replace("cp /src/app $OUT/usr/bin/", "cp /src/app $OUT/usr/bin/; cp -R /src/lib /src/lib64 $OUT/");
    fs::write(&file, recipe).unwrap();
    let said = images.shop.stele.fails(&["image", "build", "app"], 1);
    assert!(said.contains("/usr/bin/app needs the library libm.so.6"), "{said}");
    assert!(!said.contains("libc.so.6"), "{said}");
    with_libraries(&images, &["libm.so.6"]);
    images.build("app");
}

#[test]
fn no_program_and_a_typing_mistake_are_told_apart() {
    let images = Images::new();
    images.image("box", "inputs = [box], entrypoint = ['/bin/shh']");
    let said = images.shop.stele.fails(&["image", "build", "box"], 1);
    assert!(said.contains("its program /bin/shh is not in it"), "{said}");
    images.image("box", "inputs = [box]");
    images.build("box");
}

#[test]
fn a_closed_image_gets_what_its_programs_need_and_is_refused_if_a_recipe_does_not_say_so() {
    let images = with_program("entrypoint = ['/usr/bin/app'], closure = True");
    with_libraries(&images, &["libc.so.6", "libm.so.6"]);
    let libraries = "\
libc = recipe(
    name = 'app-libc', version = '1', inputs = [box], sources = [local('lib'), local('lib64')],
    script = 'cp -R /src/lib /src/lib64 $OUT/; chmod -R u+w $OUT; rm $OUT/lib/x86_64-linux-gnu/libm.so.6',
)
libm = recipe(
    name = 'app-libm', version = '1', inputs = [box], sources = [local('lib')], runtime = [libc],
    script = 'mkdir -p $OUT/lib; cp -R /src/lib/* $OUT/lib/; chmod -R u+w $OUT; rm $OUT/lib/*/libc.so.6',
)
app = recipe(";
    let file = images.shop.path().join("pkgs/app/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap().replace("app = recipe(", libraries);
    let needing = |what: &str| {
        let sources = "sources = [local('app')],";
        recipe.replace(sources, &format!("{sources} runtime = [{what}],"))
    };
    fs::write(&file, needing("libc")).unwrap();
    let said = images.shop.stele.fails(&["image", "build", "app"], 1);
    assert!(said.contains("/usr/bin/app needs the library libm.so.6"), "{said}");
    // Also what the image does not start with.
    fs::write(&file, needing("libc").replace("entrypoint = ['/usr/bin/app'], ", "")).unwrap();
    let said = images.shop.stele.fails(&["image", "build", "app"], 1);
    assert!(
        said.contains("the image app is not complete: /usr/bin/app needs the library libm.so.6"),
        "{said}"
    );
    assert!(said.contains("in the `runtime` of the recipe that needs it"), "{said}");
    fs::write(&file, needing("libm")).unwrap();
    images.build("app");
    let shown = images.shop.stele.json(&["image", "inspect", "app"]);
    let layers: Vec<&str> = shown["images"][0]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["origin"].as_str().unwrap())
        .collect();
    assert_eq!(layers.len(), 3, "{layers:?}");
    assert!(layers[0].contains("app-libc") && layers[1].contains("app-libm"), "{layers:?}");
}
