//! The services of the protocol.

mod blocking;
mod capabilities;
mod contents;
mod outputs;
mod results;
mod stream;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use tonic::service::Routes;
use tonic::{Extensions, Status};

use crate::access::Role;
use crate::cache::Cache;
use crate::digest::DigestError;
use crate::resource::NameError;
use crate::serve::Metrics;
pub use blocking::Streams;

/// How many bytes the blobs of one batch have at most. A message of 4 MiB, which is gRPC's own bound, has room for them
/// and for 1 MiB of digests.
pub const MAX_BATCH: usize = 3 << 20;
/// The maximum size of a message in bytes.
pub const MAX_MESSAGE: usize = 4 << 20;

/// What all services share.
#[derive(Clone)]
pub struct Shared {
    pub cache: Arc<dyn Cache>,
    pub metrics: Arc<Metrics>,
    /// How long a client may read nothing, or send nothing.
    pub stall: Duration,
}

/// All services.
pub fn routes(shared: &Shared) -> Routes {
    use api::action_cache_server::ActionCacheServer;
    use api::capabilities_server::CapabilitiesServer;
    use api::content_addressable_storage_server::ContentAddressableStorageServer;
    let contents = ContentAddressableStorageServer::new(contents::Contents(shared.clone()));
    let results = ActionCacheServer::new(results::Results(shared.clone()));
    let stream = ByteStreamServer::new(stream::Bytes::new(shared.clone()));
    Routes::new(CapabilitiesServer::new(capabilities::Abilities))
        .add_service(contents.max_decoding_message_size(MAX_MESSAGE))
        .add_service(results.max_decoding_message_size(MAX_MESSAGE))
        .add_service(stream.max_decoding_message_size(MAX_MESSAGE))
        .prepare()
}

/// Checks that the client may write.
fn require_writer(extensions: &Extensions) -> Result<(), Status> {
    match extensions.get::<Role>() {
        Some(Role::Writer) => Ok(()),
        _ => Err(Status::permission_denied(
            "this client may only read: writing needs the server's token for it, as `authorization: Bearer TOKEN`",
        )),
    }
}

impl From<DigestError> for Status {
    fn from(error: DigestError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<NameError> for Status {
    fn from(error: NameError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

/// A status within a message.
fn status_message(status: &Status) -> bazel_remote_apis::google::rpc::Status {
    bazel_remote_apis::google::rpc::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: Vec::new(),
    }
}
