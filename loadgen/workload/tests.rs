//! Numbers, names, topics and filters.

use super::*;

fn workload(publishers: u32, subscribers: u32, flow: &str) -> Workload {
    let text = format!(
        "name = 'test'\n\
         clients = [{{ name = 'p', count = {publishers} }}, {{ name = 's', count = {subscribers} }}]\n\
         flows = [{{ name = 'f', from = 'p', to = 's', pace = {{ kind = 'unpaced' }}, {flow} }}]\n\
         stages = [{{ stage = 'ramp' }}]"
    );
    Workload::new(&Scenario::from_toml(&text).unwrap(), 0xAB, Share::WHOLE).unwrap()
}

fn topic(lane: &Lane, publisher: u32, sequence: u32) -> String {
    let mut topic = String::new();
    lane.write_topic(publisher, sequence, &mut topic);
    topic
}

#[test]
fn clients_are_numbered_through() {
    let workload = workload(2, 3, "");
    assert_eq!(workload.clients(), 5);
    assert_eq!(workload.lanes[0].publishers, 0..2);
    assert_eq!(workload.lanes[0].subscribers, 2..5);
    assert!(workload.is_publisher(1) && !workload.is_publisher(2));
    let mut identity = Identity::default();
    workload.identify(4, &mut identity);
    assert_eq!(identity.client_id, "rb000000abb2");
}

#[test]
fn the_longest_client_identifier_is_one_that_every_server_takes() {
    let mut workload = workload(1, 1, "");
    workload.run = u32::MAX;
    workload.groups[1].clients = 1..u32::MAX;
    let mut identity = Identity::default();
    workload.identify(u32::MAX - 1, &mut identity);
    let id = identity.client_id;
    assert!(id.len() <= 23 && id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
}

#[test]
fn filters_match_the_topics_they_are_for() {
    for (publishers, flow) in [
        (1, "qos = 0"),
        (3, "qos = 0"),
        (1, "retain = true"),
        (3, "topic = 'fleet/x-{client}/{n}/y'"),
        (1, "route = 'shared', share = 'g'"),
        (2, "route = 'shared', share = 'g'"),
    ] {
        let lane = &workload(publishers, 2, flow).lanes[0];
        let filter = lane.filter(1).replace("$share/g/", "");
        assert!(ringmq_protocol::matches(&filter, &topic(lane, publishers - 1, 7)), "{filter}");
    }
    let pairs = &workload(2, 2, "route = 'pairs'").lanes[0];
    assert!(ringmq_protocol::matches(&pairs.filter(1), &topic(pairs, 1, 7)));
    assert!(!ringmq_protocol::matches(&pairs.filter(1), &topic(pairs, 0, 7)));
    let request = &workload(2, 3, "route = 'request'").lanes[0];
    assert!(ringmq_protocol::matches("bench/000000ab/+", &topic(request, 1, 7)));
    assert_eq!(request.request_filter(), "$share/bench/bench/000000ab/+");
    assert_eq!(request.filter(1), reply_topic(&topic(request, 1, 7)));
    let addressed = &workload(2, 3, "route = 'addressed'").lanes[0];
    assert!(ringmq_protocol::matches(&addressed.filter(2), &topic(addressed, 0, 1)));
    assert!(!ringmq_protocol::matches(&addressed.filter(1), &topic(addressed, 0, 1)));
}

#[test]
fn each_retained_message_has_a_topic_of_its_own() {
    let lane = &workload(3, 1, "retain = true").lanes[0];
    let mut topics: Vec<_> = (0..30).map(|number| topic(lane, number % 3, number / 3)).collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), 30);
}

#[test]
fn a_sender_belongs_to_one_lane() {
    let mut workload = workload(2, 2, "");
    let mut second = workload.lanes[0].clone();
    second.first_sender = 2;
    workload.lanes.push(second);
    assert_eq!(
        [0, 1, 2, 3, 4].map(|sender| workload.lane_of(sender)),
        [Some(0), Some(0), Some(1), Some(1), None]
    );
}
