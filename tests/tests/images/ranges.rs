//! Every form of `Range` (RFC 9110, §14) on blobs that the endpoint generates: documents, and layers of each
//! compression.

use std::fmt::Write as _;

use super::serving::Endpoint;
use super::*;

/// The paths of the layer and the config of an image.
fn blobs(endpoint: &Endpoint, name: &str) -> [String; 2] {
    let manifest = endpoint.get("GET", &format!("/v2/{name}/manifests/latest"), "").1;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    [&manifest["layers"][0]["digest"], &manifest["config"]["digest"]]
        .map(|digest| format!("/v2/{name}/blobs/{}", digest.as_str().unwrap()))
}

#[test]
fn no_form_of_a_range_gives_other_bytes_than_those_of_the_blob() {
    let images = Images::new();
    // Several blocks of each encoder.
    images.shop.recipe("large", &[], "mkdir /out/x; seq 1 99999999 | head -c 9437184 > /out/x/large");
    let file = images.shop.path().join("pkgs/large/recipe.star");
    let mut recipe = fs::read_to_string(&file).unwrap();
    let names = ["none", "gzip", "zstd"].map(|compression| {
        let name = format!("large-{compression}");
        writeln!(recipe, "image(name = '{name}', inputs = [large], compression = '{compression}')").unwrap();
        name
    });
    fs::write(file, recipe).unwrap();
    names.iter().for_each(|name| drop(images.build(name)));
    let endpoint = Endpoint::of(&images, &[]);
    for name in &names {
        for path in blobs(&endpoint, name) {
            let whole = endpoint.get("GET", &path, "").1;
            let size = whole.len();
            let (last, middle) = (size - 1, size / 2);
            let huge = "9".repeat(40);
            // One range that has bytes is that part; the end may lie beyond that of the blob.
            for (range, from, to) in [
                ("0-0".to_owned(), 0, 1),
                ("0-".to_owned(), 0, size),
                (format!("{middle}-{}", middle + 99), middle, middle + 100),
                (format!("{middle}-"), middle, size),
                (format!("{last}-"), last, size),
                (format!("{last}-{last}"), last, size),
                (format!("{last}-{huge}"), last, size),
                ("-1".to_owned(), last, size),
                ("-9".to_owned(), size - 9, size),
                (format!("-{middle}"), size - middle, size),
                (format!("-{size}"), 0, size),
                (format!("-{huge}"), 0, size),
            ] {
                let (head, part) = endpoint.get("GET", &path, &format!("Range: bytes={range}\r\n"));
                assert!(head.starts_with("http/1.1 206"), "{path}, {range}: {head}");
                let to = to.min(size);
                let states = format!("content-range: bytes {from}-{}/{size}\r\n", to - 1);
                assert!(head.contains(&states), "{path}, {range}: {head}");
                assert!(part == whole[from..to], "{path}, {range}: {} bytes", part.len());
            }
            // None of these has a byte of the blob.
            for range in ["-0".to_owned(), format!("{size}-"), format!("{size}-{huge}"), format!("{huge}-")] {
                let (head, _) = endpoint.get("GET", &path, &format!("Range: bytes={range}\r\n"));
                assert!(head.starts_with("http/1.1 416"), "{path}, {range}: {head}");
                assert!(head.contains(&format!("content-range: bytes */{size}")), "{path}, {range}: {head}");
            }
            // Several ranges, other units and what is no range are ignored; so is the header of a HEAD.
            for range in
                ["bytes=0-1,4-5", "bytes=-1,-2", "bytes=5-3", "bytes=-", "bytes=a-b", "lines=0-1", "0-1"]
            {
                let (head, body) = endpoint.get("GET", &path, &format!("Range: {range}\r\n"));
                assert!(head.starts_with("http/1.1 200") && body == whole, "{path}, {range}: {head}");
            }
            let (head, body) = endpoint.get("HEAD", &path, "Range: bytes=-1\r\n");
            assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{path}: {head}");
            assert!(head.contains(&format!("content-length: {size}")), "{path}: {head}");
            // A part of another version is not continued.
            let (head, body) = endpoint.get("GET", &path, "Range: bytes=-1\r\nIf-Range: \"other\"\r\n");
            assert!(head.starts_with("http/1.1 200") && body == whole, "{path}: {head}");
        }
    }
    assert_eq!(endpoint.metric("stele_oci_blobs_damaged_total"), 0);
}
