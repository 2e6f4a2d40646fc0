//! One run: a plan carried out, faults first, then calm, with the oracle watching all of it.
//!
//! Owns the loop between world, clients and oracle. Must never draw chance of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{Qos, Reason, SubscribeOptions, Version};

use super::client::{Answers, Client, Stage, Terms};
use super::messages::{Draft, Extras, MessageId, Messages, name_of};
use super::op::{Content, Op, Wish};
use super::oracle::{Complaint, Oracle};
use super::plan::Plan;
use super::scene::transcript::Transcript;
use super::setup::{Weather, WorldSetup};
use super::wire::WireId;
use super::world::World;

/// Turns after which a run that does not come to rest is taken to run for ever.
const TURNS_MAX: usize = 50_000;

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of all that the broker gave out.
    pub digest: u64,
    /// What it did wrong, if anything.
    pub complaint: Option<Complaint>,
}

/// Carries out a plan.
pub fn run(plan: &Plan) -> Outcome {
    carry_out(plan, &mut Simulation::new(&plan.setup, &plan.versions))
}

/// Carries out a plan and writes down what happened.
pub fn run_and_tell(plan: &Plan) -> (Outcome, Vec<String>) {
    let mut simulation = Simulation::new(&plan.setup, &plan.versions);
    simulation.transcript = Some(Transcript::default());
    let outcome = carry_out(plan, &mut simulation);
    (outcome, simulation.transcript.map(Transcript::into_lines).unwrap_or_default())
}

fn carry_out(plan: &Plan, simulation: &mut Simulation) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| simulation.all(&plan.ops)));
    let complaint = match outcome {
        Ok(outcome) => outcome.err(),
        Err(panic) => Some(format!("panic: {}", text_of(panic.as_ref()))),
    };
    Outcome { digest: simulation.world.digest(), complaint }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// World, clients and oracle together.
pub struct Simulation {
    pub(crate) world: World,
    pub(crate) clients: Vec<Client>,
    pub(crate) messages: Messages,
    oracle: Oracle,
    /// Session expiry that each client asked for last, in seconds.
    expiries_s: Vec<u32>,
    transcript: Option<Transcript>,
}

impl Simulation {
    /// Nothing has happened yet.
    pub fn new(setup: &WorldSetup, versions: &[Version]) -> Simulation {
        let mut world = World::calm(setup.clone());
        world.record();
        let client = |(number, &version): (usize, &Version)| Client::new(name_of(number), version);
        Simulation {
            world,
            clients: versions.iter().enumerate().map(client).collect(),
            messages: Messages::default(),
            oracle: Oracle::new(setup),
            expiries_s: vec![0; versions.len()],
            transcript: None,
        }
    }

    /// Carries out all operations and the finale.
    fn all(&mut self, ops: &[Op]) -> Result<(), Complaint> {
        for op in ops {
            self.apply(op)?;
        }
        self.finale()
    }

    /// Carries out one operation.
    ///
    /// # Errors
    /// What the broker did wrong.
    pub fn apply(&mut self, op: &Op) -> Result<(), Complaint> {
        match op {
            Op::Connect(client, shard, wish) => self.connect(*client, *shard, wish),
            Op::Publish(client, content) => self.publish(*client, content),
            Op::Subscribe(client, filters, identifier) => {
                let filters: Vec<_> =
                    filters.iter().map(|&(filter, options)| (filter.to_owned(), options)).collect();
                self.clients[*client].subscribe(&mut self.world, &filters, *identifier);
            }
            Op::Unsubscribe(client, filters) => {
                let filters: Vec<_> = filters.iter().map(|&filter| filter.to_owned()).collect();
                self.clients[*client].unsubscribe(&mut self.world, &filters);
            }
            Op::Disconnect(client, reason, expiry_s) => {
                let may_change = self.clients[*client].version.is_v5() && self.expiries_s[*client] > 0;
                let expiry_s = expiry_s.filter(|_| may_change);
                self.clients[*client].disconnect(&mut self.world, *reason, expiry_s);
            }
            Op::Cut(client, how, percent) => {
                if let Some(wire) = self.clients[*client].wire() {
                    let bytes = self.world.unread(wire) * *percent as usize / 100;
                    self.world.lose_sent(wire, bytes);
                }
                self.clients[*client].cut(&mut self.world, *how);
            }
            Op::Answer(client, answers) => self.clients[*client].set_answers(&mut self.world, *answers),
            Op::Stick(client) => {
                self.clients[*client].wire().into_iter().for_each(|wire| self.world.stick(wire));
            }
            Op::Unstick(client) => {
                self.clients[*client].wire().into_iter().for_each(|wire| self.world.unstick(wire));
            }
            Op::Ping(client) => self.clients[*client].ping(&mut self.world),
            Op::Expel(client) => {
                let wire = self.clients[*client].wire();
                wire.into_iter().for_each(|wire| self.world.disconnect(wire, Cause::AdministrativeAction));
            }
            Op::Weather(weather) => self.world.set_weather(*weather),
            Op::Turns(count) => return (0..*count).try_for_each(|_| self.turn()),
            Op::Pass(ms) => self.world.pass_ms(*ms),
            Op::Calm => return self.calm(),
        }
        self.look()
    }

