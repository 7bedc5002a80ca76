//! The server: what it does with each message.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender};

use lsp_types::{
    CompletionOptions, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DidSaveTextDocumentParams, DocumentFormattingParams, HoverProviderCapability, InitializeResult, OneOf,
    PublishDiagnosticsParams, SaveOptions, ServerCapabilities, ServerInfo, TextDocumentPositionParams,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, Uri,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::address::uri_of;
use super::checks::Checks;
use super::diagnostics::{self, ByFile};
use super::documents::{Document, Documents};
use super::wire::{
    self, Call, CallError, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, NOT_INITIALIZED,
};
use super::{answers, completion};
use stele::failure::Failure;
use stele::recipes::Evaluated;

/// What happens.
pub enum Event {
    /// The editor sent a message.
    Message(Vec<u8>),
    /// What the editor sent is not a message.
    Broken(Failure),
    /// The editor closed stdin.
    Closed,
    /// A recipe tree was evaluated.
    Checked {
        /// The recipe tree.
        tree: PathBuf,
        /// Its problems, or why there was no evaluation.
        outcome: Result<Evaluated, Failure>,
    },
}

/// How far the editor is in the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
}

/// The state.
pub struct Server<W> {
    editor: W,
    phase: Phase,
    documents: Documents,
    checks: Checks,
    /// What the last evaluations showed, by recipe tree.
    evaluated: BTreeMap<PathBuf, ByFile>,
    /// The addresses of files whose errors are to be published.
    pending: BTreeSet<String>,
}

/// A severity of messages to the user.
const ERROR: u8 = 1;
const LOG: u8 = 4;

impl<W: Write> Server<W> {
    /// A server that writes to `editor`, and sends itself `events`.
    pub fn new(events: SyncSender<Event>, editor: W) -> Self {
        Self {
            editor,
            phase: Phase::New,
            documents: Documents::default(),
            checks: Checks::new(events),
            evaluated: BTreeMap::new(),
            pending: BTreeSet::new(),
        }
    }

    /// Serves until the end.
    ///
    /// # Errors
    /// When the editor sends what is no message, or stdout cannot be written.
    pub fn run(mut self, events: &Receiver<Event>) -> Result<ExitCode, Failure> {
        loop {
            let event = match events.try_recv() {
                Ok(event) => event,
                Err(_) => {
                    // Only when nothing more waits: who types fast sends many changes.
                    if let Err(error) = self.publish() {
                        return gone(&error);
                    }
                    let Ok(event) = events.recv() else { return Ok(ExitCode::SUCCESS) };
                    event
                }
            };
            let written = match event {
                Event::Closed => return Ok(ExitCode::SUCCESS),
                Event::Broken(failure) => return Err(failure),
                Event::Checked { tree, outcome } => self.checked(tree, outcome),
                Event::Message(message) => match Call::parse(&message) {
                    Ok(Some(Call { id: None, method, .. })) if method == "exit" => {
                        return Ok(match self.phase {
                            Phase::ShutDown => ExitCode::SUCCESS,
                            Phase::New | Phase::Running => ExitCode::FAILURE,
                        });
                    }
                    Ok(Some(call)) => self.called(call),
                    Ok(None) => Ok(()),
                    Err((id, error)) => self.send(&wire::answer(&id, Err(error))),
                },
            };
            if let Err(error) = written {
                return gone(&error);
            }
        }
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        wire::write(&mut self.editor, message)
    }

