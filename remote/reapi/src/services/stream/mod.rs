//! Blobs of any size as streams of bytes, to read and to write.

mod spool;
mod upload;
mod uploads;

use std::io::{self, Write};
use std::sync::Arc;

use bazel_remote_apis::google::bytestream as api;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Shared;
use super::blocking::{Client, Streams, blocking, streamed};
use crate::cache::Trouble;
use crate::resource::{Download, Packing, Upload};
use uploads::Uploads;

/// How many bytes a message has at most.
const PIECE: usize = 256 << 10;
/// How hard zstd tries.
const LEVEL: i32 = 1;

/// The service.
pub struct Bytes {
    shared: Shared,
    uploads: Arc<Uploads>,
}

impl Bytes {
    pub fn new(shared: Shared) -> Self {
        Self { shared, uploads: Arc::default() }
    }
}

#[tonic::async_trait]
impl api::byte_stream_server::ByteStream for Bytes {
    type ReadStream = ReceiverStream<Result<api::ReadResponse, Status>>;

    async fn read(&self, request: Request<api::ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let place = Streams::take(request.extensions(), self.shared.stall).await?;
        let api::ReadRequest { resource_name, read_offset, read_limit } = request.into_inner();
        let Download { packing, digest, .. } = Download::parse(&resource_name)?;
        let first =
            u64::try_from(read_offset).ok().filter(|first| *first <= digest.size).ok_or_else(|| {
                Status::out_of_range(format!("the blob has {} bytes, and none at {read_offset}", digest.size))
            })?;
        let limit = u64::try_from(read_limit)
            .map_err(|_| Status::invalid_argument("a limit of bytes is not negative"))?;
        if packing == Packing::Zstd && limit > 0 {
            return Err(Status::invalid_argument("compressed bytes are not limited in number"));
        }
        let left = digest.size - first;
        let part = Part { first, length: if limit == 0 { left } else { limit.min(left) }, packing };
        let shared = self.shared.clone();
        Ok(Response::new(streamed(place, self.shared.stall, move |client| {
            part.send(&shared, &digest, client)
        })))
    }

    async fn write(
        &self,
        request: Request<Streaming<api::WriteRequest>>,
    ) -> Result<Response<api::WriteResponse>, Status> {
        super::require_writer(request.extensions())?;
        let committed_size = upload::write(&self.shared, &self.uploads, request.into_inner()).await?;
        Ok(Response::new(api::WriteResponse { committed_size }))
    }

    async fn query_write_status(
        &self,
        request: Request<api::QueryWriteStatusRequest>,
    ) -> Result<Response<api::QueryWriteStatusResponse>, Status> {
        let name = request.into_inner().resource_name;
        let Upload { digest, packing, .. } = Upload::parse(&name)?;
        let cache = self.shared.cache.clone();
        let there = blocking(move || Ok(digest.is_empty() || cache.has(&[digest])? == [true])).await?;
        let committed = match there {
            true if packing == Packing::Zstd => -1,
            true => i64::try_from(digest.size).unwrap_or(i64::MAX),
            false => self.uploads.written(&name),
        };
        Ok(Response::new(api::QueryWriteStatusResponse { committed_size: committed, complete: there }))
    }
}

/// A part of a blob.
struct Part {
    first: u64,
    length: u64,
    packing: Packing,
}

impl Part {
    fn send(
        &self,
        shared: &Shared,
        digest: &crate::Digest,
        client: &Client<api::ReadResponse>,
    ) -> Result<(), Status> {
        let pieces = Pieces { client, shared };
        match self.packing {
            Packing::Identity => self.pass(shared, digest, client, pieces).map(drop),
            Packing::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(pieces, LEVEL);
                let encoder = encoder.map_err(|error| Trouble::of_file(&error))?;
                let encoder = self.pass(shared, digest, client, encoder)?;
                encoder.finish().map(drop).map_err(|_| Trouble::Gone.into())
            }
        }
    }

    /// Reads the part, compares its length, and passes it on.
    fn pass<W: Write + Send>(
        &self,
        shared: &Shared,
        digest: &crate::Digest,
        client: &Client<api::ReadResponse>,
        mut to: W,
    ) -> Result<W, Status> {
        if digest.is_empty() {
            return Ok(to);
        }
        let mut came = 0;
        let found = shared.cache.read(digest, self.first, self.length, &mut |bytes| {
            client.check()?;
            came += bytes.len() as u64;
            to.write_all(bytes)
        });
        match found? {
            false => Err(Status::not_found("the cache has no such blob")),
            true if came != self.length => Err(Status::data_loss("the blob is damaged")),
            true => Ok(to),
        }
    }
}

/// Sends what is written as messages.
struct Pieces<'a> {
    client: &'a Client<api::ReadResponse>,
    shared: &'a Shared,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.client.give(api::ReadResponse { data: piece.to_vec() })?;
        self.shared.metrics.sent.inc_by(piece.len() as u64);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
