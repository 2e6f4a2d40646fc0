//! The mixed workload: the shape of the preset of this name, for as many clients and messages as are asked for.
//!
//! Owns the division. Must never know what kinds of traffic the preset has.

use crate::cli::{ClientArgs, MixedArgs};

use super::typed::{levels, ramp, scenario};
use super::{Flow, Scenario, Span, Stage, preset};

/// The scenario that it stands for.
///
/// # Errors
/// A size that makes it impossible.
pub(super) fn mixed(args: &MixedArgs, client: &ClientArgs) -> Result<Scenario, String> {
    let preset = preset("mixed").expect("it comes with the tool");
    let shape = Scenario::from_toml(preset.text)?;
    let scale = f64::from(args.clients) / shape.client_count() as f64;
    let sized = shape.scaled(scale)?;
    let usual = sized.open_rate().expect("its flows are open loops");
    let sized = sized.with_rates(args.rate / usual)?;
    let groups: Vec<(&str, u32)> =
        sized.clients.iter().map(|group| (group.name.as_str(), group.count)).collect();
    let prefix = &client.topic_prefix;
    let flow = |flow: &Flow| Flow {
        topic: format!("{prefix}/{{run}}/{}{}/{{client}}", flow.name, levels(client, 4)),
        ..flow.clone()
    };
    let flows = sized.flows.iter().map(flow).collect();
    let warm_up = (args.warm_up > 0).then_some(Stage::WarmUp { span: Span(args.warm_up) });
    let publish = Stage::Publish { span: Some(Span(args.duration)) };
    let stages = [ramp(client)].into_iter().chain(warm_up).chain([publish, Stage::Drain {}]).collect();
    Ok(scenario("mixed", &groups, flows, stages, client).with_patience(args.drain))
}
