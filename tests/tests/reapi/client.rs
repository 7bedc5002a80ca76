//! A client of the tests' own: each call waits for its answer.

use bazel_remote_apis::build::bazel::remote::execution::v2 as api;
use bazel_remote_apis::google::bytestream as stream;
use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::digest;

pub struct Client {
    runtime: Runtime,
    channel: Channel,
    token: Option<String>,
    /// The instance that it names.
    pub instance: String,
    /// The digest function that it names.
    pub function: i32,
}

type Answer<T> = Result<T, Status>;

impl Client {
    pub fn new(host: &str, token: Option<&str>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let channel = Channel::from_shared(format!("http://{host}")).unwrap();
        let channel = runtime.block_on(async { channel.connect_lazy() });
        Self { runtime, channel, token: token.map(str::to_owned), instance: String::new(), function: 0 }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    fn contents(&self) -> api::content_addressable_storage_client::ContentAddressableStorageClient<Channel> {
        api::content_addressable_storage_client::ContentAddressableStorageClient::new(self.channel.clone())
    }

    fn results(&self) -> api::action_cache_client::ActionCacheClient<Channel> {
        api::action_cache_client::ActionCacheClient::new(self.channel.clone())
    }

    fn bytes(&self) -> ByteStreamClient<Channel> {
        ByteStreamClient::new(self.channel.clone())
    }

    pub fn capabilities(&self) -> Answer<api::ServerCapabilities> {
        let mut client = api::capabilities_client::CapabilitiesClient::new(self.channel.clone());
        let request = self.request(api::GetCapabilitiesRequest { instance_name: self.instance.clone() });
        self.runtime.block_on(client.get_capabilities(request)).map(tonic::Response::into_inner)
    }

    pub fn missing(&self, digests: &[api::Digest]) -> Answer<Vec<api::Digest>> {
        let request = self.request(api::FindMissingBlobsRequest {
            instance_name: self.instance.clone(),
            blob_digests: digests.to_vec(),
            digest_function: self.function,
        });
        let answer = self.runtime.block_on(self.contents().find_missing_blobs(request));
        answer.map(|it| it.into_inner().missing_blob_digests)
    }

    /// The code of each blob.
    pub fn update(&self, blobs: &[(api::Digest, &[u8])]) -> Answer<Vec<Code>> {
        let one = |(digest, data): &(api::Digest, &[u8])| api::batch_update_blobs_request::Request {
            digest: Some(digest.clone()),
            data: data.to_vec(),
            compressor: 0,
        };
        let request = self.request(api::BatchUpdateBlobsRequest {
            instance_name: self.instance.clone(),
            requests: blobs.iter().map(one).collect(),
            digest_function: self.function,
        });
        let answer = self.runtime.block_on(self.contents().batch_update_blobs(request))?.into_inner();
        Ok(answer.responses.into_iter().map(|it| it.status.unwrap_or_default().code.into()).collect())
    }

    /// Stores a blob that must be taken; its digest.
    #[track_caller]
    pub fn put(&self, bytes: &[u8]) -> api::Digest {
        let digest = digest(bytes);
        assert_eq!(self.update(&[(digest.clone(), bytes)]).unwrap(), [Code::Ok]);
        digest
    }

    #[track_caller]
    pub fn has(&self, digest: &api::Digest) -> bool {
        self.missing(std::slice::from_ref(digest)).unwrap().is_empty()
    }

    pub fn read_all(&self, digests: &[api::Digest]) -> Answer<Vec<Result<Vec<u8>, Code>>> {
        let request = self.request(api::BatchReadBlobsRequest {
            instance_name: self.instance.clone(),
            digests: digests.to_vec(),
            acceptable_compressors: Vec::new(),
            digest_function: self.function,
        });
        let answer = self.runtime.block_on(self.contents().batch_read_blobs(request))?.into_inner();
        let one = |it: api::batch_read_blobs_response::Response| match it.status.unwrap_or_default().code {
            0 => Ok(it.data),
            code => Err(code.into()),
        };
        Ok(answer.responses.into_iter().map(one).collect())
    }

    pub fn tree(&self, root: &api::Digest) -> Answer<Vec<api::Directory>> {
        let request = self.request(api::GetTreeRequest {
            instance_name: self.instance.clone(),
            root_digest: Some(root.clone()),
            digest_function: self.function,
            ..api::GetTreeRequest::default()
        });
        self.runtime.block_on(async {
            let mut stream = self.contents().get_tree(request).await?.into_inner();
            let mut all = Vec::new();
            while let Some(part) = stream.next().await {
                all.extend(part?.directories);
            }
            Ok(all)
        })
    }

    pub fn result(&self, action: &api::Digest) -> Answer<api::ActionResult> {
        let request = self.request(api::GetActionResultRequest {
            instance_name: self.instance.clone(),
            action_digest: Some(action.clone()),
            digest_function: self.function,
            ..api::GetActionResultRequest::default()
        });
        self.runtime.block_on(self.results().get_action_result(request)).map(tonic::Response::into_inner)
    }

    pub fn put_result(&self, action: &api::Digest, result: &api::ActionResult) -> Answer<api::ActionResult> {
        let request = self.request(api::UpdateActionResultRequest {
            instance_name: self.instance.clone(),
            action_digest: Some(action.clone()),
            action_result: Some(result.clone()),
            digest_function: self.function,
            ..api::UpdateActionResultRequest::default()
        });
        self.runtime.block_on(self.results().update_action_result(request)).map(tonic::Response::into_inner)
    }

    pub fn read(&self, name: &str, read_offset: i64, read_limit: i64) -> Answer<Vec<u8>> {
        let request =
            self.request(stream::ReadRequest { resource_name: name.to_owned(), read_offset, read_limit });
        self.runtime.block_on(async {
            let mut stream = self.bytes().read(request).await?.into_inner();
            let mut all = Vec::new();
            while let Some(part) = stream.next().await {
                all.extend(part?.data);
            }
            Ok(all)
        })
    }

    /// Writes the pieces one after the other from an offset on, and says that it was all if `finish`.
    pub fn write(&self, name: &str, offset: i64, pieces: &[&[u8]], finish: bool) -> Answer<i64> {
        let mut at = offset;
        let mut messages = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            messages.push(stream::WriteRequest {
                resource_name: if number == 0 { name.to_owned() } else { String::new() },
                write_offset: at,
                finish_write: finish && number + 1 == pieces.len(),
                data: piece.to_vec(),
            });
            at += i64::try_from(piece.len()).unwrap();
        }
        self.write_messages(messages)
    }

