//! Who subscribes to what, at the null sink.
//!
//! Owns the subscriptions, and remembers for each topic whom they lead to, so that a topic is matched once. Must never know
//! a message.

use std::collections::HashMap;

use ringmq_ring::SocketId;

/// Subscribers of one filter of which each message is for one, or for all.
#[derive(Debug)]
struct Route {
    filter: String,
    is_shared: bool,
    members: Vec<SocketId>,
    next: usize,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Routes {
    routes: Vec<Route>,
    /// Indexes of the routes of each topic that has been seen.
    topics: HashMap<String, Vec<usize>>,
    /// By the filter as it was subscribed to, `$share/NAME/` and all.
    by_name: HashMap<String, usize>,
}

impl Routes {
    pub(super) fn add(&mut self, name: String, id: SocketId) {
        let shared = name.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
        let (filter, is_shared) = (shared.map_or(&*name, |(_, filter)| filter).to_owned(), shared.is_some());
        let routes = &mut self.routes;
        let at = *self.by_name.entry(name).or_insert_with(|| {
            routes.push(Route { filter, is_shared, members: Vec::new(), next: 0 });
            routes.len() - 1
        });
        self.routes[at].members.push(id);
        self.topics.clear();
    }

    pub(super) fn remove(&mut self, id: SocketId) {
        for route in &mut self.routes {
            route.members.retain(|member| *member != id);
        }
        if self.routes.iter().all(|route| route.members.is_empty()) {
            *self = Routes::default();
        }
    }

    /// Tells everyone whom a message of this topic is for.
    pub(super) fn each(&mut self, topic: &str, mut tell: impl FnMut(SocketId)) {
        if !self.topics.contains_key(topic) {
            let matching =
                |(at, route): (usize, &Route)| ringmq_protocol::matches(&route.filter, topic).then_some(at);
            let found = self.routes.iter().enumerate().filter_map(matching).collect();
            self.topics.insert(topic.to_owned(), found);
        }
        for &at in self.topics.get(topic).into_iter().flatten() {
            let route = &mut self.routes[at];
            if !route.is_shared {
                route.members.iter().for_each(|member| tell(*member));
            } else if !route.members.is_empty() {
                route.next = (route.next + 1) % route.members.len();
                tell(route.members[route.next]);
            }
        }
    }
}
