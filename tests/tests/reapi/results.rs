//! Results of actions: a hit only with everything that it names.

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message;
use tonic::Code;

use super::{Client, Endpoint, digest};
use stele_tests::Stele;

fn file(path: &str, bytes: &[u8]) -> api::OutputFile {
    api::OutputFile { path: path.to_owned(), digest: Some(digest(bytes)), ..api::OutputFile::default() }
}

fn directory(tree: Option<api::Digest>, root: Option<api::Digest>) -> api::OutputDirectory {
    api::OutputDirectory {
        path: "out".to_owned(),
        tree_digest: tree,
        root_directory_digest: root,
        ..api::OutputDirectory::default()
    }
}

fn node(name: &str, bytes: &[u8]) -> api::FileNode {
    api::FileNode { name: name.to_owned(), digest: Some(digest(bytes)), ..api::FileNode::default() }
}

fn is_hit(client: &Client, action: &api::Digest) -> bool {
    match client.result(action) {
        Ok(_) => true,
        Err(status) if status.code() == Code::NotFound => false,
        Err(status) => panic!("{status}"),
    }
}

#[test]
fn a_result_is_a_hit_once_each_of_its_outputs_is_there() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let inner = api::Directory { files: vec![node("deep", b"deep")], ..api::Directory::default() };
    let named = digest(&inner.encode_to_vec());
    let root = api::Directory {
        files: vec![node("top", b"top")],
        directories: vec![api::DirectoryNode { name: "inner".to_owned(), digest: Some(named) }],
        ..api::Directory::default()
    };
    let tree = api::Tree { root: Some(root.clone()), children: vec![inner.clone()] }.encode_to_vec();
    let action = digest(b"action");
    let result = api::ActionResult {
        output_files: vec![file("a", b"file a"), file("empty", b"")],
        output_directories: vec![directory(Some(digest(&tree)), None)],
        stdout_digest: Some(digest(b"stdout")),
        stderr_digest: Some(digest(b"stderr")),
        exit_code: 0,
        ..api::ActionResult::default()
    };
    assert!(!is_hit(&client, &action));
    assert_eq!(client.put_result(&action, &result).unwrap(), result);
    for lacking in [&b"file a"[..], b"stdout", b"stderr", &tree, b"top", b"deep"] {
        assert!(!is_hit(&client, &action), "without {:?}", String::from_utf8_lossy(lacking));
        client.put(lacking);
    }
    assert_eq!(client.result(&action).unwrap(), result);
    assert_eq!((endpoint.metric("result_hits_total"), endpoint.metric("result_misses_total")), (1, 7));
    // The same by directories that name each other.
    let by_root = digest(b"by root");
    let root = root.encode_to_vec();
    let result = api::ActionResult {
        output_directories: vec![directory(None, Some(digest(&root)))],
        ..Default::default()
    };
    client.put_result(&by_root, &result).unwrap();
    for lacking in [root, inner.encode_to_vec()] {
        assert!(!is_hit(&client, &by_root));
        client.put(&lacking);
    }
    assert!(is_hit(&client, &by_root));
}

#[test]
fn a_tree_that_lacks_one_of_its_own_directories_is_no_hit() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let lost = api::DirectoryNode { name: "lost".to_owned(), digest: Some(digest(b"lost")) };
    let root = api::Directory { directories: vec![lost], ..api::Directory::default() };
    let tree = api::Tree { root: Some(root), children: Vec::new() }.encode_to_vec();
    for (number, bytes) in [&tree[..], b"no tree at all"].into_iter().enumerate() {
        client.put(bytes);
        let result = api::ActionResult {
            output_directories: vec![directory(Some(digest(bytes)), None)],
            ..api::ActionResult::default()
        };
        let action = digest(&[u8::try_from(number).unwrap()]);
        client.put_result(&action, &result).unwrap();
        assert!(!is_hit(&client, &action));
    }
}

#[test]
fn results_belong_to_an_instance_and_a_digest_function_and_the_last_one_counts() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let mut client = endpoint.client();
    let action = digest(b"action");
    let result = |exit_code| api::ActionResult { exit_code, ..api::ActionResult::default() };
    for (number, instance) in ["", "main", "main/x", "main\n"].into_iter().enumerate() {
        client.instance = instance.to_owned();
        assert!(!is_hit(&client, &action), "{instance}");
        let code = i32::try_from(number).unwrap();
        client.put_result(&action, &result(100)).unwrap();
        client.put_result(&action, &result(code)).unwrap();
        assert_eq!(client.result(&action).unwrap().exit_code, code);
    }
    client.function = api::digest_function::Value::Blake3.into();
    assert!(!is_hit(&client, &action));
    client.function = 0;
    client.instance = String::new();
    assert_eq!(client.result(&action).unwrap().exit_code, 0);
}

#[test]
fn results_without_digests_are_refused() {
    let stele = Stele::new();
    let endpoint = Endpoint::writable(&stele, &[]);
    let client = endpoint.client();
    let none = api::OutputFile { path: "a".to_owned(), ..api::OutputFile::default() };
    let short = api::Digest { hash: "ab".to_owned(), size_bytes: 1 };
    for result in [
        api::ActionResult { output_files: vec![none], ..Default::default() },
        api::ActionResult { stdout_digest: Some(short.clone()), ..Default::default() },
        api::ActionResult { output_directories: vec![directory(None, None)], ..Default::default() },
    ] {
        assert_eq!(client.put_result(&digest(b"a"), &result).unwrap_err().code(), Code::InvalidArgument);
    }
    let result = api::ActionResult::default();
    assert_eq!(client.put_result(&short, &result).unwrap_err().code(), Code::InvalidArgument);
    let raw = api::ActionResult { stdout_raw: vec![0; 5 << 20], ..Default::default() };
    assert_eq!(client.put_result(&digest(b"a"), &raw).unwrap_err().code(), Code::OutOfRange);
}
