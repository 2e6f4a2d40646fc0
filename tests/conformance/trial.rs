//! One run of a test: a world, a version, and the clients that come to it.
//!
//! Owns the variations under which every test is run: on one shard and on three, with the clients at other homes, and
//! with a network that hands bytes over in crumbs. A test must never be able to tell which.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use ringmq_broker::cause::Cause;
use ringmq_broker::counters::Counters;
use ringmq_broker::limits::Limits;
use ringmq_broker::policy::ListenerPolicy;
use ringmq_tests::simulator::{Weather, World, WorldSetup};

use crate::client::Client;
use crate::wire::{Connack, Connect, Version};

/// How a test is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variation {
    shard_count: u16,
    /// Decides which client is at home on which shard.
    seed: u64,
    weather: Weather,
}

impl Variation {
    const CRUMBS: Weather = Weather { read_bytes_max: 5, carry_bytes_max: 5, ..Weather::CALM };

    pub(crate) const ALL: [Variation; 4] = [
        Variation { shard_count: 1, seed: 1, weather: Weather::CALM },
        Variation { shard_count: 3, seed: 1, weather: Weather::CALM },
        Variation { shard_count: 3, seed: 2, weather: Weather::CALM },
        Variation { shard_count: 3, seed: 3, weather: Variation::CRUMBS },
    ];
}

/// The world as the clients of one test share it.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// What went over the wires, for the reader of a failure.
    pub(crate) transcript: Vec<String>,
}

/// One run of a test.
pub(crate) struct Trial {
    version: Version,
    variation: Variation,
    setup: RefCell<WorldSetup>,
    stage: RefCell<Option<Rc<RefCell<Stage>>>>,
    /// Number of clients so far; gives names to those that do not care.
    clients: Cell<usize>,
}

impl Trial {
    pub(crate) fn new(version: Version, variation: Variation) -> Trial {
        let mut setup = WorldSetup::new(variation.shard_count);
        setup.seed = variation.seed;
        Trial {
            version,
            variation,
            setup: RefCell::new(setup),
            stage: RefCell::new(None),
            clients: Cell::new(0),
        }
    }

    /// The version that this run speaks, where a test does not say otherwise.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn is_v5(&self) -> bool {
        self.version.is_v5()
    }

    /// Changes what is served. Before the first client only.
    pub(crate) fn offers(&self, change: impl FnOnce(&mut ListenerPolicy)) -> &Trial {
        self.set_up(|setup| change(&mut setup.listeners[0]))
    }

    /// Changes the limits. Before the first client only.
    pub(crate) fn limits(&self, change: impl FnOnce(&mut Limits)) -> &Trial {
        self.set_up(|setup| change(&mut setup.limits))
    }

    /// Changes anything. Before the first client only.
    pub(crate) fn set_up(&self, change: impl FnOnce(&mut WorldSetup)) -> &Trial {
        assert!(self.stage.borrow().is_none(), "the world is made before it is set up");
        change(&mut self.setup.borrow_mut());
        self
    }

    /// The world, made now if it was not yet.
    pub(crate) fn stage(&self) -> Rc<RefCell<Stage>> {
        let make = || {
            let mut world = World::calm(self.setup.borrow().clone());
            world.set_weather(self.variation.weather);
            Rc::new(RefCell::new(Stage { world, transcript: Vec::new() }))
        };
        self.stage.borrow_mut().get_or_insert_with(make).clone()
    }

    /// A connection that has sent nothing yet.
    pub(crate) fn wire(&self) -> Client {
        self.wire_of(self.version)
    }

    /// A connection of a version that has sent nothing yet.
    pub(crate) fn wire_of(&self, version: Version) -> Client {
        self.clients.set(self.clients.get() + 1);
        Client::new(self.stage(), version, format!("#{}", self.clients.get()))
    }

    /// A client that connects through another listener than the first.
    pub(crate) fn connect_through(&self, listener: u16, connect: Connect) -> Client {
        let stage = self.stage();
        let wire = stage.borrow_mut().world.connect_through(0, listener);
        self.clients.set(self.clients.get() + 1);
        let mut client = Client::on_wire(stage, wire, self.version, format!("#{}", self.clients.get()));
        client.connect(connect);
        client
    }

    /// A connected client with nothing special.
    pub(crate) fn client(&self, name: &str) -> Client {
        self.connect(Connect::new(name))
    }

    /// A connected client of a version with nothing special.
    pub(crate) fn client_of(&self, version: Version, name: &str) -> Client {
        self.connect_of(version, Connect::new(name))
    }

    /// A connected client.
    pub(crate) fn connect(&self, connect: Connect) -> Client {
        self.connect_of(self.version, connect)
    }

    /// A connected client of a version.
    pub(crate) fn connect_of(&self, version: Version, connect: Connect) -> Client {
        let mut client = self.wire_of(version);
        client.connect(connect);
        client
    }

    /// A client whose CONNECT is refused, and the answer.
    pub(crate) fn refused(&self, connect: Connect) -> (Client, Connack) {
        let mut client = self.wire();
        let connack = client.try_connect(connect);
        assert_ne!(connack.code, 0, "the CONNECT is accepted");
        client.expect_closed();
        (client, connack)
    }

    /// Time goes by.
    pub(crate) fn wait_s(&self, seconds: u64) {
        self.wait_ms(seconds * 1000);
    }

    /// Time goes by.
    pub(crate) fn wait_ms(&self, ms: u64) {
        let stage = self.stage();
        let mut stage = stage.borrow_mut();
        stage.transcript.push(format!("+{ms} ms"));
        stage.world.advance_ms(ms);
    }

    /// What all shards counted.
    pub(crate) fn counters(&self) -> Counters {
        self.stage().borrow().world.counters()
    }

    /// How many connections ended for `cause`.
    pub(crate) fn ended_by(&self, cause: Cause) -> u64 {
        self.stage().borrow().world.ended_by(cause)
    }

    /// The broker stops.
    pub(crate) fn shut_down(&self) {
        let stage = self.stage();
        let mut stage = stage.borrow_mut();
        stage.world.shut_down();
        stage.world.settle();
    }
}

/// A test that failed shows what went over the wires.
impl Drop for Trial {
    fn drop(&mut self) {
        let Some(stage) = self.stage.borrow().clone().filter(|_| std::thread::panicking()) else { return };
        println!("{:?} under {:?}:", self.version, self.variation);
        for line in &stage.borrow().transcript {
            println!("  {line}");
        }
    }
}
