//! Certificates of clients: asked for or not, right, wrong or missing; and a certificate of the operator's own.

use std::io;

use ringmq_protocol::{Reason, Version};

use crate::broker::{Broker, Engine, Plan, Scratch, on_both_engines};
use crate::certificates::{
    Authority, Identity, ONLY_TLS_1_2, ONLY_TLS_1_3, Terms, Versions, shake_hands, write,
};
use crate::client::{Client, Received};

on_both_engines! {
    required_certificates_are_required,
    optional_certificates_may_be_missing_but_not_wrong,
}

fn required_certificates_are_required(engine: Engine) {
    let house = House::new(engine, "required");
    for versions in [ONLY_TLS_1_2, ONLY_TLS_1_3] {
        assert!(house.is_served(Some(house.clients.client("right")), versions));
        assert!(!house.is_served(Some(Authority::new("stranger").client("wrong")), versions));
        assert!(!house.is_served(None, versions));
    }
    house.broker.finish();
}

fn optional_certificates_may_be_missing_but_not_wrong(engine: Engine) {
    let house = House::new(engine, "optional");
    for versions in [ONLY_TLS_1_2, ONLY_TLS_1_3] {
        assert!(house.is_served(Some(house.clients.client("right")), versions));
        assert!(!house.is_served(Some(Authority::new("stranger").client("wrong")), versions));
        assert!(house.is_served(None, versions));
    }
    house.broker.finish();
}

/// A broker with a certificate of its operator, and the authority of its clients.
struct House {
    broker: Broker,
    servers: Authority,
    clients: Authority,
}

impl House {
    fn new(engine: Engine, client_auth: &str) -> House {
        let files = Scratch::new();
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let own = servers.server();
        let plan = Plan::new(engine)
            .shards(3)
            .flag("--tls-cert", write(&files.0, "server.pem", &own.certificate))
            .flag("--tls-key", write(&files.0, "server.key", &own.key))
            .flag("--tls-client-ca", clients.write(&files.0))
            .set(&format!("tls.client_auth={client_auth}"));
        House { broker: plan.start(), servers, clients }
    }

    /// Whether a client with this certificate gets a CONNACK.
    fn is_served(&self, identity: Option<Identity>, versions: Versions) -> bool {
        let config = Terms { trusted: self.servers.certificate(), identity, versions, alpn: None }.config();
        let answer = shake_hands(&self.broker, &config).and_then(|stream| {
            let mut client = Client::new(stream, Version::V5);
            // With TLS 1.3 the client believes that it is in before the server has looked at its certificate.
            io::Write::write_all(&mut client.stream, &crate::client::connect_bytes(Version::V5, "guest"))?;
            client.next_within(crate::sockets::PATIENCE)
        });
        match answer {
            Ok(received) => {
                assert_eq!(received, Received::Connack(Reason::Success));
                true
            }
            Err(error) => {
                assert!(error.to_string().contains("alert") || is_closed(&error), "{error}");
                false
            }
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
