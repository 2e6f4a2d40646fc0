//! How much is looked at for other shards in one turn, who waits meanwhile, and that everybody is answered.

use ringmq_protocol::{Qos, Version};

use crate::bundle::Bundle;
use crate::letter::{Letter, ReadId, RetainedAnswer, RetainedQuestion};
use crate::limits::Limits;
use crate::message::{Message, Parts, Retain};
use crate::policy::ListenerPolicy;
use crate::seed::ShardId;
use crate::shard::Shard;
use crate::slab::{Slab, SlotId};
use crate::testing;
use crate::time::Time;
use crate::topics::Entry;
use crate::trays::ConnectionId;

const LOOKED_AT_MAX: usize = Limits::DEFAULT.retained_looked_at_max;

/// Asks and answers in these tests.
const ASKING: ShardId = 0;
const ASKED: ShardId = 1;

fn shard(number: ShardId, looked_at_max: usize) -> Shard {
    let limits = Limits { retained_looked_at_max: looked_at_max, ..Limits::default() };
    testing::one_of(number, 2, limits, ListenerPolicy::default())
}

/// The name of a topic, in their order.
fn topic(number: usize) -> String {
    format!("t/{number:05}")
}

/// Lets a shard keep a retained message of each of `count` topics.
fn keep(shard: &mut Shard, count: usize) {
    for topic in (0..count).map(topic) {
        let (qos, retain) = (Qos::AtMostOnce, Retain::Yes);
        let parts = Parts { topic: &topic, passed_on: &[], payload: b"x", qos, retain, expires: None };
        let value = Message::new(&parts, &shard.clients.meter);
        shard.topics.retained.set(&topic, Entry { bytes: value.size_bytes(), expires: None, value });
    }
}

/// A session of the other shard that looks for what is not there.
#[derive(Debug)]
struct Reader {
    session: SlotId,
    after: Option<Box<str>>,
    pages: usize,
    is_done: bool,
}

impl Reader {
    fn question(&self) -> Letter {
        let read = ReadId { session: self.session, number: 0 };
        Letter::RetainedQuestion(Box::new(RetainedQuestion {
            read,
            filter: "t/+/x".into(),
            after: self.after.clone(),
        }))
    }

    /// Takes an answer; tells how many of `count` topics were looked at for it.
    fn take(&mut self, answer: RetainedAnswer, count: usize) -> usize {
        let place = |name: &str| name["t/".len()..].parse::<usize>().expect("it is a topic of the test") + 1;
        let before = self.after.as_deref().map_or(0, place);
        let now = answer.next.as_deref().map_or(count, place);
        self.pages += 1;
        self.is_done = answer.next.is_none();
        self.after = answer.next;
        now - before
    }
}

fn readers(count: usize) -> Vec<Reader> {
    let mut slab = Slab::default();
    let mut reader = || Reader { session: slab.insert(()), after: None, pages: 0, is_done: false };
    (0..count).map(|_| reader()).collect()
}

/// Takes all answers out of the tray: topics that were looked at, and the readers that were answered, in order.
fn answers(shard: &mut Shard, readers: &mut [Reader], count: usize) -> (usize, Vec<usize>) {
    let (mut looked_at, mut answered) = (0, Vec::new());
    while let Some(mut bundle) = shard.trays().take_bundle(ASKING) {
        for letter in bundle.open().0 {
            let Letter::RetainedAnswer(answer) = letter else { panic!("no answer: {letter:?}") };
            let is_for = |reader: &Reader| reader.session == answer.read.session;
            let reader = readers.iter().position(is_for).expect("it asked");
            looked_at += readers[reader].take(*answer, count);
            answered.push(reader);
        }
    }
    (looked_at, answered)
}

fn ask(shard: &mut Shard, now: Time, readers: impl IntoIterator<Item = usize>, all: &[Reader]) {
    let mut bundle = Bundle::default();
    readers.into_iter().for_each(|reader| bundle.push(all[reader].question()));
    shard.deliver(now, ASKING, bundle);
}

/// Whatever comes in one turn: a page is at most 4,096 topics, so that eight questions alone would be 32,768.
#[test]
fn a_turn_looks_at_a_bounded_number_of_topics() {
    let (count, mut readers) = (5000, readers(16));
    let mut shard = shard(ASKED, LOOKED_AT_MAX);
    keep(&mut shard, count);
    ask(&mut shard, Time::ZERO, 0..8, &readers);
    let (looked_at, answered) = answers(&mut shard, &mut readers, count);
    assert_eq!((looked_at, answered), (LOOKED_AT_MAX, vec![0, 1, 2, 3]));
    // More of them in the same turn, and after it: until the pause is over they wait.
    for ms in [0, 1] {
        let from = 8 + 4 * ms as usize;
        ask(&mut shard, Time::from_ms(ms), from..from + 4, &readers);
        assert_eq!(answers(&mut shard, &mut readers, count), (0, Vec::new()));
    }
    assert_eq!((shard.questions.len(), shard.deadline()), (12, Some(Time::from_ms(1))));
    for ms in 1..4 {
        shard.tick(Time::from_ms(ms));
        let from = 4 * ms as usize;
        let expected = (LOOKED_AT_MAX, (from..from + 4).collect());
        assert_eq!(answers(&mut shard, &mut readers, count), expected);
    }
    // The last pause ends without anybody waiting, and no other follows.
    assert_eq!(shard.deadline(), Some(Time::from_ms(4)));
    shard.tick(Time::from_ms(4));
    assert_eq!((shard.questions.len(), shard.deadline()), (0, None));
}

