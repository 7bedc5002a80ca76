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
    let folder = images.shop.path().join("pkgs/app/lib/x86_64-linux-gnu");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(images.shop.path().join("pkgs/app/lib64")).unwrap();
    fs::copy("/lib64/ld-linux-x86-64.so.2", images.shop.path().join("pkgs/app/lib64/ld-linux-x86-64.so.2"))
        .unwrap();
    fs::copy("/lib/x86_64-linux-gnu/libc.so.6", folder.join("libc.so.6")).unwrap();
    let file = images.shop.path().join("pkgs/app/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap();
    let recipe = recipe
        .replace("sources = [local('app')]", "sources = [local('app'), local('lib'), local('lib64')]")
        .replace("cp /src/app $OUT/usr/bin/", "cp /src/app $OUT/usr/bin/; cp -R /src/lib /src/lib64 $OUT/");
    fs::write(&file, recipe).unwrap();
    let said = images.shop.stele.fails(&["image", "build", "app"], 1);
    assert!(said.contains("/usr/bin/app needs the library libm.so.6"), "{said}");
    assert!(!said.contains("libc.so.6"), "{said}");
    fs::copy("/lib/x86_64-linux-gnu/libm.so.6", folder.join("libm.so.6")).unwrap();
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
