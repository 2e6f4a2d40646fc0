//! The command of an agent, and the options that a controller passes on.
//!
//! Owns their words. Must never connect.

use std::net::SocketAddr;
use std::path::Path;

use clap::Args;

use crate::clock::MILLISECOND;

use super::{EngineArg, TargetArgs};

/// Where an agent listens.
#[derive(Args, Debug)]
pub(crate) struct AgentArgs {
    /// Address and port; port 0 for any.
    #[arg(long, default_value = "127.0.0.1:7883")]
    pub(crate) listen: SocketAddr,
}

impl TargetArgs {
    /// The options that an agent needs, as they are typed. Files are those of the agent's machine.
    pub(crate) fn to_words(&self) -> Vec<String> {
        let millis = |span: u64| format!("{}ms", span as f64 / MILLISECOND as f64);
        let mut words = vec![
            format!("--broker={}", self.broker),
            format!("--lag-max={}", millis(self.lag_max)),
            "--quiet".into(),
        ];
        words.extend(self.output.interval.map(|length| format!("--interval={}", millis(length))));
        words.extend(self.source.iter().map(|source| format!("--source={source}")));
        let file = |name: &str, path: &Path| format!("--{name}={}", path.display());
        for (name, path) in [("ca", &self.ca), ("cert", &self.cert), ("key", &self.key)] {
            words.extend(path.as_deref().map(|path| file(name, path)));
        }
        words.extend(self.insecure.then(|| "--insecure".into()));
        words.extend(self.tls_resume.then(|| "--tls-resume".into()));
        words.push(match self.engine {
            EngineArg::Auto => "--engine=auto".into(),
            EngineArg::Uring => "--engine=uring".into(),
            EngineArg::Epoll => "--engine=epoll".into(),
        });
        words
    }
}
