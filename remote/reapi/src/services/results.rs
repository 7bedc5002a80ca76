//! Results of actions.

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use prost::Message;
use tonic::{Request, Response, Status};

use super::blocking::blocking;
use super::contents::in_memory;
use super::outputs::{are_there, check};
use super::{Shared, require_writer};
use crate::digest::{Digest, Function};

/// The service.
pub struct Results(pub Shared);

/// Under what a result is found: the instance, and the digest of the action.
fn key(instance: &str, action: &Digest) -> [u8; 32] {
    let function = match action.function {
        Function::Sha256 => "sha256",
        Function::Blake3 => "blake3",
    };
    // The instance comes last: whatever it holds, each text is of one key.
    *blake3::hash(format!("reapi-result 1\n{function} {action}\n{instance}").as_bytes()).as_bytes()
}

#[tonic::async_trait]
impl api::action_cache_server::ActionCache for Results {
    async fn get_action_result(
        &self,
        request: Request<api::GetActionResultRequest>,
    ) -> Result<Response<api::ActionResult>, Status> {
        let request = request.into_inner();
        let function = Function::of_field(request.digest_function)?;
        let action = Digest::of(function, request.action_digest.as_ref())?;
        let key = key(&request.instance_name, &action);
        let shared = self.0.clone();
        let found = blocking(move || {
            let Some(bytes) = shared.cache.result(&key)? else { return Ok(None) };
            let Ok(result) = api::ActionResult::decode(&*bytes) else { return Ok(None) };
            Ok(are_there(&*shared.cache, function, &result)?.then_some(result))
        });
        match found.await? {
            Some(result) => {
                self.0.metrics.hits.inc();
                Ok(Response::new(result))
            }
            None => {
                self.0.metrics.misses.inc();
                Err(Status::not_found("the cache has no result of that action with all of its outputs"))
            }
        }
    }

    async fn update_action_result(
        &self,
        request: Request<api::UpdateActionResultRequest>,
    ) -> Result<Response<api::ActionResult>, Status> {
        require_writer(request.extensions())?;
        let request = request.into_inner();
        let function = Function::of_field(request.digest_function)?;
        let action = Digest::of(function, request.action_digest.as_ref())?;
        let result = request
            .action_result
            .ok_or_else(|| Status::invalid_argument("the action's result is missing"))?;
        check(function, &result)?;
        let key = key(&request.instance_name, &action);
        let bytes = result.encode_to_vec();
        let cache = self.0.cache.clone();
        blocking(move || {
            let name = Function::Blake3.digest(&bytes);
            Ok(cache.take(&in_memory(&[&bytes])?, &[name], Some(&key))?)
        })
        .await?;
        Ok(Response::new(result))
    }
}
