//! A scripted model: Anthropic's Messages interface on 127.0.0.1, as far as a coding agent needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the model answers to one request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// The structured result, for the order that was told last.
    Result,
    /// The same for another order.
    ResultFor(&'static str),
    /// A command.
    Bash(&'static str),
    /// Words.
    Text(&'static str),
    /// An error of the interface.
    Error { status: u16, kind: &'static str },
    /// The account's limit.
    UsageLimit { reset: u64 },
    /// Nothing, for ever.
    Stall,
}

impl Reply {
    pub(super) fn error(status: u16, kind: &'static str) -> Self {
        Self::Error { status, kind }
    }
}

type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

/// A running model. It ends with the test's runtime.
pub(super) struct Model {
    port: u16,
    count: Arc<AtomicUsize>,
    bodies: std::sync::Mutex<(mpsc::UnboundedReceiver<String>, Vec<String>)>,
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
        let script: Arc<Script> = Arc::new(script);
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, count, to) = (Arc::clone(&script), Arc::clone(&counted), to.clone());
                tokio::spawn(serve(stream, script, count, to));
            }
        });
        Self { port, count, bodies: std::sync::Mutex::new((bodies, Vec::new())) }
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
}

async fn serve(
    stream: TcpStream,
    script: Arc<Script>,
    count: Arc<AtomicUsize>,
    to: mpsc::UnboundedSender<String>,
) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
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
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let answer = if head.starts_with("POST /v1/messages?") || head.starts_with("POST /v1/messages ")
    {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let reply = script(nth, &body);
        drop(to.send(body.clone()));
        match answer(&reply, nth, &body) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    } else {
        response(404, "application/json", "", "{}")
    };
    drop(stream.get_mut().write_all(answer.as_bytes()).await);
    drop(stream.get_mut().shutdown().await);
}

fn response(status: u16, kind: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn error(status: u16, kind: &str, headers: &str) -> String {
    let body = json!({"type": "error", "error": {"type": kind, "message": "scripted"}});
    response(status, "application/json", headers, &body.to_string())
}

fn answer(reply: &Reply, nth: usize, body: &str) -> Option<String> {
    Some(match reply {
        Reply::Result => use_tool(nth, "StructuredOutput", &result(body, None)),
        Reply::ResultFor(order) => use_tool(nth, "StructuredOutput", &result(body, Some(order))),
        Reply::Bash(command) => use_tool(nth, "Bash", &json!({"command": command})),
        Reply::Text(text) => say(nth, text),
        Reply::Error { status, kind } => error(*status, kind, ""),
        Reply::UsageLimit { reset } => error(
            429,
            "rate_limit_error",
            &format!(
                "anthropic-ratelimit-unified-status: rejected\r\n\
                 anthropic-ratelimit-unified-reset: {reset}\r\n\
                 anthropic-ratelimit-unified-representative-claim: five_hour\r\n"
            ),
        ),
        Reply::Stall => return None,
    })
}

/// A result for the order whose facts stand last in the request.
fn result(body: &str, order: Option<&str>) -> Value {
    let fact = |name: &str| {
        let (_, rest) = body.rsplit_once(&format!("\\n{name}: ")).unwrap_or_default();
        rest.split("\\n").next().unwrap_or_default().to_owned()
    };
    json!({
        "order": order.map_or_else(|| fact("Order"), str::to_owned),
        "gen": fact("Generation").parse::<u64>().unwrap_or(0),
        "nonce": fact("Nonce"), "verdict": "done", "why": "scripted", "artifacts": [],
    })
}

fn use_tool(nth: usize, name: &str, input: &Value) -> String {
    let block =
        json!({"type": "tool_use", "id": format!("toolu_{nth}"), "name": name, "input": {}});
    let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
    events(nth, &block, &delta, "tool_use")
}

fn say(nth: usize, text: &str) -> String {
    let block = json!({"type": "text", "text": ""});
    events(nth, &block, &json!({"type": "text_delta", "text": text}), "end_turn")
}

fn events(nth: usize, block: &Value, delta: &Value, stop: &str) -> String {
    let usage = json!({"input_tokens": 100, "output_tokens": 1,
        "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10});
    let events = [
        json!({"type": "message_start", "message": {"id": format!("msg_{nth}"), "type": "message",
            "role": "assistant", "model": "claude-opus-5-5", "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": usage}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": 50}}),
        json!({"type": "message_stop"}),
    ];
    let name = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    let body: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))).collect();
    response(200, "text/event-stream", "", &body)
}
