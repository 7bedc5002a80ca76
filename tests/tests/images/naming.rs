//! Names of images: further ones, and their removal.

use super::*;

#[test]
fn a_name_is_not_taken_from_another_image_unless_told_to() {
    let images = Images::new();
    images.images(
        "image(name = 'box', inputs = [box])\nimage(name = 'box-other', inputs = [box], cmd = ['x'])\n",
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
