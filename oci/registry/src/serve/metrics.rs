//! The endpoint's metrics, in Prometheus's text format.

use std::fmt::Error;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The labels of a request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

/// The endpoint's metrics.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    /// Bytes of blobs that were handed to connections.
    pub bytes: Counter,
    /// Blobs that ended early, for any reason.
    pub broken: Counter,
    /// Blobs whose bytes did not match their digest.
    pub damaged: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Blobs in progress.
    pub blobs: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("stele_oci");
        let requests = Family::<Request, Counter>::default();
        let (bytes, broken, damaged) = (Counter::default(), Counter::default(), Counter::default());
        let (connections, blobs) = (Gauge::default(), Gauge::default());
        registry.register("requests", "Requests answered, by route", requests.clone());
        registry.register("blob_bytes", "Bytes of blobs passed to connections", bytes.clone());
        registry.register("blobs_broken", "Blobs that ended early", broken.clone());
        registry.register("blobs_damaged", "Blobs that did not match their digest", damaged.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("blobs_under_way", "Blobs in progress", blobs.clone());
        Self { registry, requests, bytes, broken, damaged, connections, blobs }
    }
}

impl Metrics {
    /// Counts a request.
    pub fn answered(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&Request { route, status }).inc();
    }

    /// All metrics.
    ///
    /// # Errors
    /// Never in practice: writing text does not fail.
    pub fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
