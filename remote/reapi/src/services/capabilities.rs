//! What the server can do.

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::build::bazel::semver::SemVer;
use tonic::{Request, Response, Status};

use super::MAX_BATCH;
use crate::access::Role;

/// The service.
pub struct Abilities;

fn version(minor: i32) -> Option<SemVer> {
    Some(SemVer { major: 2, minor, ..SemVer::default() })
}

#[tonic::async_trait]
impl api::capabilities_server::Capabilities for Abilities {
    async fn get_capabilities(
        &self,
        request: Request<api::GetCapabilitiesRequest>,
    ) -> Result<Response<api::ServerCapabilities>, Status> {
        use api::digest_function::Value as Function;
        let update_enabled = request.extensions().get() == Some(&Role::Writer);
        let cache = api::CacheCapabilities {
            digest_functions: vec![Function::Sha256.into(), Function::Blake3.into()],
            action_cache_update_capabilities: Some(api::ActionCacheUpdateCapabilities { update_enabled }),
            max_batch_total_size_bytes: i64::try_from(MAX_BATCH).unwrap_or(i64::MAX),
            // Links are part of results, which nobody follows here.
            symlink_absolute_path_strategy: api::symlink_absolute_path_strategy::Value::Allowed.into(),
            supported_compressors: vec![api::compressor::Value::Zstd.into()],
            ..api::CacheCapabilities::default()
        };
        Ok(Response::new(api::ServerCapabilities {
            cache_capabilities: Some(cache),
            execution_capabilities: None,
            deprecated_api_version: None,
            low_api_version: version(0),
            high_api_version: version(11),
        }))
    }
}
