//! `stele serve --oci`: engines pull straight from the store; hostile, slow, cut or damaged transfers harm no others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::{Duration, Instant};

use super::*;

/// An endpoint of a store, which ends with the test.
pub struct Endpoint {
    process: Child,
    /// `http://127.0.0.1:PORT`
    pub address: String,
}

impl Endpoint {
    pub fn of(images: &Images, options: &[&str]) -> Self {
        let all = [&["serve", "--oci", "127.0.0.1:0"], options].concat();
        let mut command = images.shop.stele.command(&all);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim_end().to_owned() }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> &str {
        self.address.split_once("://").expect("an address").1
    }

    /// Sends `request` verbatim; all that arrives until the endpoint disconnects.
    fn raw(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // After an early refusal the rest may not be read.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// Asks for something; the head of the answer, and its body.
    pub fn get(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        let answer = self.raw(request.as_bytes());
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").expect("a head");
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec())
    }

    fn status(&self, method: &str, path: &str) -> u16 {
        let (head, _) = self.get(method, path, "");
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The manifest of `box`, as JSON.
    fn manifest(&self) -> serde_json::Value {
        serde_json::from_slice(&self.get("GET", "/v2/box/manifests/latest", "").1).unwrap()
    }

    /// A metric's value.
    pub fn metric(&self, name: &str) -> u64 {
        let text = String::from_utf8(self.get("GET", "/metrics", "").1).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// The peak memory of its process, in MiB.
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The image `large-image`, which is a file of so many MiB, and its digest.
pub fn of_size(mebibytes: usize) -> (Images, String) {
    let images = Images::new();
    let bytes = mebibytes << 20;
    images.shop.recipe(
        "large",
        &[],
        &format!("mkdir /out/x; seq 1 99999999 | head -c {bytes} > /out/x/large"),
    );
    let file = images.shop.path().join("pkgs/large/recipe.star");
    let recipe = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{recipe}image(name = 'large-image', inputs = [large])\n")).unwrap();
    let digest = images.build("large-image");
    (images, digest)
}

/// That of 96 MiB, and an endpoint; the path of its layer there.
fn large() -> (Images, Endpoint, String) {
    let (images, _) = of_size(96);
    let endpoint = Endpoint::of(&images, &[]);
    let manifest = endpoint.get("GET", "/v2/large-image/manifests/latest", "").1;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let digest = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    (images, endpoint, format!("/v2/large-image/blobs/{digest}"))
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hostile_requests_are_refused_and_the_next_is_served() {
    let images = Images::new();
    images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    let zeros = "0".repeat(64);
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v2/../../etc/passwd", 404),
        ("GET", "/v2/box/blobs/../../../etc/passwd", 404),
        ("GET", "/v2/%2e%2e/manifests/latest", 400),
        ("GET", "/v2/box%00/manifests/latest", 400),
        ("GET", "/v2/box/manifests/%ff%fe", 404),
        ("GET", &format!("/v2/box/blobs/sha256:{zeros}"), 404),
        ("GET", "/v2/box/blobs/sha256:..%2f..%2fx", 404),
        ("GET", &format!("/v2/box/blobs/sha512:{zeros}{zeros}"), 400),
        ("GET", &format!("/{}", "a".repeat(4000)), 414),
        ("POST", "/v2/box/blobs/uploads/", 404),
        ("PUT", "/v2/box/manifests/latest", 405),
        ("DELETE", "/v2/box/manifests/latest", 405),
        ("TRACE", "/v2/", 405),
        ("GET", "http://elsewhere/v2/", 200),
    ] {
        assert_eq!(endpoint.status(method, path), status, "{method} {path}");
    }
    let many = "X: y\r\n".repeat(5000);
    let long = format!("X: {}\r\n", "y".repeat(200_000));
    for garbage in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /v2/ HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{long}\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)),
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned(),
    ] {
        let answer = String::from_utf8_lossy(&endpoint.raw(garbage.as_bytes())).into_owned();
        assert!(!answer.starts_with("HTTP/1.1 2"), "{}: {answer}", &garbage[..20.min(garbage.len())]);
    }
    assert_eq!(endpoint.status("GET", "/v2/box/manifests/latest"), 200);
    assert!(endpoint.peak() < 100, "{} MiB", endpoint.peak());
}

