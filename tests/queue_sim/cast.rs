//! The threads that actors are played by: made once, used for many histories.

use std::sync::mpsc::{Sender, channel};

use super::world::Job;

/// The most actors at once.
pub(crate) const MOST: usize = 5;

/// Some threads that wait for something to do. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Cast {
    threads: Vec<Sender<Job>>,
}

impl Cast {
    /// Starts the threads.
    pub(crate) fn new() -> Self {
        let threads = (0..MOST).map(|_| {
            let (sender, receiver) = channel::<Job>();
            std::thread::spawn(move || {
                while let Ok(job) = receiver.recv() {
                    job();
                }
            });
            sender
        });
        Self { threads: threads.collect() }
    }

    /// The thread that plays actor `slot`.
    pub(crate) fn thread(&self, slot: usize) -> Sender<Job> {
        self.threads[slot].clone()
    }
}
