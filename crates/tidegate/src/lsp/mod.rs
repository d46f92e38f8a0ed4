//! `tidegate lsp`: a language server over standard input and output.
//!
//! It decides nothing: what is wrong comes from the check, what is offered and told from `trafficscript::assist`, the
//! layout from `trafficscript::fmt`. The framing is our own: the library's ends at the first thing that is no message,
//! and takes as much memory as a message says it needs.

mod answers;
mod documents;
mod wire;

use crate::verdict::Verdict;
use documents::Documents;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CompletionOptions, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DidSaveTextDocumentParams, DocumentFormattingParams, DocumentSymbolParams, HoverProviderCapability,
    InitializeResult, OneOf, PublishDiagnosticsParams, ServerCapabilities, ServerInfo, SignatureHelpOptions,
    TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions,
    TextDocumentSyncSaveOptions, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufReader, Write};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, sync_channel};
use wire::Incoming;

/// Messages that are read ahead; more wait in the pipe.
const READ_AHEAD_MAX: usize = 256;

/// Speaks with an editor until it says `exit`, or goes.
pub(crate) fn run() -> anyhow::Result<Verdict> {
    let (tell, told) = sync_channel(READ_AHEAD_MAX);
    // Read beside the work, so that what was cancelled need not be done.
    std::thread::spawn(move || {
        let mut stream = BufReader::new(std::io::stdin());
        while let Ok(Some(incoming)) = wire::read(&mut stream) {
            if tell.send(incoming).is_err() {
                return;
            }
        }
    });
    let mut server = Server::new(std::io::stdout());
    server.serve(&told)?;
    Ok(if server.phase == Phase::Ended { Verdict::Good } else { Verdict::Failed })
}

/// How far the conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody has said `initialize`.
    New,
    Working,
    /// After `shutdown`: only `exit` may come.
    ShutDown,
    /// After `exit`, in good order.
    Ended,
    /// After `exit`, without `shutdown`.
    BrokenOff,
}

struct Server<W> {
    out: W,
    phase: Phase,
    documents: Documents,
    /// What was read and is not worked on yet.
    queue: VecDeque<Incoming>,
    cancelled: BTreeSet<RequestId>,
    /// Documents whose diagnostics are not told yet.
    stale: BTreeSet<String>,
}

/// Why a request has no result: a code of the protocol, and words.
type Refusal = (ErrorCode, String);

