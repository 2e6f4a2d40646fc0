//! The socket suite: a running broker, real clients, real sockets. One test per client; each starts its own broker on
//! free ports, runs every case of that client over plain TCP and TLS with MQTT 3.1.1 and 5.0, and stops the broker.
//!
//! Owns the processes it starts and their scratch directories. It must never know the inside of the broker: what is
//! proven here is what a user's client sees. Builds nothing: the broker is `$RINGMQ_BIN`, or `ringmq` from the target
//! directory of this test. `scripts/setup.sh` installs the clients; a missing one is a failure, never a skip.

mod broker;
mod client;
mod process;
mod rumqttc_client;

use broker::Broker;
use client::Client;
use process::Failure;

/// Runs one foreign client against a broker of its own.
async fn check(client: Client) -> Result<(), Failure> {
    client.require()?;
    let broker = Broker::start(client.name()).await?;
    let ran = client.run(&broker).await;
    broker.finish(ran).await
}

#[tokio::test]
async fn paho() -> Result<(), Failure> {
    check(Client::Paho).await
}

#[tokio::test]
async fn aiomqtt() -> Result<(), Failure> {
    check(Client::Aiomqtt).await
}

#[tokio::test]
async fn node_mqtt() -> Result<(), Failure> {
    check(Client::NodeMqtt).await
}

#[tokio::test]
async fn mosquitto_clients() -> Result<(), Failure> {
    check(Client::Mosquitto).await
}

/// A whole broker behind one connection, in both directions.
#[tokio::test]
async fn mosquitto_bridge() -> Result<(), Failure> {
    check(Client::MosquittoBridge).await
}

#[tokio::test]
async fn rumqttc() -> Result<(), Failure> {
    let broker = Broker::start("rumqttc").await?;
    let ran = rumqttc_client::run(&broker).await;
    broker.finish(ran).await
}
