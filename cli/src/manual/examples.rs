//! The examples of the manual pages.

/// A command, and examples of it: what each is for, and the line.
type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// All of them. A test parses each line.
pub const EXAMPLES: &[Examples] = &[
    (
        "stele",
        &[
            ("Make a recipe tree that builds at once, and build its package:", "stele init"),
            ("Look at how it was built, down to the seed:", "stele lineage greet"),
            ("Check the machine:", "stele doctor"),
        ],
    ),
    (
        "stele init",
        &[(
            "A program in C by Debian's compilers, in the folder project:",
            "stele init --template foreign project",
        )],
    ),
    (
        "stele build",
        &[
            ("Show what would be built, and why:", "stele build --dry-run hello"),
            ("Build with the output of the builds on the terminal:", "stele build -L hello"),
            ("Build again, and compare every bit:", "stele build --rebuild hello"),
            (
                "Take from another store what a policy agrees to:",
                "stele build --substituter /srv/stele --policy p.toml hello",
            ),
            ("Build whenever a recipe changes:", "stele build --watch hello"),
        ],
    ),
    (
        "stele copy",
        &[
            ("To another machine, by ssh:", "stele copy build-hello --to ssh://me@build7/srv/stele"),
            ("From another store on this machine:", "stele copy build-hello --from /srv/stele"),
        ],
    ),
    (
        "stele bundle export",
        &[("For a machine without a network:", "stele bundle export build-hello -o hello.bundle")],
    ),
    ("stele image build", &[("Build an image and all that goes into it:", "stele image build hello")]),
    (
        "stele image export",
        &[
            ("As an OCI layout in a folder:", "stele image export hello layout"),
            ("Into an engine:", "stele image export hello - | podman load"),
        ],
    ),
    (
        "stele image import",
        &[
            ("From a registry:", "stele image import registry.example.org/alpine:3.22"),
            ("From an engine:", "podman save alpine | stele image import --name alpine -"),
        ],
    ),
    (
        "stele image run",
        &[("With a port of the machine:", "stele image run --option=--publish=8080:80 nginx")],
    ),
    (
        "stele store gc",
        &[
            ("Show what would go:", "stele store gc --dry-run"),
            ("Let builds of more than a month go, too:", "stele store gc --older-than 30d"),
            ("Keep at most 20 GiB:", "stele store gc --max-size 20G --end-leases"),
        ],
    ),
    ("stele store du", &[("What keeps the most:", "stele store du")]),
    ("stele undo", &[("Bring back a root that was moved or removed:", "stele undo build-hello")]),
    (
        "stele source prefetch",
        &[("Print a pin for a recipe:", "stele source prefetch https://zlib.net/zlib-1.3.1.tar.gz")],
    ),
    (
        "stele mount",
        &[
            ("For all users, as root:", "stele mount /mnt/stele"),
            ("In a namespace that ends with the shell:", "stele mount dir -- sh"),
        ],
    ),
    (
        "stele serve",
        &[
            ("To engines on this machine:", "stele serve --oci 127.0.0.1:5000"),
            ("As a cache for Bazel on this machine:", "stele serve --reapi 127.0.0.1:8980 --writable"),
        ],
    ),
    (
        "stele check",
        &[("Build four times under varied conditions, and compare:", "stele check --rounds 4 hello")],
    ),
    ("stele explain", &[("Find the condition that changes the output:", "stele explain hello")]),
    ("stele lineage", &[("As a picture:", "stele lineage --format svg hello")]),
];