    pub fn write_messages(&self, messages: Vec<stream::WriteRequest>) -> Answer<i64> {
        let request = self.request(tokio_stream::iter(messages));
        let answer = self.runtime.block_on(self.bytes().write(request));
        answer.map(|it| it.into_inner().committed_size)
    }

    /// Begins to write, and breaks the connection after the pieces.
    pub fn write_and_break(self, name: &str, pieces: &[&[u8]]) {
        let (to, messages) = tokio::sync::mpsc::channel(100);
        let request = self.request(tokio_stream::wrappers::ReceiverStream::new(messages));
        let mut client = self.bytes();
        self.runtime.spawn(async move { client.write(request).await });
        let mut at = 0;
        for piece in pieces {
            let message = stream::WriteRequest {
                resource_name: name.to_owned(),
                write_offset: at,
                finish_write: false,
                data: piece.to_vec(),
            };
            self.runtime.block_on(to.send(message)).unwrap();
            at += i64::try_from(piece.len()).unwrap();
        }
        stele_tests::wait_for("what was sent to arrive", || self.written(name).unwrap() == (at, false));
        self.runtime.shutdown_background();
    }

    /// How many bytes are committed, and whether that is all.
    pub fn written(&self, name: &str) -> Answer<(i64, bool)> {
        let request = self.request(stream::QueryWriteStatusRequest { resource_name: name.to_owned() });
        let answer = self.runtime.block_on(self.bytes().query_write_status(request))?.into_inner();
        Ok((answer.committed_size, answer.complete))
    }
}
