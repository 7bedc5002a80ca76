//! Content by digest: what is missing, batches of small blobs, and directories.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::blocking::{Streams, blocking, streamed};
use super::walk::tree;
use super::{MAX_BATCH, Shared, require_writer, status_message};
use crate::cache::{Cache, Trouble};
use crate::digest::{Digest, Function};

/// How many blobs the store is asked about at once.
const AT_ONCE: usize = 20_000;

/// The service.
pub struct Contents(pub Shared);

/// Those of the digests that are not there, each once and in their order. The others are kept from now on.
///
/// # Errors
/// When the store does not answer.
pub fn missing(cache: &dyn Cache, digests: &[Digest]) -> Result<Vec<Digest>, Trouble> {
    let mut seen = BTreeSet::new();
    let asked: Vec<Digest> =
        digests.iter().filter(|it| !it.is_empty() && seen.insert(**it)).copied().collect();
    let mut missing = Vec::new();
    for some in asked.chunks(AT_ONCE) {
        let there = cache.has(some)?;
        missing.extend(some.iter().zip(there).filter(|(_, there)| !there).map(|(digest, _)| *digest));
    }
    Ok(missing)
}

/// A file in memory with these bytes.
///
/// # Errors
/// When there is no memory for it.
pub fn in_memory(parts: &[&[u8]]) -> Result<std::fs::File, Trouble> {
    let file = rustix::fs::memfd_create("upload", rustix::fs::MemfdFlags::CLOEXEC);
    let mut file = std::fs::File::from(file.map_err(|error| Trouble::of_file(&error.into()))?);
    for part in parts {
        file.write_all(part).map_err(|error| Trouble::of_file(&error))?;
    }
    Ok(file)
}

#[tonic::async_trait]
impl api::content_addressable_storage_server::ContentAddressableStorage for Contents {
    type GetTreeStream = ReceiverStream<Result<api::GetTreeResponse, Status>>;
    type GetChunkMappingStream = ReceiverStream<Result<api::GetChunkMappingResponse, Status>>;

    async fn find_missing_blobs(
        &self,
        request: Request<api::FindMissingBlobsRequest>,
    ) -> Result<Response<api::FindMissingBlobsResponse>, Status> {
        let request = request.into_inner();
        let function = Function::of_field(request.digest_function)?;
        let digests = request.blob_digests.iter().map(|it| Digest::of(function, Some(it)));
        let digests: Vec<Digest> = digests.collect::<Result<_, _>>()?;
        let cache = self.0.cache.clone();
        let missing = blocking(move || Ok(missing(&*cache, &digests)?)).await?;
        let missing_blob_digests = missing.iter().map(Digest::message).collect();
        Ok(Response::new(api::FindMissingBlobsResponse { missing_blob_digests }))
    }

    async fn batch_update_blobs(
        &self,
        request: Request<api::BatchUpdateBlobsRequest>,
    ) -> Result<Response<api::BatchUpdateBlobsResponse>, Status> {
        require_writer(request.extensions())?;
        let request = request.into_inner();
        let function = Function::of_field(request.digest_function)?;
        let size: usize = request.requests.iter().map(|it| it.data.len()).sum();
        if size > MAX_BATCH {
            return Err(too_large(size as u64));
        }
        let shared = self.0.clone();
        let responses = blocking(move || {
            let responses = update(&*shared.cache, function, request.requests)?;
            shared.metrics.received.inc_by(size as u64);
            Ok(responses)
        });
        Ok(Response::new(api::BatchUpdateBlobsResponse { responses: responses.await? }))
    }

    async fn batch_read_blobs(
        &self,
        request: Request<api::BatchReadBlobsRequest>,
    ) -> Result<Response<api::BatchReadBlobsResponse>, Status> {
        let request = request.into_inner();
        let function = Function::of_field(request.digest_function)?;
        let digests = request.digests.iter().map(|it| Digest::of(function, Some(it)));
        let digests: Vec<Digest> = digests.collect::<Result<_, _>>()?;
        let size = digests.iter().fold(0_u64, |size, it| size.saturating_add(it.size));
        if size > MAX_BATCH as u64 {
            return Err(too_large(size));
        }
        let shared = self.0.clone();
        let responses = blocking(move || {
            let found = shared.cache.read_all(&digests)?;
            let response = |(digest, data): (&Digest, Option<Vec<u8>>)| {
                let data = data.or_else(|| digest.is_empty().then(Vec::new));
                let status = match &data {
                    Some(_) => Status::ok(""),
                    None => Status::not_found("the cache has no such blob"),
                };
                let data = data.unwrap_or_default();
                shared.metrics.sent.inc_by(data.len() as u64);
                api::batch_read_blobs_response::Response {
                    digest: Some(digest.message()),
                    data,
                    compressor: 0,
                    status: Some(status_message(&status)),
                }
            };
            Ok(digests.iter().zip(found).map(response).collect())
        });
        Ok(Response::new(api::BatchReadBlobsResponse { responses: responses.await? }))
    }