impl<W: Write> Server<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            phase: Phase::New,
            documents: Documents::default(),
            queue: VecDeque::new(),
            cancelled: BTreeSet::new(),
            stale: BTreeSet::new(),
        }
    }

    fn serve(&mut self, told: &Receiver<Incoming>) -> std::io::Result<()> {
        while !matches!(self.phase, Phase::Ended | Phase::BrokenOff) {
            while let Ok(incoming) = told.try_recv() {
                self.note(incoming);
            }
            if let Some(incoming) = self.queue.pop_front() {
                self.take(incoming)?;
            } else if let Some(uri) = self.stale.pop_first() {
                // Only now: while somebody types, each text is out of date before it is checked.
                self.publish(&uri)?;
            } else {
                self.cancelled.clear();
                match told.recv() {
                    Ok(incoming) => self.note(incoming),
                    Err(_) => return Ok(()),
                }
            }
        }
        Ok(())
    }

    /// Puts a message into the queue; what it cancels is noted at once.
    fn note(&mut self, incoming: Incoming) {
        if let Incoming::Message(Message::Notification(notification)) = &incoming
            && notification.method == "$/cancelRequest"
        {
            let id = notification.params.get("id").cloned().and_then(|id| serde_json::from_value(id).ok());
            self.cancelled.extend(id);
            return;
        }
        self.queue.push_back(incoming);
    }

    fn take(&mut self, incoming: Incoming) -> std::io::Result<()> {
        match incoming {
            Incoming::Garbage(what) => self
                .notify("window/logMessage", &json!({ "type": 2, "message": format!("tidegate: {what}") })),
            Incoming::Message(Message::Request(request)) => self.request(request),
            Incoming::Message(Message::Notification(notification)) => {
                self.notification(notification);
                Ok(())
            }
            // Nothing is ever asked of the editor.
            Incoming::Message(Message::Response(_)) => Ok(()),
        }
    }

    fn send(&mut self, message: &Message) -> std::io::Result<()> {
        message.write(&mut self.out)
    }

    fn notify(&mut self, method: &str, params: &impl Serialize) -> std::io::Result<()> {
        let params = serde_json::to_value(params).unwrap_or(Value::Null);
        self.send(&Message::Notification(Notification { method: method.to_owned(), params }))
    }

    fn request(&mut self, request: Request) -> std::io::Result<()> {
        let id = request.id.clone();
        let phase = self.phase;
        let result = match phase {
            _ if self.cancelled.remove(&id) => {
                Err((ErrorCode::RequestCanceled, "the request was cancelled".to_owned()))
            }
            Phase::New if request.method == "initialize" => {
                self.phase = Phase::Working;
                Ok(json!(capabilities()))
            }
            Phase::New => Err((ErrorCode::ServerNotInitialized, "`initialize` comes first".to_owned())),
            Phase::Working => self.answer(request),
            _ => Err((ErrorCode::InvalidRequest, "the server is shut down".to_owned())),
        };
        let response = match result {
            Ok(value) => Response::new_ok(id, value),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        };
        self.send(&Message::Response(response))
    }

    fn answer(&mut self, request: Request) -> Result<Value, Refusal> {
        let documents = &self.documents;
        let params = request.params;
        match request.method.as_str() {
            "shutdown" => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            "initialize" => Err((ErrorCode::InvalidRequest, "`initialize` comes once".to_owned())),
            "textDocument/completion" => at(params, documents, answers::completion),
            "textDocument/hover" => at(params, documents, answers::hover),
            "textDocument/signatureHelp" => at(params, documents, answers::signature),
            "textDocument/definition" => at(params, documents, answers::definition),
            "textDocument/documentSymbol" => {
                let params: DocumentSymbolParams = parse(params)?;
                let document = documents.get(params.text_document.uri.as_str());
                Ok(json!(document.map(answers::symbols)))
            }
            "textDocument/formatting" => {
                let params: DocumentFormattingParams = parse(params)?;
                let document = documents.get(params.text_document.uri.as_str());
                Ok(json!(document.and_then(answers::formatting)))
            }
            other => Err((ErrorCode::MethodNotFound, format!("`{other}` is not known here"))),
        }
    }

    /// One that cannot be read is passed over, as the protocol wants it.
    fn notification(&mut self, notification: Notification) {
        let params = notification.params;
        match notification.method.as_str() {
            "exit" => {
                self.phase = if self.phase == Phase::ShutDown { Phase::Ended } else { Phase::BrokenOff };
            }
            _ if self.phase != Phase::Working => {}
            "textDocument/didOpen" => {
                if let Ok(DidOpenTextDocumentParams { text_document }) = parse(params) {
                    let uri = text_document.uri.as_str();
                    self.documents.set(uri, text_document.text, Some(text_document.version));
                    self.stale.insert(uri.to_owned());
                }
            }
            "textDocument/didChange" => {
                if let Ok(DidChangeTextDocumentParams { text_document, content_changes }) = parse(params)
                    && let Some(change) = content_changes.into_iter().next_back()
                    && change.range.is_none()
                    && self.documents.get(text_document.uri.as_str()).is_some()
                {
                    let uri = text_document.uri.as_str();
                    self.documents.set(uri, change.text, Some(text_document.version));
                    self.stale.insert(uri.to_owned());
                }
            }
            "textDocument/didSave" => {
                if let Ok(DidSaveTextDocumentParams { text_document, .. }) = parse(params) {
                    self.documents.saved(text_document.uri.as_str());
                    self.stale.insert(text_document.uri.as_str().to_owned());
                }
            }
            "textDocument/didClose" => {
                if let Ok(DidCloseTextDocumentParams { text_document }) = parse(params) {
                    self.documents.close(text_document.uri.as_str());
                    self.stale.insert(text_document.uri.as_str().to_owned());
                }
            }
            _ => {}
        }
    }

    /// Tells what is wrong with a document; of one that was closed, nothing.
    fn publish(&mut self, uri: &str) -> std::io::Result<()> {
        let Ok(shown) = Uri::from_str(uri) else { return Ok(()) };
        let document = self.documents.get(uri);
        let diagnostics =
            document.map(|document| answers::diagnostics(&self.documents, document)).unwrap_or_default();
        let version = document.and_then(|document| document.version);
        let params = PublishDiagnosticsParams { uri: shown, diagnostics, version };
        self.notify("textDocument/publishDiagnostics", &params)
    }
}

fn parse<P: DeserializeOwned>(params: Value) -> Result<P, Refusal> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

/// The answer to a request about a place in a document; nothing where the document is not open.
fn at<T: Serialize + Default>(
    params: Value,
    documents: &Documents,
    answer: fn(&Documents, &documents::Document, lsp_types::Position) -> T,
) -> Result<Value, Refusal> {
    let params: TextDocumentPositionParams = parse(params)?;
    let document = documents.get(params.text_document.uri.as_str());
    Ok(json!(document.map(|document| answer(documents, document, params.position)).unwrap_or_default()))
}

fn capabilities() -> InitializeResult {
    let letters = |letters: &[&str]| Some(letters.iter().map(|letter| (*letter).to_owned()).collect());
    let capabilities = ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: letters(&[".", "$", "\"", "'"]),
            ..CompletionOptions::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: letters(&["(", ","]),
            ..SignatureHelpOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    };
    let version = Some(env!("CARGO_PKG_VERSION").to_owned());
    InitializeResult { capabilities, server_info: Some(ServerInfo { name: "tidegate".to_owned(), version }) }
}
