//! Another store as a substituter: its folder or its socket on this machine.
//!
//! Its answers are bounded in size and time, and shown without control characters. The daemon of the other store is
//! never replaced, and only started when a folder is given and none runs. On a socket another user may listen.

mod asking;
mod forward;
mod running;

use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use stele::Request;
use stele::agreement::{AgreementAnswer, AgreementRequest};
use stele::answers::Answer;
use stele::builds::Realised;
use stele::{Failure, Kind, Peers};
use stele_builder::realise::{ElsewhereError, ElsewhereJob, Substituter, Unavailable};
use stele_store::model::{BlobId, Digest, Sha256, TreeId};
use stele_store::{Outputs, Realisation};

use asking::{Access, Asked, MAX_ANSWER, Waiting, shown};

/// The stores of this machine, each accessed through its own daemon.
pub struct Daemons;

impl Peers for Daemons {
    fn connect(
        &self,
        path: &Path,
        progress: &stele_store::Progress,
    ) -> Result<Box<dyn Substituter>, Failure> {
        Ok(Box::new(Other::connect(path, progress)?))
    }
}

/// A store that is accessed through its own daemon.
struct Other {
    name: String,
    access: Access,
    asked: Asked,
}

impl Other {
    /// The store at `path`: its folder, or its socket.
    ///
    /// # Errors
    /// When there is none, or no daemon answers.
    fn connect(path: &Path, progress: &stele_store::Progress) -> Result<Self, Failure> {
        let access = place(path)?;
        let asked = Asked::begin(access.clone(), MAX_ANSWER)
            .map_err(|e| Failure::io("a thread could not be started", &e))?;
        let other = Self { name: path.display().to_string(), access, asked };
        let outcome = other.asked.ask(None, 0, progress).and_then(Waiting::end);
        let failed = |message: String| Failure::new(Kind::Failed, message);
        match outcome {
            Ok(Ok(_)) => Ok(other),
            // A damaged store or a full disk there does not concern this one.
            Ok(Err(failure)) => Err(Failure {
                hint: failure.hint.as_deref().map(shown),
                ..match failure.kind {
                    Kind::NotFound => Failure::new(Kind::NotFound, shown(&failure.message)),
                    _ => failed(shown(&failure.message)),
                }
            }),
            Err(error) if error.is::<stele_store::Cancelled>() => {
                Err(Failure::new(Kind::Cancelled, error.to_string()))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The answer to a request without content; `None` when its object does not exist.
    fn ask(&self, request: Request, progress: &stele_store::Progress) -> Result<Option<Answer>, Unavailable> {
        match self.asked.ask(Some(request), 0, progress)?.end()? {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(shown(&failure.message).into()),
        }
    }

    fn ask_realised(
        &self,
        of: &Digest,
        progress: &stele_store::Progress,
    ) -> Result<Option<Realised>, Unavailable> {
        match self.ask(Request::Realisation { of: *of }, progress)? {
            Some(Answer::Realised(realised)) => Ok(Some(realised)),
            Some(_) => Err(OTHER.into()),
            None => Ok(None),
        }
    }
}

const OTHER: &str = "its answer does not match the request";

/// What is at a path: a store's folder, or a socket.
fn place(path: &Path) -> Result<Access, Failure> {
    match std::fs::metadata(path).map(|meta| meta.file_type()) {
        Ok(kind) if kind.is_dir() => Ok(Access::Folder(path.to_owned())),
        Ok(kind) if kind.is_socket() => Ok(Access::Socket(path.to_owned())),
        Ok(_) => Err(Failure::new(Kind::Usage, "it is neither the folder of a store nor its socket")),
        Err(e) => {
            let kind = if e.kind() == io::ErrorKind::NotFound { Kind::NotFound } else { Kind::Failed };
            Err(Failure::new(kind, e.to_string()))
        }
    }
}

impl Substituter for Other {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_gone(&self) -> bool {
        self.asked.is_gone()
    }

    fn realised(
        &self,
        of: &Digest,
        progress: &stele_store::Progress,
    ) -> Result<Option<Realisation>, Unavailable> {
        let Some(realised) = self.ask_realised(of, progress)?.filter(|it| !it.gone) else { return Ok(None) };
        let outputs = Outputs(realised.outputs);
        Ok(Some(Realisation { outputs, log: realised.log, ..Realisation::default() }))
    }

    fn remembered(
        &self,
        of: &Digest,
        progress: &stele_store::Progress,
    ) -> Result<Option<Outputs>, Unavailable> {
        Ok(self.ask_realised(of, progress)?.map(|it| Outputs(it.outputs)))
    }

    fn source(
        &self,
        sha256: &Sha256,
        progress: &stele_store::Progress,
    ) -> Result<Option<(BlobId, u64)>, Unavailable> {
        match self.ask(Request::Info { reference: format!("sha256:{sha256}") }, progress)? {
            Some(Answer::Info(info)) => Ok(Some((BlobId(info.digest), info.size))),
            Some(_) => Err(OTHER.into()),
            None => Ok(None),
        }
    }

    fn evidence(&self, of: &Digest, progress: &stele_store::Progress) -> Result<Vec<String>, Unavailable> {
        match self.ask(Request::Agreement { ask: AgreementRequest::About { of: *of } }, progress)? {
            Some(Answer::Agreement(AgreementAnswer::Evidence(evidence))) => {
                Ok(evidence.into_iter().filter_map(|it| it.content).collect())
            }
            Some(_) => Err(OTHER.into()),
            None => Ok(Vec::new()),
        }
    }

    fn tree(&self, id: &TreeId, max: u64, progress: &stele_store::Progress) -> Result<Vec<u8>, Unavailable> {
        let mut text = Vec::new();
        self.asked
            .ask(Some(Request::Cat { reference: id.to_string() }), max, progress)?
            .read_to_end(&mut text)?;
        Ok(text)
    }

    fn blob<'a>(
        &'a self,
        id: &BlobId,
        max: u64,
        progress: &'a stele_store::Progress,
    ) -> Result<Box<dyn Read + 'a>, Unavailable> {
        Ok(Box::new(self.asked.ask(Some(Request::Cat { reference: id.to_string() }), max, progress)?))
    }
    fn run(&self, job: &ElsewhereJob<'_>, progress: &stele_store::Progress) -> Result<(), ElsewhereError> {
        running::run(&self.access, &self.asked, job, progress)
    }
}
