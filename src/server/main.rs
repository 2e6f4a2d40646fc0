//! `ringmq`: a thread-per-core MQTT broker on io_uring.
//!
//! This crate is the only floor that touches the kernel and configuration. [`cli`] and [`config`] say what to run,
//! [`runtime`] runs it, [`net`] carries bytes between sockets and shards. What a broker does is in `ringmq-broker`.

mod cli;
mod config;
mod net;
mod runtime;

use std::process::ExitCode;

use cli::Errand;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let config = match cli::read_command_line() {
        Errand::Run(config) => config,
        Errand::Done(code) => return code,
    };
    runtime::log::start(&config.log);
    match runtime::launch::run_broker(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            runtime::log::give_up(config.log.format, &error.to_string());
            ExitCode::FAILURE
        }
    }
}