#[test]
fn a_blob_is_served_whole_in_parts_and_as_not_modified() {
    let images = Images::new();
    images.images("image(name = 'box', inputs = [box], compression = 'zstd')\n");
    images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    let digest = endpoint.manifest()["layers"][0]["digest"].as_str().unwrap().to_owned();
    let path = format!("/v2/box/blobs/{digest}");
    let (head, whole) = endpoint.get("GET", &path, "");
    assert_eq!(format!("sha256:{}", sha256(&whole)), digest);
    assert!(head.contains(&format!("content-length: {}", whole.len())) && head.contains(&digest), "{head}");
    let (head, body) = endpoint.get("HEAD", &path, "");
    assert!(body.is_empty() && head.contains(&format!("content-length: {}", whole.len())), "{head}");
    let middle = whole.len() / 2;
    let (head, part) = endpoint.get("GET", &path, &format!("Range: bytes={middle}-{}\r\n", middle + 9999));
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert_eq!(part, whole[middle..whole.len().min(middle + 10_000)]);
    let (head, _) = endpoint.get("GET", &path, &format!("Range: bytes={}-\r\n", whole.len()));
    assert!(head.starts_with("http/1.1 416"), "{head}");
    let (head, body) = endpoint.get("GET", &path, &format!("If-None-Match: \"{digest}\"\r\n"));
    assert!(head.starts_with("http/1.1 304") && body.is_empty(), "{head}");
    assert!(endpoint.metric("stele_oci_blob_bytes_total") >= whole.len() as u64 + 10_000);
    assert_eq!(endpoint.metric("stele_oci_blobs_damaged_total"), 0);
}

#[test]
fn a_damaged_file_ends_in_a_cut_connection_and_quarantine() {
    let (images, endpoint, path) = large();
    let payload = stele_tests::damage::payload(&images.shop.stele, "image-large-image/rootfs/x/large");
    stele_tests::damage::flip(&payload, 50_000_000);
    let digest = path.rsplit(':').next().unwrap();
    // The length was promised before: fewer bytes arrive.
    let (head, body) = endpoint.get("GET", &path, "");
    let promised = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert!(body.len() < promised.parse().unwrap(), "{} of {promised}", body.len());
    assert_ne!(sha256(&body), digest);
    assert_eq!(endpoint.metric("stele_oci_blobs_damaged_total"), 1);
    // The store knows it now.
    assert!(!payload.exists());
    // And the endpoint still serves.
    assert_eq!(endpoint.status("GET", "/v2/"), 200);
}

#[test]
fn a_blob_that_was_verified_is_compared_again_after_its_file_was_written() {
    let (images, endpoint, path) = large();
    let digest = path.rsplit(':').next().unwrap();
    for _ in 0..3 {
        assert_eq!(sha256(&endpoint.get("GET", &path, "").1), digest);
    }
    let (_, part) = endpoint.get("GET", &path, "Range: bytes=1000000-60000000\r\n");
    assert_eq!(sha256(&part), sha256(&endpoint.get("GET", &path, "").1[1_000_000..=60_000_000]));
    let payload = stele_tests::damage::payload(&images.shop.stele, "image-large-image/rootfs/x/large");
    stele_tests::damage::flip(&payload, 50_000_000);
    // The file is another one: this transfer was not compared, so it must not look whole.
    assert_ne!(sha256(&endpoint.get("GET", &path, "").1), digest);
    // The next one is, and tells what is wrong.
    assert_ne!(sha256(&endpoint.get("GET", &path, "").1), digest);
    assert_eq!(endpoint.metric("stele_oci_blobs_damaged_total"), 1);
    assert!(!payload.exists());
}

