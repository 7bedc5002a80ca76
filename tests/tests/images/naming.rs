//! Names of images: further ones, and their removal.

use super::*;

#[test]
fn a_name_is_not_taken_from_another_image_unless_told_to() {
    let images = Images::new();
    images.images(
        "image(name = 'box', inputs = [box])\nimage(name = 'box-other', inputs = [box], cmd = ['x'], check = False)\n",
    );
    let (one, other) = (images.build("box"), images.build("box-other"));
    let stele = &images.shop.stele;
    let said = stele.fails(&["image", "tag", "box", "box-other"], 2);
    assert!(said.contains("another image has the name box-other") && said.contains("--replace"), "{said}");
    assert_eq!(stele.json(&["image", "inspect", "box-other"])["digest"], other);
    stele.ok(&["image", "tag", "box", "box-other", "--replace"]);
    assert_eq!(stele.json(&["image", "inspect", "box-other"])["digest"], one);
    // Its own name is no other image's.
    stele.ok(&["image", "tag", "box", "box-other"]);
    stele.fails(&["image", "tag", "none", "box-other"], 3);
    stele.fails(&["image", "tag", "box", "a/b"], 2);
}

#[test]
fn an_image_stays_while_it_has_a_name() {
    let images = Images::new();
    images.image("box", "inputs = [box]");
    let digest = images.build("box");
    let stele = &images.shop.stele;
    assert_eq!(stele.ok(&["image", "tag", &digest, "second"]), format!("{digest}  second"));
    let said = stele.fails(&["image", "rm", "box", "none"], 3);
    assert!(said.contains("no image named none"), "{said}");
    assert_eq!(stele.json(&["image", "ls"]).as_array().map(Vec::len), Some(2), "all or none");

    stele.ok(&["image", "rm", "box"]);
    stele.ok(&["store", "gc", "--end-leases"]);
    let to = images.scratch("layout");
    stele.ok(&["image", "export", "second", text(&to)]);
    stele.fails(&["image", "inspect", "box"], 3);

    stele.ok(&["image", "rm", "second"]);
    assert_eq!(stele.ok(&["image", "ls"]), "");
    stele.assert_sound();
}

#[test]
fn an_import_takes_no_name_from_another_image_without_being_told() {
    let (one, other) = (Images::new(), Images::new());
    let digest = one.build("box");
    let to = one.scratch("a.tar");
    one.shop.stele.ok(&["image", "export", "box", text(&to)]);
    other.image("box", "inputs = [box], labels = {'another': 'image'}");
    let before = other.build("box");
    let said = other.shop.stele.fails(&["image", "import", text(&to)], 2);
    assert!(said.contains(&format!("another image has the name box: {before}")), "{said}");
    assert_eq!(other.shop.stele.json(&["image", "inspect", "box"])["digest"], before);
    other.shop.stele.ok(&["image", "import", "--replace", text(&to)]);
    assert_eq!(other.shop.stele.json(&["image", "inspect", "box"])["digest"], digest);
    // The same image again takes nothing from anybody.
    other.shop.stele.ok(&["image", "import", text(&to)]);
}
