//! Appends: written, synced, refused.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::{Append, Durability};

on_both_engines!(
    appends_are_written_where_they_belong_and_reported,
    a_refused_append_is_reported,
    appends_proceed_beside_traffic,
    dropping_the_network_lets_appends_end,
);

/// A file that is gone with the value.
struct Scratch(PathBuf, Arc<File>);

impl Scratch {
    fn new(name: &str, engine: Engine) -> Scratch {
        let path = std::env::temp_dir().join(format!("ringmq-ring-{name}-{engine:?}-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        Scratch(path, Arc::new(file))
    }

    fn append(&self, ticket: u64, bytes: Vec<u8>, offset: u64) -> Append {
        let durability = if ticket.is_multiple_of(2) { Durability::Synced } else { Durability::Written };
        Append { file: Arc::clone(&self.1), bytes, offset, durability, ticket }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn outcomes(rig: &Rig) -> Vec<(u64, Option<i32>)> {
    let mut outcomes: Vec<_> = rig
        .seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Appended(appended) => {
                assert!(appended.buffer.is_empty(), "the buffer comes back empty");
                Some((appended.ticket, appended.result.as_ref().err().and_then(io::Error::raw_os_error)))
            }
            _ => None,
        })
        .collect();
    outcomes.sort_unstable();
    outcomes
}

fn appends_are_written_where_they_belong_and_reported(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, sq_entries: 4, ..small() });
    let scratch = Scratch::new("written", engine);
    let whole = pattern(40 * 1000);
    for (ticket, part) in whole.chunks(1000).enumerate() {
        let append = scratch.append(ticket as u64, part.to_vec(), ticket as u64 * 1000);
        rig.net.append(append).unwrap();
    }
    rig.net.append(scratch.append(40, Vec::new(), 0)).unwrap();
    rig.until("outcomes", |rig| (outcomes(rig).len() == 41).then_some(()));
    assert!(outcomes(&rig).iter().enumerate().all(|(at, outcome)| *outcome == (at as u64, None)));
    let mut back = vec![0; whole.len()];
    scratch.1.read_exact_at(&mut back, 0).unwrap();
    assert!(back == whole);
    assert_eq!(scratch.1.metadata().unwrap().len(), whole.len() as u64);
}

fn a_refused_append_is_reported(engine: Engine) {
    let mut rig = Rig::new(engine);
    let scratch = Scratch::new("refused", engine);
    let read_only = Arc::new(File::open(&scratch.0).unwrap());
    for ticket in [0, 1] {
        let append = Append { file: Arc::clone(&read_only), ..scratch.append(ticket, pattern(10), 0) };
        rig.net.append(append).unwrap();
    }
    rig.until("outcomes", |rig| (outcomes(rig).len() == 2).then_some(()));
    assert_eq!(outcomes(&rig), [(0, Some(libc::EBADF)), (1, Some(libc::EBADF))]);
}

fn appends_proceed_beside_traffic(engine: Engine) {
    let mut rig = Rig::new(engine);
    let scratch = Scratch::new("beside", engine);
    let (mut stream, id) = rig.reading_client();
    for round in 0..20u64 {
        rig.net.append(scratch.append(round, pattern(5000), round * 5000)).unwrap();
        stream.write_all(b"x").unwrap();
        rig.turn(Wait::ForOne);
    }
    rig.until("outcomes", |rig| (outcomes(rig).len() == 20).then_some(()));
    rig.until_received(id, &[b'x'; 20]);
}

fn dropping_the_network_lets_appends_end(engine: Engine) {
    let scratch = Scratch::new("dropped", engine);
    let mut rig = Rig::new(engine);
    for ticket in 0..4u64 {
        rig.net.append(scratch.append(ticket, pattern(1 << 20), ticket << 20)).unwrap();
    }
    rig.turn(Wait::No);
    drop(rig);
    // Nobody but the test has the file any more.
    assert_eq!(Arc::strong_count(&scratch.1), 1);
}
