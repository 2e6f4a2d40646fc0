//! Faults for the inside of the broker, each a small change of one line.
//!
//! Owns the table. A change names its line by its text, so that it moves with the code; a test sees to it that the
//! text is there, once.

/// One small change that makes the broker wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mutant {
    /// What is wrong then.
    pub(crate) name: &'static str,
    /// The file, below `src/broker`.
    pub(crate) file: &'static str,
    /// The text that is replaced.
    pub(crate) from: &'static str,
    /// What replaces it.
    pub(crate) to: &'static str,
}

/// All of them.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a repeat has no DUP",
        file: "handlers/deliver.rs",
        from: "Head { dup: true, ",
        to: "Head { dup: false, ",
    },
    Mutant {
        name: "another message's front is taken",
        file: "front.rs",
        from: "self.of == Some((serial, likeness))",
        to: "self.of.is_some_and(|(_, of)| of == likeness)",
    },
    Mutant {
        name: "a known topic does not notice a new filter",
        file: "topics/index.rs",
        from: "self.wildcard.insert(filter, id);\n            self.wildcard_generation += 1;",
        to: "self.wildcard.insert(filter, id);",
    },
    Mutant {
        name: "a known topic does not notice that it is now a filter",
        file: "topics/index.rs",
        from: "|exact| exact.fingerprint.spread());\n            self.exact_generation += 1;",
        to: "|exact| exact.fingerprint.spread());",
    },
    Mutant {
        name: "a known topic does not notice that it no longer is a filter",
        file: "topics/index.rs",
        from: "remove();\n            self.exact_generation += 1;",
        to: "remove();",
    },
    Mutant {
        name: "a known topic does not notice that another shard wants it",
        file: "topics/routes.rs",
        from: "fn announce_exact(&mut self, fingerprint: Fingerprint, shard: u16) {\n        self.exact_generation += 1;",
        to: "fn announce_exact(&mut self, fingerprint: Fingerprint, shard: u16) {",
    },
    Mutant {
        name: "a known topic does not notice a new route",
        file: "topics/routes.rs",
        from: "self.wildcard_generation += 1;\n                match self.wildcard.get_mut(filter) {",
        to: "match self.wildcard.get_mut(filter) {",
    },
    Mutant {
        name: "every letter of a bundle has the first message",
        file: "bundle.rs",
        from: "self.rest = rest;",
        to: "let _ = rest;",
    },
    Mutant {
        name: "what waits stays when a place in the window is free",
        file: "handlers/acks.rs",
        from: "if has_waiting {",
        to: "if has_waiting && false {",
    },
    Mutant {
        name: "a packet behind several acknowledgements is passed over",
        file: "handlers/receive.rs",
        from: "packets[..count].as_flattened().len()",
        to: "packets[..(count + count / 2).min(packets.len())].as_flattened().len()",
    },
    Mutant {
        name: "the send quota leaks",
        file: "session/inflight.rs",
        from: "self.sent -= u16::from(place.sent);",
        to: "",
    },
    Mutant {
        name: "the window is one too large",
        file: "session/mod.rs",
        from: "self.inflight.sent() < window.get()",
        to: "self.inflight.sent() <= window.get()",
    },
    Mutant {
        name: "a repeated QoS 2 publish is forwarded again",
        file: "handlers/publish.rs",
        from: "session.received.insert(packet_id);\n                Exchange::Repeat",
        to: "session.received.insert(packet_id);\n                Exchange::New",
    },
    Mutant {
        name: "DISCONNECT does not take the will back",
        file: "handlers/will.rs",
        from: "(WillFate::Removed, _) => forget(shard, session_id)",
        to: "(WillFate::Removed, _) => publish(shard, session_id)",
    },
    Mutant {
        name: "a will is lost with its session",
        file: "handlers/session_end.rs",
        from: "will::publish(shard, id);",
        to: "will::forget(shard, id);",
    },
    Mutant {
        name: "an acknowledgement leaves before the letters of its message",
        file: "handlers/publish.rs",
        from: "shard.clients.acknowledge(id, kind",
        to: "shard.clients.write_ack(id, kind",
    },
    Mutant {
        name: "a connection that takes over is answered before the old one",
        file: "handlers/attach.rs",
        from: "connection.flow.behind_letters = true;",
        to: "",
    },
    Mutant {
        name: "a retained message comes after one that replaces it",
        file: "handlers/deliver.rs",
        from: "reads.take_copy(topic);\n        reads.note_newer(topic);",
        to: "reads.note_newer(topic);",
    },
    Mutant {
        name: "a page that was looked up before brings what is replaced",
        file: "session/reads.rs",
        from: "found.retain(|message| !newer.replaces(message, read.order));",
        to: "",
    },
    Mutant {
        name: "SUBACK does not wait for the other shards",
        file: "handlers/suback.rs",
        from: "if shard.announced.is_settled() {",
        to: "if shard.announced.is_settled() || true {",
    },
    Mutant {
        name: "No Local is forgotten",
        file: "handlers/fan_out.rs",
        from: "subscriber.options.no_local() &&",
        to: "subscriber.options.no_local() && false &&",
    },
    Mutant {
        name: "messages of an ended member are lost",
        file: "handlers/session_end.rs",
        from: "shared::pass_on(shard, orphans);",
        to: "drop(orphans);",
    },
    Mutant {
        name: "the expiry does not count down",
        file: "handlers/form.rs",
        from: "expires.since_ms(now).div_ceil(1000)",
        to: "(expires.since_ms(now) + 5000).div_ceil(1000)",
    },
    Mutant {
        name: "the keep alive is too short",
        file: "connection.rs",
        from: "u64::from(s) * 1500",
        to: "u64::from(s) * 1000",
    },
    Mutant {
        name: "the keep alive is not kept",
        file: "handlers/timers.rs",
        from: "is_some_and(|ms| silent_ms >= ms)",
        to: "is_some_and(|ms| silent_ms >= ms * 9)",
    },
    Mutant {
        name: "the backlog is turned round",
        file: "session/backlog.rs",
        from: "self.waiting.push_back(delivery);",
        to: "self.waiting.push_front(delivery);",
    },
    Mutant {
        name: "a session is kept after its expiry",
        file: "handlers/timers.rs",
        from: "shard.clients.counters.sessions_expired += 1;\n    session_end::end(shard, id);",
        to: "shard.clients.counters.sessions_expired += 1;",
    },
    Mutant {
        name: "a session that is back expires all the same",
        file: "handlers/attach.rs",
        from: "for timer in [session.expiry_timer.take(), session.will_timer.take()]",
        to: "for timer in [None, session.will_timer.take()]",
    },
    Mutant {
        name: "a drained connection does not go on",
        file: "handlers/flow.rs",
        from: "refill::refill(shard, session);",
        to: "let _ = session;",
    },
    Mutant {
        name: "an empty retained message erases nothing",
        file: "handlers/retained.rs",
        from: "if parts.payload.is_empty() {\n        retained.remove(parts.topic);",
        to: "if parts.payload.is_empty() {",
    },
    Mutant {
        name: "what other shards ask waits for ever",
        file: "handlers/questions.rs",
        from: "    shard.questions.go_on();\n",
        to: "",
    },
    Mutant {
        name: "a page that is cut short is the last one",
        file: "topics/retained.rs",
        from: "return Page { items, next: Some((&**topic).into()), scanned };",
        to: "return Page { items, next: None, scanned };",
    },
    Mutant {
        name: "letters in a mailbox take no memory",
        file: "trays.rs",
        from: "self.bytes_under_way = bytes;",
        to: "let _ = bytes;",
    },
    Mutant {
        name: "letters that were read still take memory",
        file: "trays.rs",
        from: "self.bytes_under_way = bytes;",
        to: "self.bytes_under_way = self.bytes_under_way.max(bytes);",
    },
    Mutant {
        name: "a full backlog that refuses drops",
        file: "session/backlog.rs",
        from: "if limits.when_full != BacklogFull::Refuse && self.exceeded(size, limits).is_some() {",
        to: "if self.exceeded(size, limits).is_some() {",
    },
    Mutant {
        name: "a backlog that was full once refuses for good",
        file: "handlers/refill.rs",
        from: "if outgoing.full.is_some() {",
        to: "if outgoing.full.is_some() && false {",
    },
    Mutant {
        name: "other shards are not told that a backlog is free",
        file: "handlers/fullness.rs",
        from: "full.announced.iter().for_each(|key| remove(shard, key));",
        to: "",
    },
    Mutant {
        name: "a refused publish is handed out all the same",
        file: "handlers/publish.rs",
        from: "return Ok(refuse_for_backlog(shard, from, packet.qos, packet_id));",
        to: "let _ = refuse_for_backlog(shard, from, packet.qos, packet_id);",
    },
];
