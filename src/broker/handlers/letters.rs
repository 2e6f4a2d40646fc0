//! Letters from another shard: which handler each is for, and the messages enclosed in them.

use crate::bundle::{Bundle, Enclosures};
use crate::handlers::{announce, deliver, fan_out, fullness, memory, questions, retained, shared, sys};
use crate::letter::{Enclosed, Letter};
use crate::publication::{Publication, Publisher};
use crate::seed::ShardId;
use crate::shard::Shard;
use crate::topics::Fingerprint;

/// Handles letters, in their order.
pub(crate) fn deliver(shard: &mut Shard, from: ShardId, bundle: &mut Bundle) {
    shard.clients.counters.letters_received += bundle.len() as u64;
    let (letters, mut enclosures) = bundle.open();
    for letter in letters {
        handle(shard, from, letter, &mut enclosures);
    }
}

fn handle(shard: &mut Shard, from: ShardId, letter: Letter, enclosures: &mut Enclosures<'_>) {
    match letter {
        Letter::Publish(message) => {
            with_message(shard, &message, enclosures, Publisher::default(), fan_out::publish_here);
        }
        Letter::SharedPublish(publish) => shared::arrived(shard, &publish, enclosures),
        Letter::Route(change) => announce::route_changed(shard, from, &change),
        Letter::Group(change) => announce::group_changed(shard, from, &change),
        Letter::RoutesKnown(number) => announce::known(shard, from, number),
        Letter::Retain(content) => retained::keep_content(shard, content),
        Letter::RetainedQuestion(question) => questions::asked(shard, from, question),
        Letter::RetainedAnswer(answer) => retained::answer(shard, *answer),
        Letter::Memory(state) => memory::told(shard, from, state),
        Letter::Backlog(change) => fullness::changed_elsewhere(shard, from, &change),
        Letter::Figures(figures) => sys::figures(shard, from, *figures),
    }
}

/// Calls `then` with the message of a letter, unless its time is over.
pub(crate) fn with_message(
    shard: &mut Shard,
    message: &Enclosed,
    enclosures: &mut Enclosures<'_>,
    publisher: Publisher,
    then: impl FnOnce(&mut Shard, &mut Publication<'_>),
) {
    let serial = shard.clients.next_serial();
    match message {
        Enclosed::Written(written) => {
            let reading = enclosures.take(*written);
            if deliver::has_expired(&mut shard.clients, written.expires) {
                return;
            }
            let known = shard.topics.known.take_by(written.fingerprint, reading.topic);
            let text = known.as_ref().map(|known| known.text());
            let topic = text.as_deref().unwrap_or_else(|| reading.topic());
            let publication = Publication::new(reading.parts(topic), publisher, serial);
            hand_out(shard, publication.knowing(known), written.fingerprint, then);
        }
        Enclosed::Shared(content) => {
            if deliver::has_expired(&mut shard.clients, content.expires()) {
                return;
            }
            let publication = Publication::of_content(content, publisher, serial);
            let topic = publication.parts.topic;
            let fingerprint = Fingerprint::of(topic, &shard.clients.hasher);
            let known = shard.topics.known.take_by(fingerprint, topic.as_bytes());
            hand_out(shard, publication.knowing(known), fingerprint, then);
        }
    }
}

fn hand_out(
    shard: &mut Shard,
    mut publication: Publication<'_>,
    fingerprint: Fingerprint,
    then: impl FnOnce(&mut Shard, &mut Publication<'_>),
) {
    then(shard, &mut publication);
    match publication.known {
        Some(known) => shard.topics.known.put_back(known),
        None => shard.topics.known.see_by(fingerprint, publication.parts.topic),
    }
}
