//! A scripted model on 127.0.0.1: it answers as a script says, in the language it is asked in (Anthropic's Messages,
//! OpenAI's Responses and chat completions, Gemini's stream), as far as a coding agent needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{anthropic, chat, gemini_api, responses};

/// What the model answers to one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// The structured result, for the order that was told last.
    Result,
    /// The same for another order.
    ResultFor(&'static str),
    /// A structured result that its schema does not allow (Messages only).
    BadResult,
    /// A command that leaves the result of this order as a file.
    Leave(&'static str),
    /// A command.
    Bash(&'static str),
    /// A command that was made for its order.
    Work(String),
    /// A patch (Responses only).
    Patch(&'static str),
    /// Words.
    Text(&'static str),
    /// An error of the interface.
    Error { status: u16, kind: &'static str },
    /// The same, to be tried again after so many seconds.
    RetryAfter { status: u16, kind: &'static str, secs: u64 },
    /// The account's limit, with the time it ends in the headers.
    UsageLimit { reset: u64 },
    /// The same, with the time in the body alone (Responses only).
    UsageLimitInWords { reset: u64 },
    /// An error in the middle of a good answer (Responses only).
    Failed { code: &'static str },
    /// An answer that was longer than an answer may be.
    Truncated,
    /// An answer that a filter has stopped.
    Filtered,
    /// Half an answer.
    Cut,
    /// Headers, and then nothing for ever.
    Silence,
    /// Nothing, for ever.
    Stall,
}

impl Reply {
    pub(super) fn error(status: u16, kind: &'static str) -> Self {
        Self::Error { status, kind }
    }
}

/// What goes over the wire.
pub(super) enum Answer {
    /// This, and the connection's end.
    Whole(String),
    /// This, and then nothing for ever.
    Open(String),
}

type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// A running model. It ends with the test's runtime.
pub(super) struct Model {
    port: u16,
    count: Arc<AtomicUsize>,
    bodies: std::sync::Mutex<(mpsc::UnboundedReceiver<String>, Vec<String>)>,
    strange: std::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    keys: std::sync::Mutex<mpsc::UnboundedReceiver<String>>,
}

/// What a connection shares with the model.
#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    count: Arc<AtomicUsize>,
    bodies: mpsc::UnboundedSender<String>,
    strange: mpsc::UnboundedSender<String>,
    keys: mpsc::UnboundedSender<String>,
}

impl Model {
    /// Answers as `script` says; it is given how many requests came before, and the request's body.
    pub(super) async fn start(
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let (to, bodies) = mpsc::unbounded_channel();
        let (odd, strange) = mpsc::unbounded_channel();
        let (key, keys) = mpsc::unbounded_channel();
        let script: Arc<Script> = Arc::new(script);
        let shared =
            Shared { script, count: Arc::clone(&count), bodies: to, strange: odd, keys: key };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        let bodies = std::sync::Mutex::new((bodies, Vec::new()));
        Self {
            port,
            count,
            bodies,
            strange: std::sync::Mutex::new(strange),
            keys: std::sync::Mutex::new(keys),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Requests to the model so far.
    pub(super) fn requests(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The body of one of them.
    pub(super) fn body(&self, at: usize) -> String {
        let mut bodies = self.bodies.lock().unwrap();
        while let Ok(body) = bodies.0.try_recv() {
            bodies.1.push(body);
        }
        bodies.1[at].clone()
    }

    /// What it was asked that no model is asked: the first lines of these requests. Whoever has this for a proxy is
    /// seen here when it wants to reach another host.
    pub(super) fn strange(&self) -> Vec<String> {
        let mut strange = self.strange.lock().unwrap();
        std::iter::from_fn(|| strange.try_recv().ok()).collect()
    }

    /// The line with the key of each request, by now.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys = self.keys.lock().unwrap();
        std::iter::from_fn(|| keys.try_recv().ok()).collect()
    }

    /// Waits until somebody has asked it something.
    pub(super) async fn asked(&self) {
        let asked = async {
            while self.requests() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(super::PATIENCE, asked).await.expect("a request");
    }
}

async fn serve(stream: TcpStream, shared: Shared) {
    let mut stream = BufReader::new(stream);
    let Some((head, body)) = request(&mut stream).await else { return };
    let path = head.split(' ').nth(1).filter(|_| head.starts_with("POST ")).unwrap_or_default();
    let answer = match path.split('?').next().unwrap_or_default() {
        "/v1/messages" => anthropic::answer,
        "/v1/responses" => responses::answer,
        "/v1/chat/completions" => chat::answer,
        path if path.ends_with(":streamGenerateContent") => gemini_api::answer,
        _ => {
            drop(shared.strange.send(head.lines().next().unwrap_or_default().to_owned()));
            let none = response(404, "application/json", "", "{}");
            drop(stream.get_mut().write_all(none.as_bytes()).await);
            return;
        }
    };
    let key = head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
    drop(shared.keys.send(key.unwrap_or_default().to_owned()));
    let nth = shared.count.fetch_add(1, Ordering::SeqCst);
    let reply = (shared.script)(nth, &body);
    drop(shared.bodies.send(body.clone()));
    match answer(&reply, nth, &body) {
        None => std::future::pending().await,
        Some(Answer::Whole(text)) => {
            drop(stream.get_mut().write_all(text.as_bytes()).await);
            drop(stream.get_mut().shutdown().await);
        }
        Some(Answer::Open(text)) => {
            drop(stream.get_mut().write_all(text.as_bytes()).await);
            std::future::pending::<()>().await;
        }
    }
}

/// One request: its head, and its body as text.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

pub(super) fn response(status: u16, kind: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Server-sent events, as one answer.
pub(super) fn events(events: &[Value]) -> String {
    response(200, "text/event-stream", "", &lines(events))
}

/// The beginning of an answer that never ends.
pub(super) fn open_events(events: &[Value]) -> Answer {
    let head = "HTTP/1.1 200 Said\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Answer::Open(format!("{head}{}", lines(events)))
}

fn lines(events: &[Value]) -> String {
    let name = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect()
}

/// Events that have no names.
pub(super) fn event_lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// The beginning of an answer that never ends.
pub(super) fn open_text(text: &str) -> Answer {
    let head = "HTTP/1.1 200 Said\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Answer::Open(format!("{head}{text}"))
}

/// The command that leaves the result of `order` as its prompt wants it.
pub(super) fn leave(body: &str, order: &str) -> String {
    let result = result(body, Some(order));
    format!("printf '%s' '{result}' > results/part && mv results/part results/{order}.json")
}

/// A fact of the turn that was told last in the request.
pub(super) fn fact(body: &str, name: &str) -> String {
    let (_, rest) = body.rsplit_once(&format!("\\n{name}: ")).unwrap_or_default();
    rest.split("\\n").next().unwrap_or_default().to_owned()
}

/// A result for the order whose facts stand last in the request.
pub(super) fn result(body: &str, order: Option<&str>) -> Value {
    let fact = |name: &str| fact(body, name);
    serde_json::json!({
        "order": order.map_or_else(|| fact("Order"), str::to_owned),
        "gen": fact("Generation").parse::<u64>().unwrap_or(0),
        "nonce": fact("Nonce"), "verdict": "done", "why": "scripted", "artifacts": [], "denied": "",
    })
}
