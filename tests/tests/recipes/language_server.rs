//! `recipe lsp`, as an editor meets it: messages in, messages out, and every wait has an end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

/// An evaluation beside many other tests takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server, and what it sent so far.
struct Editor {
    process: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    requests: i64,
}

impl Editor {
    /// The server, before the first message.
    fn start() -> Self {
        let mut command = Command::new(stele_tests::binary());
        command.args(["recipe", "lsp", "--stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if stdout.read_line(&mut line).unwrap() == 0 {
                        return;
                    }
                    match line.trim().split_once(": ") {
                        Some((name, value)) => {
                            assert_eq!(name, "Content-Length");
                            length = value.parse().unwrap();
                        }
                        None => break,
                    }
                }
                let mut bytes = vec![0; length];
                stdout.read_exact(&mut bytes).unwrap();
                if sender.send(serde_json::from_slice(&bytes).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { process, stdin, messages, requests: 0 }
    }

    /// The server, ready.
    fn ready() -> Self {
        let mut editor = Self::start();
        let answer =
            editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} }));
        assert_eq!(answer["capabilities"]["hoverProvider"], true, "{answer}");
        editor.notify("initialized", json!({}));
        editor
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    fn send(&mut self, text: &str) {
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    /// The whole answer to a request.
    #[track_caller]
    fn answer(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        self.wait(|message| message["id"] == id && message.get("method").is_none())
    }

    /// The result of a request.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The next message of a kind; others are dropped.
    #[track_caller]
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut others = Vec::new();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            let Ok(message) = self.messages.recv_timeout(left) else { break };
            if wanted(&message) {
                return message;
            }
            others.push(message);
        }
        panic!("not what was waited for: {others:#?}");
    }

    /// Waits until the errors of a file are as wanted.
    #[track_caller]
    fn errors(&mut self, file: &Path, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let uri = uri(file);
        let found = self.wait(|message| {
            let diagnostics = message["params"]["diagnostics"].as_array();
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == *uri
                && diagnostics.is_some_and(|all| wanted(all))
        });
        found["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn open(&mut self, file: &Path) {
        let text = fs::read_to_string(file).unwrap();
        let document = json!({ "uri": uri(file), "languageId": "starlark", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    fn change(&mut self, file: &Path, text: &str) {
        let document = json!({ "uri": uri(file), "version": 2 });
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        self.notify("textDocument/didChange", params);
    }

    fn save(&mut self, file: &Path, text: &str) {
        fs::write(file, text).unwrap();
        self.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri(file) } }));
    }

    /// Asks about what is at the first letter of `what`.
    #[track_caller]
    fn about(&mut self, method: &str, file: &Path, what: &str) -> Value {
        let text = fs::read_to_string(file).unwrap();
        let at = text.find(what).unwrap();
        let line = text[..at].matches('\n').count();
        let character = text[..at].rsplit('\n').next().unwrap().encode_utf16().count();
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": uri(file) }, "position": position }))
    }

    /// The exit code and stderr, after the end of stdin if that is still open.
    #[track_caller]
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        self.ended()
    }

    #[track_caller]
    fn ended(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        stele_tests::wait_for("the server to end", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let mut stderr = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        (status.unwrap().code(), stderr)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn uri(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// The line of an error, counted from 1.
fn line(error: &Value) -> u64 {
    error["range"]["start"]["line"].as_u64().unwrap() + 1
}

const LIBRARY: &str = "\"\"\"Packages.\"\"\"\n\ndef made(name, text = \"x\"):\n    \
                       \"\"\"Makes a package of nothing.\n\n    Not more.\n    \"\"\"\n    \
                       return recipe(name = name, version = \"1\", script = text)\n";

const RECIPE: &str = "load(\"//lib/made.star\", again = \"made\")\n\
                      load(\"@lent//lib/lent.star\", \"lent\")\n\n\
                      a = again(name = \"a\")\n\
                      b = recipe(name = \"a-b\", version = lent, script = \"x\", inputs = [a])\n";

/// A tree with a library, a recipe and a module, unpacked as commands do it.
fn tree() -> (Tree, PathBuf) {
    let tree = Tree::new(&[
        ("lib/made.star", LIBRARY),
        ("pkgs/a/recipe.star", RECIPE),
        ("modules.star", &format!("module(name = \"lent\", sha256 = \"{PIN}\", file = \"lent.tar.gz\")\n")),
        ("modules/lent/lib/lent.star", "# Of the module.\nlent = \"1\"\n"),
    ]);
    let file = tree.path().join("pkgs/a/recipe.star");
    (tree, file)
}

#[test]
fn an_error_of_syntax_is_shown_at_its_line_until_it_is_mended() {
    let (_tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    editor.errors(&file, |all| all.is_empty());
    editor.change(&file, "x = 1\n\ny = (\n");
    let errors = editor.errors(&file, |all| !all.is_empty());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["severity"], 1);
    assert!((3..=4).contains(&line(&errors[0])), "{errors:?}");
    editor.change(&file, "x = 1\n\ny = nothing\n");
    let errors = editor.errors(&file, |all| !all.is_empty());
    assert!(
        line(&errors[0]) == 3 && errors[0]["message"].as_str().unwrap().contains("nothing"),
        "{errors:?}"
    );
    editor.change(&file, RECIPE);
    editor.errors(&file, |all| all.is_empty());
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn errors_of_evaluation_are_shown_after_a_save() {
    let (tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    let wrong = RECIPE.replace("    ", "").replace("version = lent", "\n    nme = 1, version = lent");
    editor.change(&file, &wrong);
    editor.save(&file, &wrong);
    let errors = editor.errors(&file, |all| !all.is_empty());
    assert!(errors[0]["message"].as_str().unwrap().contains("nme"), "{errors:?}");
    assert_eq!(line(&errors[0]), 6, "{errors:?}");
    // Of a function in a library: there, and where it was called.
    let wrong = RECIPE.replace("again(name = \"a\")", "again(name = \"a\", text = 7)");
    editor.change(&file, &wrong);
    editor.save(&file, &wrong);
    let library = tree.path().join("lib/made.star");
    let there = editor.errors(&library, |all| !all.is_empty());
    assert_eq!(line(&there[0]), 8, "{there:?}");
    let here = editor.errors(&file, |all| !all.is_empty());
    assert_eq!(line(&here[0]), 4, "{here:?}");
    assert_eq!(here[0]["relatedInformation"][0]["location"]["uri"], uri(&library), "{here:?}");
    // Mended, both are gone.
    editor.change(&file, RECIPE);
    editor.save(&file, RECIPE);
    editor.errors(&library, |all| all.is_empty());
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn errors_of_pins_and_outside_of_a_tree_are_shown_too() {
    let (tree, _) = tree();
    let mut editor = Editor::ready();
    let pins = tree.path().join("modules.star");
    let text = "module(\n    name = \"lent\",\n    sha256 = \"12\",\n    file = \"lent.tar.gz\",\n)\n";
    editor.open(&pins);
    editor.change(&pins, text);
    editor.save(&pins, text);
    let errors = editor.errors(&pins, |all| !all.is_empty());
    assert_eq!(line(&errors[0]), 3, "{errors:?}");
    let outside = tree.stele.scratch().join("outside.star");
    fs::write(&outside, "x = )\n").unwrap();
    editor.open(&outside);
    assert_eq!(line(&editor.errors(&outside, |all| !all.is_empty())[0]), 1);
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn an_evaluation_that_dies_does_not_take_the_server_along() {
    let (_tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    let hungry = "x = \"x\" * (1 << 31)\ny = x + x + x + x\n";
    editor.change(&file, hungry);
    editor.save(&file, hungry);
    editor.wait(|message| message["method"] == "window/showMessage" || is_error_of(message, &file));
    editor.change(&file, RECIPE);
    editor.save(&file, RECIPE);
    editor.errors(&file, |all| all.is_empty());
    assert_eq!(editor.end().0, Some(0));
}

fn is_error_of(message: &Value, file: &Path) -> bool {
    let any = message["params"]["diagnostics"].as_array().is_some_and(|all| !all.is_empty());
    message["params"]["uri"] == *uri(file) && any
}

#[test]
fn a_name_shows_its_documentation() {
    let (tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    let mut hover = |what: &str| {
        editor.about("textDocument/hover", &file, what)["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let recipe = hover("recipe(");
    assert!(recipe.contains("def recipe(") && recipe.contains("An SPDX licence expression."), "{recipe}");
    let argument = hover("script = ");
    assert!(argument.contains("A script to run instead of `steps`"), "{argument}");
    assert!(!argument.contains("SPDX"), "{argument}");
    let made = hover("again(");
    assert!(
        made.contains("def made(name, text = \"x\")") && made.contains("Makes a package of nothing."),
        "{made}"
    );
    assert!(made.contains("\n\nNot more."), "{made}");
    assert!(hover("lent, script").contains("lent = \"1\""));
    assert_eq!(hover("\"a-b\""), "");
    let pins = tree.path().join("modules.star");
    editor.open(&pins);
    let module = editor.about("textDocument/hover", &pins, "module(");
    assert!(module.to_string().contains("Pins another recipe tree"), "{module}");
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn a_definition_is_found_in_its_file_and_module() {
    let (tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    let mut definition = |what: &str| {
        let found = editor.about("textDocument/definition", &file, what);
        (found["uri"].as_str().unwrap().to_owned(), found["range"]["start"]["line"].as_u64().unwrap() + 1)
    };
    let library = uri(&tree.path().join("lib/made.star"));
    assert_eq!(definition("again("), (library.clone(), 3));
    assert_eq!(definition("made\")"), (library.clone(), 3));
    assert_eq!(definition("/lib/made"), (library, 1));
    let module = uri(&tree.path().join("modules/lent/lib/lent.star"));
    assert_eq!(definition("lent, script"), (module.clone(), 2));
    assert_eq!(definition("/lib/lent"), (module, 1));
    assert_eq!(definition("a])"), (uri(&file), 4));
    assert_eq!(editor.about("textDocument/definition", &file, "recipe("), Value::Null);
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn names_arguments_and_files_are_completed() {
    let (_tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    let mut labels = |text: &str| -> Vec<String> {
        editor.change(&file, text);
        let position = json!({ "line": 0, "character": text.find('|').unwrap_or(text.len()) });
        let params = json!({ "textDocument": { "uri": uri(&file) }, "position": position });
        let found = editor.ask("textDocument/completion", params);
        found.as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap().to_owned()).collect()
    };
    labels("load('//lib/made.star', 'made'); ");
    // The names are those of the last text that had a syntax.
    let all = labels("load('//lib/made.star', 'made'); made(name = 'a', ");
    assert!(
        ["text =", "recipe", "source", "if"].iter().all(|it| all.iter().any(|label| label == it)),
        "{all:?}"
    );
    assert!(!all.contains(&"name =".to_owned()), "{all:?}");
    assert!(labels("x = recipe(").contains(&"homepage =".to_owned()));
    let files = labels("load('//");
    for path in ["//lib/made.star", "//pkgs/a/recipe.star", "@lent//lib/lent.star"] {
        assert!(files.contains(&path.to_owned()), "{files:?}");
    }
    assert_eq!(labels("load('//lib/made.star', '"), ["made"]);
    assert_eq!(labels("x = 'a"), [""; 0]);
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn a_file_is_formatted_as_by_the_command() {
    let (_tree, file) = tree();
    let mut editor = Editor::ready();
    editor.open(&file);
    editor.change(&file, "x=1\n");
    let params =
        json!({ "textDocument": { "uri": uri(&file) }, "options": { "tabSize": 8, "insertSpaces": false } });
    assert_eq!(editor.ask("textDocument/formatting", params.clone())[0]["newText"], "x = 1\n");
    editor.change(&file, "x=(\n");
    assert_eq!(editor.ask("textDocument/formatting", params), json!([]));
    assert_eq!(editor.end().0, Some(0));
}

#[test]
fn garbage_ends_it_with_an_error() {
    for bytes in [
        &b"garbage\n\n"[..],
        b"Content-Length: 99999999999999\r\n\r\n{}",
        b"Content-Length: 9\r\n\r\n{}",
        b"\0",
    ] {
        let mut editor = Editor::start();
        editor.send_bytes(bytes);
        let (code, stderr) = editor.end();
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("error: ") && stderr.contains("hint: "), "{stderr}");
    }
}

#[test]
fn what_is_not_understood_is_answered_or_ignored() {
    let (_tree, file) = tree();
    let mut early = Editor::start();
    assert_eq!(early.answer("textDocument/hover", json!({}))["error"]["code"], -32002);
    assert_eq!(early.end().0, Some(0));
    let mut editor = Editor::ready();
    editor.open(&file);
    editor.send("{");
    assert_eq!(editor.wait(|it| it["id"].is_null() && it.get("error").is_some())["error"]["code"], -32700);
    for method in [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didSave",
        "$/x",
        "textDocument/didClose",
    ] {
        for params in
            [json!(null), json!([]), json!({ "textDocument": { "uri": 1 } }), json!({ "textDocument": {} })]
        {
            editor.notify(method, params);
        }
    }
    let document = json!({ "uri": uri(&file), "version": -1 });
    editor.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [] }));
    let far = json!({ "line": u32::MAX, "character": u32::MAX });
    for method in ["textDocument/hover", "textDocument/definition", "textDocument/completion"] {
        assert_eq!(editor.answer(method, json!({ "position": 1 }))["error"]["code"], -32602);
        editor.ask(method, json!({ "textDocument": { "uri": uri(&file) }, "position": far }));
        let unknown = json!({ "textDocument": { "uri": "untitled:x%ff" }, "position": far });
        assert_eq!(editor.ask(method, unknown), Value::Null);
    }
    assert_eq!(editor.answer("textDocument/nothing", json!({}))["error"]["code"], -32601);
    // Deep, odd and large texts are errors of those texts.
    let deep = format!("x = {}", "[".repeat(200_000));
    for text in [deep.as_str(), "\0", "\u{feff}", "x = '\u{1f980}' +", &" ".repeat(2 << 20)] {
        editor.change(&file, text);
        editor.about("textDocument/hover", &file, "recipe(");
    }
    editor.change(&file, &deep);
    editor.errors(&file, |all| !all.is_empty());
    assert_eq!(editor.ask("shutdown", json!(null)), Value::Null);
    assert_eq!(editor.answer("textDocument/hover", json!({}))["error"]["code"], -32600);
    editor.notify("exit", json!(null));
    assert_eq!(editor.ended().0, Some(0));
}

#[test]
fn it_ends_with_the_editor() {
    assert_eq!(Editor::start().end().0, Some(0));
    assert_eq!(Editor::ready().end().0, Some(0));
    // Whoever leaves without a word gets no praise.
    let mut editor = Editor::ready();
    editor.notify("exit", json!(null));
    assert_eq!(editor.ended().0, Some(1));
}
