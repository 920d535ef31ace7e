//! `shopfloor add`: one order, from a title. Once its id is printed the order survives power loss.

use std::io::Read as _;
use std::path::{Component, Path};

use anyhow::Result;
use serde_json::json;
use shopfloor::error::{Error, Kind};
use shopfloor::floor::Floor;
use shopfloor::order::{OrderId, Request};
use shopfloor::plan::{Known, Wait, Why, waits_for};
use shopfloor::queue::{Created, Queue};
use shopfloor::stages;
use shopfloor::state::State;

use crate::flags::Add;
use crate::naming::unknown_order;
use crate::voice::{self, Done, Voice};
use shopfloor::place::Place;

/// The most bytes a body may have: it becomes part of a prompt.
const BODY_LIMIT_BYTES: u64 = 256 * 1024;

/// The most characters of a title.
const TITLE_LIMIT: usize = 200;

/// Takes the order in.
pub(crate) fn run(flags: &Add, place: &Place, voice: Voice) -> Result<Done> {
    let request = request(flags, place)?;
    let wanted = flags.id.as_deref().map(OrderId::parse).transpose()?;
    let queue = place.open_queue()?;
    let own = wanted.clone().or_else(|| OrderId::from_title(&request.title));
    check_needs(flags, &*queue, &place.floor()?, wanted.as_ref(), voice)?;
    check_circle(&request, &*queue, own.as_ref())?;
    let id = match wanted {
        Some(id) => create_as(&*queue, id, &request)?,
        None => create_from_title(&*queue, &request)?,
    };
    if flags.json {
        let path = place.papers(&id)?;
        voice::json(&json!({ "id": id, "state": State::NEW, "path": path }))?;
    } else {
        voice::result(&id)?;
    }
    Ok(Done::Well)
}

fn request(flags: &Add, place: &Place) -> Result<Request> {
    let title = flags.title.trim();
    if title.is_empty() {
        return Err(Error::usage("the title is empty")
            .hint("say in one line what is wanted")
            .into());
    }
    if title.chars().any(char::is_control) || title.chars().count() > TITLE_LIMIT {
        let told = format!("the title is not one line of at most {TITLE_LIMIT} characters");
        return Err(Error::usage(told).hint("give the rest with --body FILE, or --body -").into());
    }
    for file in &flags.files {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if file.is_empty() || !Path::new(file).components().all(inside) {
            let told = format!("--file {file:?} does not lie inside the repository");
            return Err(Error::usage(told).hint("give it relative to the repository").into());
        }
    }
    let mut request = Request::titled(title);
    request.body =
        flags.body.as_deref().map(|path| body(path, place)).transpose()?.unwrap_or_default();
    request.priority = flags.priority;
    request.needs.clone_from(&flags.needs);
    request.files.clone_from(&flags.files);
    request.labels.clone_from(&flags.labels);
    request.source = Some("shopfloor add".to_owned());
    Ok(request)
}

fn body(path: &Path, place: &Place) -> Result<String> {
    let from_stdin = path == Path::new("-");
    let path = if from_stdin { Path::new("stdin").to_owned() } else { place.given(path) };
    let hint = "give a file of text, or - for standard input";
    let failed = |error| Error::io("read the body from", &path, error).hint(hint);
    let source: Box<dyn std::io::Read> = match from_stdin {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(&path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source.take(BODY_LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BODY_LIMIT_BYTES {
        let told = format!("{} has more than {} KiB", path.display(), BODY_LIMIT_BYTES / 1024);
        return Err(Error::usage(told).hint("put the rest into a file of the repository").into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].split(|&b| b == b'\n').count();
        Error::usage(format!("{}: line {line} is not UTF-8 text", path.display())).into()
    })
}

/// Every order it needs must exist, and every state it waits for must be one.
fn check_needs(
    flags: &Add,
    queue: &dyn Queue,
    floor: &Floor,
    own: Option<&OrderId>,
    voice: Voice,
) -> Result<()> {
    let pipeline = stages::pipeline();
    for need in &flags.needs {
        if !pipeline.knows(&need.reached) || need.reached == State::FAILED {
            let states =
                pipeline.states().iter().map(State::to_string).collect::<Vec<_>>().join(", ");
            let told = format!("--needs {}@{}: no order gets to that state", need.id, need.reached);
            return Err(Error::usage(told).hint(format!("the states are {states}")).into());
        }
        if own == Some(&need.id) {
            return Err(Error::usage(format!("{} can't need itself", need.id)).into());
        }
        match queue.look(&need.id) {
            Ok(Some(_)) => {}
            Err(error) if error.kind() == Kind::BrokenOrder => {}
            Err(error) => return Err(error.into()),
            Ok(None) if floor.archived_state(&need.id).is_some() => {}
            Ok(None) if flags.allow_missing => voice.warn(format_args!(
                "the order {} does not exist yet; this one waits until it does and is done",
                need.id
            )),
            Ok(None) => {
                let error = unknown_order(queue, need.id.as_str());
                let hint = error.next_step().unwrap_or_default();
                let hint = format!("{hint} (--allow-missing takes it all the same)");
                return Err(error.hint(hint).into());
            }
        }
    }
    Ok(())
}

/// An order that others wait for already must not wait for them.
fn check_circle(request: &Request, queue: &dyn Queue, own: Option<&OrderId>) -> Result<()> {
    let Some(own) = own.filter(|_| !request.needs.is_empty()) else { return Ok(()) };
    let known = |id: &OrderId| {
        let order = queue.look(id).ok().flatten()?;
        let needs = order.request.map(|request| request.needs).unwrap_or_default();
        let needs = needs.into_iter().map(|need| need.id).collect();
        Some(Known { state: order.state, needs })
    };
    let circle = |wait: &Wait| matches!(wait.why, Why::Circle(_));
    match waits_for(own, request, &stages::pipeline(), &known).into_iter().find(circle) {
        Some(wait) => Err(Error::usage(format!("{own} can't be added: {wait}"))
            .hint("leave one of these needs out")
            .into()),
        None => Ok(()),
    }
}

fn create_as(queue: &dyn Queue, id: OrderId, request: &Request) -> Result<OrderId> {
    match queue.create(&id, request)? {
        Created::Made => Ok(id),
        Created::Exists => Err(Error::usage(format!("there is an order {id} already"))
            .hint(format!("choose another --id, or look at it: shopfloor show {id}"))
            .into()),
    }
}

/// Tries the title's own id, then the same with -2, -3 and so on.
fn create_from_title(queue: &dyn Queue, request: &Request) -> Result<OrderId> {
    let Some(first) = OrderId::from_title(&request.title) else {
        let told = format!("no id can be made from the title {:?}", request.title);
        return Err(Error::usage(told).hint("give one with --id").into());
    };
    for number in 1..10_000_u32 {
        let id = match number {
            1 => first.clone(),
            _ => OrderId::parse(&format!("{first}-{number}"))?,
        };
        if queue.create(&id, request)? == Created::Made {
            return Ok(id);
        }
    }
    Err(Error::new(Kind::Failed, format!("there are 10,000 orders called {first}-N"))
        .hint("give this one an --id of its own")
        .into())
}