    fn connect(&mut self, client: usize, shard: u16, wish: &Wish) {
        let version = self.clients[client].version;
        let will = wish.will.as_ref().map(|(content, delay_s)| (self.make(client, content), *delay_s));
        let terms = Terms {
            clean_start: if version.is_v5() { wish.clean_start } else { wish.expiry_s == 0 },
            expiry_s: wish.expiry_s,
            keep_alive_s: wish.keep_alive_s,
            receive_max: wish.receive_max,
            packet_bytes_max: wish.packet_bytes_max,
            alias_max: wish.alias_max,
            will: will.map(|(id, delay_s)| (id, if version.is_v5() { delay_s } else { 0 })),
        };
        self.expiries_s[client] = wish.expiry_s;
        let shard = shard % self.world.setup().shard_count;
        self.clients[client].connect(&mut self.world, &self.messages, shard, &terms);
    }

    fn publish(&mut self, client: usize, content: &Content) {
        if self.clients[client].stage() == Stage::Connected {
            let id = self.make(client, content);
            self.clients[client].publish(&mut self.world, &self.messages, id);
        }
    }

    fn make(&mut self, client: usize, content: &Content) -> MessageId {
        let is_v5 = self.clients[client].version.is_v5();
        self.messages.make(Draft {
            publisher: client,
            topic: content.topic.to_owned(),
            qos: content.qos,
            retain: content.retain,
            expiry_s: content.expiry_s.filter(|_| is_v5),
            payload_bytes: content.payload_bytes,
            extras: if is_v5 { content.extras } else { Extras::None },
        })
    }

    /// One turn of every shard, of the network and of every client.
    pub(crate) fn turn(&mut self) -> Result<(), Complaint> {
        self.world.step();
        for client in &mut self.clients {
            client.take(&mut self.world, &self.messages)?;
        }
        self.look()
    }

    /// The oracle looks at what has happened.
    fn look(&mut self) -> Result<(), Complaint> {
        let facts = self.world.take_facts();
        if let Some(transcript) = &mut self.transcript {
            transcript.add(&facts);
        }
        self.oracle.observe(facts, &self.messages)?;
        self.world.check_letters_counted()?;
        if self.world.is_letterless() {
            self.oracle.all_is_known();
        }
        Ok(())
    }

    /// Turns until nothing moves, and nothing is put off to the coming turn.
    fn settle(&mut self) -> Result<(), Complaint> {
        for _ in 0..TURNS_MAX {
            self.turn()?;
            if self.world.is_quiet() && !self.has_mail() {
                if !self.world.puts_off() {
                    return Ok(());
                }
                self.world.pass_ms(1);
            }
        }
        Err("the world does not come to rest".into())
    }

    fn has_mail(&self) -> bool {
        let wires = self.clients.iter().filter_map(Client::wire);
        wires.into_iter().any(|wire| self.world.has_received(wire) || self.world.is_closed(wire))
    }

    /// The network heals and clients read and answer for a moment: who is connected must get what it is owed.
    fn calm(&mut self) -> Result<(), Complaint> {
        let weather = self.world.weather;
        self.heal()?;
        self.oracle.check_calm(&self.present(), &self.messages)?;
        self.world.set_weather(weather);
        Ok(())
    }

    /// The wires at whose end there is a client.
    fn present(&self) -> Vec<WireId> {
        self.clients.iter().filter_map(Client::wire).collect()
    }

    fn heal(&mut self) -> Result<(), Complaint> {
        self.world.set_weather(Weather::CALM);
        for client in &mut self.clients {
            client.set_answers(&mut self.world, Answers::Now);
            client.wire().into_iter().for_each(|wire| self.world.unstick(wire));
        }
        self.settle()
    }