/// Who asks for the next page goes behind those that wait; a page that is cut short by the end of a turn loses nothing.
#[test]
fn questions_take_turns_until_all_are_answered() {
    let (count, mut readers) = (300, readers(5));
    let mut shard = shard(ASKED, 70);
    keep(&mut shard, count);
    ask(&mut shard, Time::ZERO, 0..5, &readers);
    let mut looked_at_by_all = 0;
    for ms in 1.. {
        let (looked_at, answered) = answers(&mut shard, &mut readers, count);
        assert!(looked_at <= 70, "{looked_at}");
        looked_at_by_all += looked_at;
        let go_on: Vec<usize> = answered.into_iter().filter(|&reader| !readers[reader].is_done).collect();
        ask(&mut shard, Time::from_ms(ms - 1), go_on, &readers);
        let pages = readers.iter().filter(|reader| !reader.is_done).map(|reader| reader.pages);
        let (least, most) = (pages.clone().min(), pages.max());
        let (Some(least), Some(most)) = (least, most) else { break };
        assert!(most - least <= 1, "{readers:?}");
        if shard.trays().letters_waiting() == 0 {
            shard.tick(Time::from_ms(ms));
        }
    }
    assert_eq!(looked_at_by_all, 5 * count);
}

/// Two shards that write letters to each other.
struct Pair {
    shards: [Shard; 2],
}

impl Pair {
    fn ferry(&mut self, now: Time) {
        while let Some((to, from, bundle)) = self.next_bundle() {
            self.shards[to].deliver(now, from, bundle);
        }
    }

    fn next_bundle(&mut self) -> Option<(usize, ShardId, Bundle)> {
        let ways = [(ASKING, ASKED), (ASKED, ASKING)];
        ways.into_iter().find_map(|(from, to)| {
            let bundle = self.shards[usize::from(from)].trays().take_bundle(to)?;
            Some((usize::from(to), from, bundle))
        })
    }

    /// A client of the shard that asks.
    fn client(&mut self, client_id: &str) -> ConnectionId {
        let asking = &mut self.shards[usize::from(ASKING)];
        assert_eq!(asking.setup.seeds.home(client_id, 2), ASKING);
        testing::client(asking, testing::connect(Version::V5, client_id))
    }

    fn subscribe(&mut self, id: ConnectionId, filter: &str) {
        testing::subscribe(&mut self.shards[usize::from(ASKING)], id, filter, Qos::AtMostOnce, Version::V5);
        self.ferry(Time::ZERO);
    }

    fn unsubscribe(&mut self, id: ConnectionId, filter: &str) {
        testing::unsubscribe(&mut self.shards[usize::from(ASKING)], id, filter, Version::V5);
        self.ferry(Time::ZERO);
    }

    fn waiting(&self) -> usize {
        self.shards[usize::from(ASKED)].questions.len()
    }
}

/// Two client identifiers whose home is the shard that asks.
fn client_ids(pair: &Pair) -> [String; 2] {
    let seeds = pair.shards[0].setup.seeds;
    let mut ids = (0..).map(|number| format!("c{number}")).filter(|id| seeds.home(id, 2) == ASKING);
    [(); 2].map(|()| ids.next().expect("half of them are"))
}

/// The bound on what waits: subscribing again and again, and coming back as a new session, only replace a question for
/// which nobody waits any more.
#[test]
fn one_question_waits_for_each_session_whatever_its_client_does() {
    let mut pair = Pair { shards: [shard(ASKING, LOOKED_AT_MAX), shard(ASKED, 1)] };
    keep(&mut pair.shards[usize::from(ASKED)], 3);
    let [restless, patient] = client_ids(&pair);
    let mut connection = pair.client(&restless);
    pair.subscribe(connection, "#");
    assert_eq!(pair.waiting(), 1, "one topic was looked at, the rest waits");
    for _ in 0..10 {
        for _ in 0..10 {
            pair.unsubscribe(connection, "#");
            pair.subscribe(connection, "#");
        }
        connection = pair.client(&restless);
        pair.subscribe(connection, "#");
        assert_eq!(pair.waiting(), 1);
    }
    let other = pair.client(&patient);
    pair.subscribe(other, "#");
    assert_eq!(pair.waiting(), 2);
    let sent_before = pair.shards[usize::from(ASKING)].counters().publish_sent_qos0;
    for ms in 1..20 {
        let now = Time::from_ms(ms);
        pair.shards[usize::from(ASKED)].tick(now);
        pair.ferry(now);
        assert!(pair.waiting() <= 2);
    }
    let sent = pair.shards[usize::from(ASKING)].counters().publish_sent_qos0 - sent_before;
    assert_eq!((pair.waiting(), sent), (0, 6), "three messages for each of the two");
}