    async fn get_tree(
        &self,
        request: Request<api::GetTreeRequest>,
    ) -> Result<Response<Self::GetTreeStream>, Status> {
        let place = Streams::take(request.extensions(), self.0.stall).await?;
        let request = request.into_inner();
        if !request.page_token.is_empty() {
            return Err(Status::invalid_argument(
                "there is no such page: all directories come in one stream",
            ));
        }
        let function = Function::of_field(request.digest_function)?;
        let root = Digest::of(function, request.root_digest.as_ref())?;
        let cache = self.0.cache.clone();
        Ok(Response::new(streamed(place, self.0.stall, move |client| {
            tree(&*cache, root, &mut |directories| {
                let response = api::GetTreeResponse { directories, next_page_token: String::new() };
                client.give(response).map_err(|_| Trouble::Gone.into())
            })
        })))
    }

    async fn split_blob(
        &self,
        _: Request<api::SplitBlobRequest>,
    ) -> Result<Response<api::SplitBlobResponse>, Status> {
        Err(Status::unimplemented("blobs are not split"))
    }

    async fn get_chunk_mapping(
        &self,
        _: Request<api::GetChunkMappingRequest>,
    ) -> Result<Response<Self::GetChunkMappingStream>, Status> {
        Err(Status::unimplemented("blobs are not split"))
    }

    async fn splice_blob(
        &self,
        _: Request<api::SpliceBlobRequest>,
    ) -> Result<Response<api::SpliceBlobResponse>, Status> {
        Err(Status::unimplemented("blobs are not spliced"))
    }

    async fn register_chunk_mapping(
        &self,
        _: Request<tonic::Streaming<api::RegisterChunkMappingRequest>>,
    ) -> Result<Response<api::RegisterChunkMappingResponse>, Status> {
        Err(Status::unimplemented("blobs are not spliced"))
    }
}

fn too_large(size: u64) -> Status {
    Status::invalid_argument(format!(
        "the blobs of the batch have {size} bytes, and at most {MAX_BATCH} may be in one"
    ))
}

/// Stores the blobs of a batch that are what their digests say, and tells of each.
fn update(
    cache: &dyn Cache,
    function: Function,
    requests: Vec<api::batch_update_blobs_request::Request>,
) -> Result<Vec<api::batch_update_blobs_response::Response>, Status> {
    let mut right: HashMap<Digest, usize> = HashMap::new();
    let mut statuses = Vec::with_capacity(requests.len());
    for (at, request) in requests.iter().enumerate() {
        statuses.push(match checked(function, request) {
            Ok(digest) => {
                right.entry(digest).or_insert(at);
                Status::ok("")
            }
            Err(status) => status,
        });
    }
    let (names, parts): (Vec<Digest>, Vec<&[u8]>) =
        right.iter().filter(|(it, _)| !it.is_empty()).map(|(it, at)| (*it, &*requests[*at].data)).unzip();
    if !names.is_empty() {
        match cache.take(&in_memory(&parts)?, &names, None) {
            Ok(()) => {}
            Err(full @ Trouble::Full { .. }) => {
                let full = Status::from(full);
                statuses
                    .iter_mut()
                    .filter(|it| it.code() == tonic::Code::Ok)
                    .for_each(|it| *it = full.clone());
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    let response = |(request, status): (api::batch_update_blobs_request::Request, Status)| {
        api::batch_update_blobs_response::Response {
            digest: request.digest,
            status: Some(status_message(&status)),
        }
    };
    Ok(requests.into_iter().zip(statuses).map(response).collect())
}

fn checked(function: Function, request: &api::batch_update_blobs_request::Request) -> Result<Digest, Status> {
    if request.compressor != i32::from(api::compressor::Value::Identity) {
        return Err(Status::invalid_argument("blobs of a batch are not compressed"));
    }
    let digest = Digest::of(function, request.digest.as_ref())?;
    match function.digest(&request.data) == digest {
        true => Ok(digest),
        false => Err(Trouble::Differs { at: 0 }.into()),
    }
}