    /// Faults are over: all clients come back, everything must drain, and the counters must agree.
    fn finale(&mut self) -> Result<(), Complaint> {
        self.heal()?;
        self.come_back()?;
        self.oracle.expect_everything();
        self.say_something()?;
        self.check()?;
        self.probe()?;
        self.check()?;
        self.take_leave()
    }

    fn come_back(&mut self) -> Result<(), Complaint> {
        let shard_count = self.world.setup().shard_count;
        for (number, client) in self.clients.iter_mut().enumerate() {
            if client.stage() != Stage::Connected {
                let shard = u16::try_from(number).unwrap_or(0) % shard_count;
                client.connect(&mut self.world, &self.messages, shard, &Terms::resuming());
            }
        }
        self.settle()?;
        match self.clients.iter().find(|client| client.stage() != Stage::Connected) {
            Some(client) => Err(format!("{} cannot connect", client.name)),
            None => Ok(()),
        }
    }

    /// Every client publishes at each QoS.
    fn say_something(&mut self) -> Result<(), Complaint> {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            for client in 0..self.clients.len() {
                let extras = Extras::None;
                let topic = "a/b";
                self.publish(
                    client,
                    &Content { topic, qos, retain: false, expiry_s: None, payload_bytes: 1, extras },
                );
                if self.oracle.has_refusals() {
                    self.settle()?;
                }
            }
            self.settle()?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Complaint> {
        self.oracle.check_calm(&self.present(), &self.messages)?;
        self.oracle.check_groups(&self.messages)?;
        if let Some(client) = self.clients.iter().find(|client| !client.is_idle()) {
            let count = client.outgoing_count();
            return Err(format!("{} has {count} publishes and more that were never answered", client.name));
        }
        self.oracle.check_counters(&self.world.counters(), self.world.open_count(), &self.messages)
    }

    /// A new client asks for all retained messages.
    fn probe(&mut self) -> Result<(), Complaint> {
        let number = self.clients.len();
        let mut probe = Client::new(name_of(number), Version::V5);
        probe.connect(&mut self.world, &self.messages, 0, &Terms::resuming());
        self.clients.push(probe);
        self.expiries_s.push(0);
        self.settle()?;
        let options = SubscribeOptions { qos: Qos::ExactlyOnce, ..Default::default() };
        self.clients[number].subscribe(&mut self.world, &[("#".to_owned(), options)], 0);
        self.settle()
    }

    /// Everybody leaves for good, the probe last: nothing may be left behind.
    fn take_leave(&mut self) -> Result<(), Complaint> {
        let terms = Terms { clean_start: true, expiry_s: 0, ..Terms::resuming() };
        for client in &mut self.clients {
            client.connect(&mut self.world, &self.messages, 0, &terms);
        }
        self.settle()?;
        let probe = self.clients.len() - 1;
        for client in &mut self.clients[..probe] {
            client.disconnect(&mut self.world, Reason::Success, None);
        }
        self.erase_retained(probe)?;
        self.clients[probe].disconnect(&mut self.world, Reason::Success, None);
        self.settle()?;
        self.world.pass_ms(self.world.setup().listeners[0].connect_timeout_ms);
        self.settle()?;
        self.check_empty()
    }

    fn erase_retained(&mut self, client: usize) -> Result<(), Complaint> {
        for topic in self.oracle.retained_topics() {
            let draft = Draft {
                publisher: client,
                topic,
                qos: Qos::AtLeastOnce,
                retain: true,
                expiry_s: None,
                payload_bytes: 0,
                extras: Extras::None,
            };
            let id = self.messages.make(draft);
            self.clients[client].publish(&mut self.world, &self.messages, id);
            self.settle()?;
        }
        Ok(())
    }

    fn check_empty(&self) -> Result<(), Complaint> {
        let counters = self.world.counters();
        for (name, left) in [
            ("sessions", counters.sessions),
            ("subscriptions", counters.subscriptions),
            ("retained messages", counters.retained),
            ("bytes of retained messages", counters.retained_bytes),
            ("bytes of messages", counters.message_bytes),
        ] {
            let is_own = self.world.setup().broker.sys_interval_s > 0 && name.ends_with("messages");
            if left > 0 && !is_own {
                return Err(format!("{left} {name} are left when everybody is gone"));
            }
        }
        self.oracle.check_counters(&counters, self.world.open_count(), &self.messages)
    }
}