#[test]
fn a_pull_continues_when_its_daemon_is_killed_and_when_its_connection_stalls() {
    let (images, endpoint, path) = large();
    let mut stream = TcpStream::connect(endpoint.host()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = vec![0; 1 << 20];
    stream.read_exact(&mut answer).unwrap();
    // The connection stalls: the client reads nothing, the buffers are full, and the daemon dies meanwhile.
    std::thread::sleep(Duration::from_millis(500));
    images.shop.stele.kill_daemon();
    std::thread::sleep(Duration::from_millis(500));
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    assert_eq!(sha256(&answer[end + 4..]), path.rsplit(':').next().unwrap());
}

#[test]
fn aborted_pulls_leave_nothing_behind_and_a_stalled_client_is_cut() {
    let (images, first, path) = large();
    drop(first);
    let endpoint = Endpoint::of(&images, &["--stall", "2", "--max-connections", "8"]);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    for _ in 0..20 {
        let mut stream = TcpStream::connect(endpoint.host()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_exact(&mut [0; 1000]).unwrap();
    }
    stele_tests::wait_for("the ends of aborted blobs", || endpoint.metric("stele_oci_blobs_under_way") == 0);
    // Eight stalled connections have all slots, until they are cut.
    let stalled: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(endpoint.host()).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Until its request was read a connection is idle, and is closed to make room for others.
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    assert_eq!(endpoint.status("GET", "/v2/"), 200);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}: they did not have them", begun.elapsed());
    stele_tests::wait_for("the ends of stalled blobs", || {
        endpoint.metric("stele_oci_blobs_under_way") == 0 && endpoint.metric("stele_oci_connections") == 1
    });
    drop(stalled);
    assert!(endpoint.metric("stele_oci_blobs_broken_total") >= 28);
    let daemon = images.shop.stele.json(&["daemon", "status"]);
    assert_eq!(daemon["working"], 0, "{daemon}");
}

#[test]
fn ten_clients_at_once_need_little_memory() {
    let (_images, endpoint, path) = large();
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..10).map(|_| scope.spawn(|| sha256(&endpoint.get("GET", &path, "").1))).collect();
        for client in clients {
            assert_eq!(client.join().unwrap(), path.rsplit(':').next().unwrap());
        }
    });
    assert!(endpoint.peak() < 100, "{} MiB", endpoint.peak());
}

#[test]
fn an_image_that_is_built_anew_can_still_be_pulled_by_its_digest() {
    let images = Images::new();
    let old = images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    let layer = endpoint.manifest()["layers"][0]["digest"].as_str().unwrap().to_owned();
    images.image("box", "files = {'/a': 'b'}");
    let new = images.build("box");
    assert_ne!(old, new);
    assert!(endpoint.get("GET", "/v2/box/manifests/latest", "").0.contains(&new));
    assert_eq!(endpoint.status("GET", &format!("/v2/box/manifests/{old}")), 200);
    let (_, body) = endpoint.get("GET", &format!("/v2/box/blobs/{layer}"), "");
    assert_eq!(format!("sha256:{}", sha256(&body)), layer);
    images.shop.stele.ok(&["store", "root", "rm", "image-box"]);
    assert_eq!(endpoint.status("GET", &format!("/v2/box/manifests/{old}")), 404);
}

