//! Another store as a substituter: its folder or its socket on this machine.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use stele_builder::realise::{Substituter, Unavailable};
use stele_store::model::{BlobId, Digest, Sha256, TreeId};
use stele_store::{Outputs, Realisation};

use crate::client::Client;
use stele::Observer;
use stele::answers::{Answer, Entry, Progress};
use stele::builds::Realised;
use stele::service::Sink;
use stele::{Api, Request};
use stele::{Failure, Kind, Peers};

/// The stores of this machine, each asked through its own daemon.
pub struct Daemons;

impl Peers for Daemons {
    fn connect(&self, path: &Path) -> Result<Box<dyn Substituter>, Failure> {
        Ok(Box::new(Other::connect(path)?))
    }
}

/// A store that is asked through its own daemon.
struct Other {
    name: String,
    client: Mutex<Client>,
}

/// Takes the bytes of an answer.
struct Taken<W>(W);

impl<W: Write + Send> Sink for Taken<W> {
    fn entry(&mut self, _: Entry) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

impl<W: Write + Send> Observer for Taken<W> {
    fn progress(&mut self, _: Progress) {}

    fn note(&mut self, text: &str) {
        tracing::info!("{text}");
    }
}

impl Other {
    /// The store at `path`: its folder, or its socket.
    ///
    /// # Errors
    /// When there is none, or nobody answers for it.
    fn connect(path: &Path) -> Result<Self, Failure> {
        let folder = match path.is_dir() {
            true => path,
            false => path.parent().unwrap_or(path),
        };
        let client = Client::connect(folder, true, &mut Taken(io::sink()))?;
        Ok(Self { name: path.display().to_string(), client: Mutex::new(client) })
    }

    fn ask(&self, request: Request, to: impl Write + Send) -> Result<Answer, Failure> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.ask(request, &mut Taken(to))
    }

    fn ask_realised(&self, of: &Digest) -> Result<Option<Realised>, Unavailable> {
        match self.ask(Request::Realisation { of: of.to_string() }, io::sink()) {
            Ok(Answer::Realised(realised)) => Ok(Some(realised)),
            Ok(_) => Err(OTHER.into()),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(unavailable(failure)),
        }
    }
}

const OTHER: &str = "it answers something else than it was asked";

fn outputs(realised: Realised) -> Result<Outputs, Unavailable> {
    let mut outputs = Outputs::default();
    for (name, tree) in realised.outputs {
        outputs.0.insert(name, tree.parse::<TreeId>()?);
    }
    Ok(outputs)
}

fn unavailable(failure: Failure) -> Unavailable {
    failure.message.into()
}

impl Substituter for Other {
    fn name(&self) -> &str {
        &self.name
    }

    fn realised(&self, of: &Digest) -> Result<Option<Realisation>, Unavailable> {
        let Some(realised) = self.ask_realised(of)?.filter(|it| !it.gone) else { return Ok(None) };
        let log = realised.log.as_ref().and_then(|log| log.parse::<BlobId>().ok());
        Ok(Some(Realisation { outputs: outputs(realised)?, log, ..Realisation::default() }))
    }

    fn remembered(&self, of: &Digest) -> Result<Option<Outputs>, Unavailable> {
        self.ask_realised(of)?.map(outputs).transpose()
    }

    fn source(&self, sha256: &Sha256) -> Result<Option<(BlobId, u64)>, Unavailable> {
        let answer = self.ask(Request::Info { reference: format!("sha256:{sha256}") }, io::sink());
        match answer {
            Ok(Answer::Info(info)) => Ok(Some((info.digest.parse()?, info.size))),
            Ok(_) => Err(OTHER.into()),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(unavailable(failure)),
        }
    }

    fn tree(&self, id: &TreeId) -> Result<Vec<u8>, Unavailable> {
        let mut text = Vec::new();
        self.ask(Request::Cat { reference: id.to_string() }, &mut text).map_err(unavailable)?;
        Ok(text)
    }

    fn blob(&self, id: &BlobId) -> Result<Box<dyn Read>, Unavailable> {
        // On disk, as nobody knows how large it is.
        let mut file = tempfile::tempfile()?;
        self.ask(Request::Cat { reference: id.to_string() }, &mut file).map_err(unavailable)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Box::new(file))
    }
}
