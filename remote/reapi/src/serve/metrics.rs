//! The server's metrics, in Prometheus's text format.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The methods, whose names differ.
const METHODS: &[&str] = &[
    "GetCapabilities",
    "FindMissingBlobs",
    "BatchUpdateBlobs",
    "BatchReadBlobs",
    "GetTree",
    "GetActionResult",
    "UpdateActionResult",
    "Read",
    "Write",
    "QueryWriteStatus",
];

/// The labels of a call.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Call {
    method: &'static str,
    code: i32,
}

/// The server's metrics.
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    /// Results that were found with all of their outputs.
    pub hits: Counter,
    /// Results that were not.
    pub misses: Counter,
    /// Bytes of blobs, as they were sent.
    pub sent: Counter,
    /// Bytes of blobs, as they came.
    pub received: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Clients that write a blob.
    pub uploads: Gauge,
    kept: [Gauge; 2],
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("stele_reapi");
        let calls = Family::<Call, Counter>::default();
        let [hits, misses, sent, received]: [Counter; 4] = Default::default();
        let [connections, uploads, blobs, bytes]: [Gauge; 4] = Default::default();
        registry.register("calls", "Calls answered, by method and code as of gRPC", calls.clone());
        registry.register("result_hits", "Results found with all of their outputs", hits.clone());
        registry.register(
            "result_misses",
            "Results not found, or not with all of their outputs",
            misses.clone(),
        );
        registry.register("sent_bytes", "Bytes of blobs sent", sent.clone());
        registry.register("received_bytes", "Bytes of blobs received", received.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("uploads", "Clients that write a blob", uploads.clone());
        registry.register("kept_blobs", "Blobs that are kept as a cache's", blobs.clone());
        registry.register("kept_bytes", "Their bytes", bytes.clone());
        let kept = [blobs, bytes];
        Self { registry, calls, hits, misses, sent, received, connections, uploads, kept }
    }
}

impl Metrics {
    /// Counts a call. What a stranger calls is a label only if it is a method.
    pub fn answered(&self, path: &str, code: i32) {
        let method = path.rsplit('/').next().and_then(|name| METHODS.iter().find(|it| **it == name));
        self.calls.get_or_create(&Call { method: method.copied().unwrap_or("other"), code }).inc();
    }

    /// All metrics. What is kept is known to the store.
    pub fn text(&self, kept: (u64, u64)) -> String {
        for (gauge, value) in self.kept.iter().zip([kept.0, kept.1]) {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