#[test]
fn it_shuts_down_cleanly() {
    let (_images, mut endpoint, path) = large();
    let mut stream = TcpStream::connect(endpoint.host()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = vec![0; 1 << 20];
    stream.read_exact(&mut answer).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(endpoint.process.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    stele_tests::wait_for("nobody listens", || TcpStream::connect(endpoint.host()).is_err());
    // Answers in progress are completed.
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    assert_eq!(sha256(&answer[end + 4..]), path.rsplit(':').next().unwrap());
    assert!(endpoint.process.wait().unwrap().success());
}

#[test]
fn wrong_options_give_a_hint() {
    let images = Images::new();
    let fails = |args: &[&str]| images.shop.stele.fails(&[&["serve"], args].concat(), 2);
    images.build("box");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, says) in [
        (&["--oci", &taken][..], "port 0"),
        (&["--oci", "nonsense"], "HOST:PORT"),
        (&["--oci", "127.0.0.1:0", "--tls-cert", "/nothing"], "--tls-key"),
        (&["--oci", "127.0.0.1:0", "--tls-cert", "/nothing", "--tls-key", "/nothing"], "/nothing"),
        (&["--oci", "127.0.0.1:0", "--tls-cert", "/dev/null", "--tls-key", "/dev/null"], "certificate"),
        (&["--oci", "127.0.0.1:0", "--max-connections", "0"], "max-connections"),
    ] {
        let said = fails(args);
        assert!(said.contains(says), "{args:?}: {said}");
    }
}

#[test]
fn a_layer_that_cannot_be_generated_again_is_not_served() {
    let images = Images::new();
    let layout = images.layout("box");
    // Another program's image of other files: umoci adds a layer with its own times.
    let bundle = images.scratch("bundle");
    let image = format!("{}:box", text(&layout));
    if !is_root() {
        return stele_tests::skip("umoci without root unpacks with other owners");
    }
    peer("umoci", &["unpack", "--image", &image, text(&bundle)]);
    fs::write(bundle.join("rootfs/new"), "new").unwrap();
    peer("umoci", &["repack", "--image", &format!("{}:other", text(&layout)), text(&bundle)]);
    images.shop.stele.ok(&["image", "import", "--ref", "other", text(&layout)]);
    let endpoint = Endpoint::of(&images, &[]);
    assert_eq!(endpoint.status("GET", "/v2/other/manifests/latest"), 404);
    let (_, catalog) = endpoint.get("GET", "/v2/_catalog", "");
    assert_eq!(String::from_utf8(catalog).unwrap(), "{\"repositories\":[\"box\"]}");
}

#[test]
fn skopeo_and_podman_pull_straight_from_the_store() {
    let images = Images::new();
    let digest = images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    let there = format!("docker://{}/box", endpoint.host());
    assert_eq!(peer("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &there]), digest);
    let pinned = format!("{there}@{digest}");
    let to = images.scratch("pulled");
    let to = format!("oci:{}:box", text(&to));
    peer("skopeo", &["copy", "--quiet", "--preserve-digests", "--src-tls-verify=false", &pinned, &to]);
    assert_eq!(peer("skopeo", &["inspect", "--format", "{{.Digest}}", &to]), digest);
    if !is_root() {
        return stele_tests::skip("podman without root needs more than every machine has");
    }
    let (root, run) = (images.scratch("root"), images.scratch("run"));
    let place = ["--root", text(&root), "--runroot", text(&run), "--storage-driver", "vfs"];
    let way = ["--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc"];
    let limits = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
    let image = format!("{}/box:latest", endpoint.host());
    let run = ["run", "--quiet", "--rm", "--tls-verify=false"];
    let said = peer("podman", &[&place[..], &way, &run, &limits, &[&image]].concat());
    assert_eq!(said, "it runs\n1000\n4755:0:0\n1777:0:0\n755:1000:1000\nhello");
}

#[test]
fn an_index_is_pulled_for_every_platform() {
    let images = Images::new();
    images.images(&format!(
        "x = image(name = 'box-x', inputs = [box], {ALL})\n\
         y = image(name = 'box-y', files = {{'/a': 'y'}}, platform = 'aarch64-linux', compression = 'gzip')\n\
         image_index(name = 'box', images = [x, y], annotations = {{'org.opencontainers.image.version': '1.0'}})\n"
    ));
    let digest = images.build("box");
    let endpoint = Endpoint::of(&images, &[]);
    // The version is a tag.
    let there = format!("docker://{}/box:1.0", endpoint.host());
    let to = images.scratch("pulled");
    let to = format!("oci:{}:box", text(&to));
    let options = ["--quiet", "--all", "--preserve-digests", "--src-tls-verify=false"];
    peer("skopeo", &[&["copy"], &options[..], &[&there, &to]].concat());
    let raw = peer("skopeo", &["inspect", "--raw", &to]);
    assert_eq!(format!("sha256:{}", sha256(raw.as_bytes())), digest);
}

#[test]
fn tls_works_for_clients_that_trust_the_certificate() {
    let images = Images::new();
    images.build("box");
    let folder = images.scratch("tls");
    fs::create_dir(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    let files = ["-keyout", text(&key), "-out", text(&cert)];
    let kind =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    peer("openssl", &[&kind[..], &subject, &files].concat());
    let endpoint = Endpoint::of(&images, &["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    assert!(endpoint.address.starts_with("https://"), "{}", endpoint.address);
    // skopeo trusts the authorities in a folder.
    let trusted = images.scratch("trusted");
    fs::create_dir(&trusted).unwrap();
    fs::copy(&cert, trusted.join("ca.crt")).unwrap();
    let there = format!("docker://{}/box", endpoint.host());
    peer("skopeo", &["inspect", "--cert-dir", text(&trusted), &there]);
    let refused = Command::new("skopeo").args(["inspect", &there]).output().unwrap();
    assert!(!refused.status.success());
}
