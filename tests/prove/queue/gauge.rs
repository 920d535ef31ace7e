//! What a floor uses: descriptors and memory of its processes, files and bytes of its folders.

use std::fs;
use std::path::Path;

use crate::house::{House, program};

/// One of our processes.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
}

/// The live launcher and workers of this house. Agents are not among them.
pub(super) fn processes(house: &House) -> Vec<Process> {
    let wanted = house.path("").display().to_string();
    let names = ["shopfloor"].into_iter().chain(crate::house::WORKERS);
    let programs: Vec<(String, String)> =
        names.map(|name| (program(name).display().to_string(), name.to_owned())).collect();
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_string_lossy().parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let first = String::from_utf8_lossy(line.split(|byte| *byte == 0).next()?).into_owned();
        let (_, name) = programs.iter().find(|(program, _)| *program == first)?;
        let at = fs::read_link(entry.path().join("cwd")).ok()?;
        let ours = at.display().to_string().starts_with(&wanted)
            || String::from_utf8_lossy(&line).contains(&wanted);
        ours.then(|| Process { pid, name: name.clone() })
    });
    found.collect()
}

/// Open descriptors, and memory in KiB, of one process.
pub(super) fn of(pid: u32) -> Option<(usize, u64)> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some((descriptors, line.split_whitespace().nth(1)?.parse().ok()?))
}

/// Files and bytes below a folder.
pub(super) fn below(folder: &Path) -> (usize, u64) {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.fold((0, 0), |(count, bytes), entry| {
        let length =
            entry.metadata().map_or(0, |facts| if facts.is_file() { facts.len() } else { 0 });
        (count + 1, bytes + length)
    })
}

/// Names in a folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
