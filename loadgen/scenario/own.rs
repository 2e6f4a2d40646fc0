//! The workloads for topics of the user's own as scenarios.
//!
//! Owns that translation. Must never check what it makes: that is `check`.

use crate::cli::{ClientArgs, SubArgs};

use super::typed::{ramp, scenario};
use super::{Flow, Pace, Payload, Route, Scenario, Span, Stage};

/// Takes the subscribers out of a workload: what is published is for whoever listens elsewhere.
pub(super) fn without_subscribers(whole: Scenario, client: &ClientArgs) -> Scenario {
    let mut clients = whole.clients;
    clients.retain(|group| group.name == "publishers");
    if let Some(prefix) = &client.client_id_prefix {
        // One group needs no letter.
        clients.iter_mut().for_each(|group| group.client_id = format!("{prefix}{{client}}"));
    }
    let flows = whole.flows.into_iter().map(|flow| Flow { to: None, ..flow }).collect();
    Scenario { clients, flows, ..whole }
}

/// Clients that listen.
pub(super) fn listening(args: &SubArgs, client: &ClientArgs) -> Scenario {
    let flow = Flow {
        name: "heard".into(),
        from: None,
        to: Some("subscribers".into()),
        route: Route::Everyone,
        share: "bench".into(),
        retain: false,
        qos: args.qos,
        subscribe_qos: Some(args.qos),
        payload: Payload::default(),
        pace: Pace::Unpaced {},
        messages: args.messages,
        inflight: 1,
        topic: String::new(),
        filters: args.filters.clone(),
        user_properties: Vec::new(),
    };
    let span = args.messages.is_none().then_some(Span(args.duration));
    let stages = vec![ramp(client), Stage::Publish { span }];
    scenario("sub", &[("subscribers", args.clients)], vec![flow], stages, client)
}

#[cfg(test)]
mod tests {
    use crate::scenario::tests::typed;

    use super::*;

    #[test]
    fn publishing_alone_has_no_subscribers_and_the_users_topics() {
        let line = "pub -n 20 --topic fleet/{client}/temp --retain -q 1 --payload 5 --every 10s \
                    --client-id-prefix dev- --user-property room=attic --user-property floor=2";
        let scenario = typed(line).unwrap();
        let flow = &scenario.flows[0];
        assert_eq!((scenario.clients.len(), scenario.clients[0].count), (1, 20));
        assert_eq!((flow.to.as_ref(), flow.retain, &*flow.topic), (None, true, "fleet/{client}/temp"));
        assert_eq!(
            flow.pace,
            Pace::Constant { rate_per_s: 2.0 },
            "twenty clients, one message in ten seconds"
        );
        assert_eq!(scenario.clients[0].client_id, "dev-{client}");
        let properties = [("room", "attic"), ("floor", "2")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(flow.user_properties, properties);
        assert_eq!(Scenario::from_toml(&scenario.to_toml()), Ok(scenario));
    }

    #[test]
    fn listening_alone_has_filters_and_nobody_who_publishes() {
        let scenario = typed("sub -n 3 -t a/+/{client} -t $share/g/b/# -q 2 -d 5s").unwrap();
        let flow = &scenario.flows[0];
        assert_eq!((flow.from.as_ref(), flow.filters.len(), flow.subscribe_qos()), (None, 2, 2));
        assert_eq!(flow.in_words(), "QoS 2, a/+/{client}, $share/g/b/#");
        assert_eq!(Scenario::from_toml(&scenario.to_toml()), Ok(scenario));
    }

    #[test]
    fn several_groups_with_one_prefix_do_not_share_their_names() {
        let scenario =
            typed("pairs --client-id-prefix x --will-topic gone/{client} --will-payload bye").unwrap();
        for group in &scenario.clients {
            assert_eq!(group.client_id, "x{group}{client}");
            assert_eq!(group.will.as_ref().map(|will| &*will.payload), Some("bye"));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (line, why) in [
            ("sub -t a/#/b", "a/#/b is no topic filter"),
            ("pub --topic a/+", "a/+ is no topic name"),
            ("fan-in --payload 15", "a payload that is checked has 16 bytes or more"),
            ("pub --user-property a=b --mqtt 3.1.1", "MQTT 3.1.1 knows no user properties"),
            ("pub --will-topic a/#", "a/# is no topic name"),
        ] {
            let refused = typed(line).unwrap_err();
            assert!(refused.contains(why), "{line}: {refused}");
        }
    }
}