    fn called(&mut self, Call { id, method, params }: Call) -> io::Result<()> {
        let Some(id) = id else {
            // A notification has no answer, not even when it cannot be understood.
            if self.phase == Phase::Running
                && let Err(CallError { message, .. }) = self.notified(&method, params)
            {
                return self.tell("window/logMessage", ERROR, &format!("{method}: {message}"));
            }
            return Ok(());
        };
        let result = match (self.phase, method.as_str()) {
            (Phase::New, "initialize") => {
                self.phase = Phase::Running;
                Ok(json!(capabilities()))
            }
            (Phase::New, _) => Err(CallError::new(NOT_INITIALIZED, "`initialize` comes first")),
            (Phase::ShutDown, _) => Err(CallError::new(INVALID_REQUEST, "after `shutdown` comes `exit`")),
            (Phase::Running, "initialize") => Err(CallError::new(INVALID_REQUEST, "it is initialized")),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, method) => self.asked(method, params),
        };
        self.send(&wire::answer(&id, result))
    }

    /// Answers a request about a document.
    fn asked(&self, method: &str, params: Value) -> Result<Value, CallError> {
        let documents = &self.documents;
        // What the other parameters say is of no use here.
        let at = |params| -> Result<_, CallError> {
            let TextDocumentPositionParams { text_document, position } = read(params)?;
            Ok((documents.get(&text_document.uri), position))
        };
        match method {
            "textDocument/hover" => {
                let (document, position) = at(params)?;
                Ok(json!(document.and_then(|it| answers::hover(documents, it, position))))
            }
            "textDocument/definition" => {
                let (document, position) = at(params)?;
                Ok(json!(document.and_then(|it| answers::definition(documents, it, position))))
            }
            "textDocument/completion" => {
                let (document, position) = at(params)?;
                Ok(json!(document.map(|it| completion::complete(documents, it, position))))
            }
            "textDocument/formatting" => {
                let params: DocumentFormattingParams = read(params)?;
                Ok(json!(documents.get(&params.text_document.uri).map(answers::formatted)))
            }
            _ => Err(CallError::new(METHOD_NOT_FOUND, format!("`{method}` is not supported"))),
        }
    }

    fn notified(&mut self, method: &str, params: Value) -> Result<(), CallError> {
        match method {
            "textDocument/didOpen" => {
                let DidOpenTextDocumentParams { text_document: it } = read(params)?;
                self.pending.insert(it.uri.as_str().to_owned());
                self.documents.open(it.uri.clone(), it.version, it.text);
                let file = self.documents.get(&it.uri).and_then(|document| document.file.clone());
                if let Some(file) = file {
                    self.checks.request(&file.tree);
                }
            }
            "textDocument/didChange" => {
                let DidChangeTextDocumentParams { text_document: it, content_changes } = read(params)?;
                // Each is the whole text, as the capabilities demand.
                let text = content_changes.into_iter().rfind(|change| change.range.is_none());
                let text =
                    text.ok_or_else(|| CallError::new(INVALID_PARAMS, "a change without the whole text"))?;
                self.documents.change(&it.uri, it.version, text.text);
                self.pending.insert(it.uri.as_str().to_owned());
            }
            "textDocument/didSave" => {
                let DidSaveTextDocumentParams { text_document: it, .. } = read(params)?;
                self.pending.insert(it.uri.as_str().to_owned());
                if let Some(tree) = self.documents.save(&it.uri) {
                    self.checks.request(&tree);
                }
            }
            "textDocument/didClose" => {
                let DidCloseTextDocumentParams { text_document: it } = read(params)?;
                if let Some(Document { path, uri, .. }) = self.documents.close(&it.uri) {
                    // What is on disk may still have errors. Its own address may be another than the editor's.
                    let on_disk = path.as_deref().and_then(uri_of);
                    self.pending.extend(on_disk.map(|it| it.as_str().to_owned()));
                    self.pending.insert(uri.as_str().to_owned());
                }
            }
            // `initialized`, `$/cancelRequest` and the like.
            _ => {}
        }
        Ok(())
    }

    fn checked(&mut self, tree: PathBuf, outcome: Result<Evaluated, Failure>) -> io::Result<()> {
        if !self.checks.ended(&tree) {
            return Ok(());
        }
        let evaluated = match outcome {
            Ok(evaluated) => evaluated,
            Err(failure) => return self.tell("window/showMessage", ERROR, &failure.message),
        };
        for line in &evaluated.printed {
            self.tell("window/logMessage", LOG, line)?;
        }
        let (by_file, elsewhere) = diagnostics::of_problems(&tree, &evaluated.problems);
        for message in elsewhere {
            self.tell("window/showMessage", ERROR, &message)?;
        }
        let concerned = |by_file: &ByFile| by_file.keys().cloned().collect::<BTreeSet<_>>();
        let mut paths = concerned(&by_file);
        let before = self.evaluated.insert(tree, by_file);
        paths.extend(before.as_ref().map(concerned).unwrap_or_default());
        for path in paths {
            let open = self.documents.at(&path).map(|open| open.uri.clone());
            self.pending.extend(open.or_else(|| uri_of(&path)).map(|uri| uri.as_str().to_owned()));
        }
        Ok(())
    }

    /// Publishes the errors of the files that are pending.
    fn publish(&mut self) -> io::Result<()> {
        for address in std::mem::take(&mut self.pending) {
            let Ok(uri) = address.parse::<Uri>() else { continue };
            let document = self.documents.get(&uri);
            let version = document.and_then(|it| it.version);
            let mut found = document.map(diagnostics::of_text).unwrap_or_default();
            // An error of the text on disk is at another place of the one that is being written.
            if document.is_none_or(|it| !it.unsaved)
                && let Some(path) = super::address::path_of(&uri)
                && (document.is_some() || self.documents.at(&path).is_none())
            {
                let evaluated = self.evaluated.values().filter_map(|by_file| by_file.get(&path)).flatten();
                for diagnostic in evaluated {
                    if !found.iter().any(|it| diagnostics::is_same(it, diagnostic)) {
                        found.push(diagnostic.clone());
                    }
                }
            }
            let params = json!(PublishDiagnosticsParams::new(uri, found, version));
            self.send(&wire::notification("textDocument/publishDiagnostics", &params))?;
        }
        Ok(())
    }

    fn tell(&mut self, method: &str, severity: u8, message: &str) -> io::Result<()> {
        self.send(&wire::notification(method, &json!({ "type": severity, "message": message })))
    }
}

/// Nothing can be written: without an editor there is nothing to do.
fn gone(error: &io::Error) -> Result<ExitCode, Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        _ => Err(Failure::unwritten(error)),
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, CallError> {
    serde_json::from_value(params).map_err(|e| CallError::new(INVALID_PARAMS, e.to_string()))
}

/// What this server can do.
fn capabilities() -> InitializeResult {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::FULL),
        save: Some(SaveOptions { include_text: Some(false) }.into()),
        ..TextDocumentSyncOptions::default()
    };
    let completion = CompletionOptions {
        trigger_characters: Some(["(", "\"", "'", "/", "@"].map(str::to_owned).to_vec()),
        ..CompletionOptions::default()
    };
    let capabilities = ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        completion_provider: Some(completion),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    };
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    let server_info = Some(ServerInfo { name: "stele".to_owned(), version });
    InitializeResult { capabilities, server_info }
}
