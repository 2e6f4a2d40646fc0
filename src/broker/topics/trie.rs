//! Filters with wildcards, level by level, and a value for each.
//!
//! Owns the nodes and the edges between them. Must never know what the values mean. A node is a path of levels; a
//! filter that ends in `#` is stored in the node above the `#`, so `a/#` costs no more than `a`. Literal edges of
//! all nodes share one hash table, since most nodes have one child or none.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::fingerprint::Fingerprint;
use super::level::LevelText;
use crate::pages::Pages;

const ROOT: u32 = 0;
/// No node. Also ends the list of free nodes.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Node<V> {
    /// The node one level up; of a free node: the next free one.
    parent: u32,
    /// The child for a level of `+`.
    plus: u32,
    /// Children for literal levels.
    literal_count: u32,
    /// Of the filter that ends here.
    value: Option<V>,
    /// Of the filter that ends in `#` one level below.
    rest: Option<V>,
    /// The level that leads here from the parent; `+` for a wildcard.
    text: LevelText,
}

/// A literal edge. Keeps its hash, so that the table grows without reading nodes.
#[derive(Debug, Clone, Copy)]
struct Edge {
    hash: Fingerprint,
    child: u32,
}

/// Which of a node's two values a filter owns.
#[derive(Clone, Copy)]
enum Place {
    Value,
    Rest,
}

/// Wildcard filters and their values. Works for filters without a wildcard as well, but a hash table is cheaper.
///
/// The cost of a match is bounded by the number of stored paths that the topic can follow, not by the number of
/// filters. Nothing recurses; the depth of the trie is the number of levels of the longest filter, which the caller
/// bounds.
#[derive(Debug)]
pub struct FilterTrie<V> {
    nodes: Pages<Node<V>>,
    free: u32,
    edges: HashTable<Edge>,
    hasher: FixedState,
    len: usize,
}

impl<V> FilterTrie<V> {
    /// An empty trie.
    pub fn new(hasher: FixedState) -> FilterTrie<V> {
        let mut trie =
            FilterTrie { nodes: Pages::default(), free: NONE, edges: HashTable::new(), hasher, len: 0 };
        trie.add_node(NONE, "");
        trie
    }

    /// Number of filters.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no filter.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of exactly this filter.
    pub fn get(&self, filter: &str) -> Option<&V> {
        let (path, place) = split_rest(filter);
        let node = &self.nodes[self.find(path)? as usize];
        match place {
            Place::Value => node.value.as_ref(),
            Place::Rest => node.rest.as_ref(),
        }
    }

    /// The value of exactly this filter, to be changed.
    pub fn get_mut(&mut self, filter: &str) -> Option<&mut V> {
        let (path, place) = split_rest(filter);
        let node = self.find(path)?;
        self.slot(node, place).as_mut()
    }

    /// Stores a value under the filter and returns the one it replaces.
    pub fn insert(&mut self, filter: &str, value: V) -> Option<V> {
        let (path, place) = split_rest(filter);
        let node = self.find_or_add(path);
        let old = self.slot(node, place).replace(value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes the filter out, and with it every node that no other filter needs.
    pub fn remove(&mut self, filter: &str) -> Option<V> {
        let (path, place) = split_rest(filter);
        let node = self.find(path)?;
        let value = self.slot(node, place).take()?;
        self.len -= 1;
        self.prune(node);
        Some(value)
    }

    /// Visits the value of every filter that matches the topic, in an order that depends only on the history of
    /// the trie. `#` also matches the level above it; a first level that begins with `$` is seen only by filters
    /// that spell it out [MQTT-4.7.2-1].
    pub fn for_each_match(&self, topic: &str, mut visit: impl FnMut(&V)) {
        if self.is_empty() {
            return;
        }
        let topic_len = topic.len();
        let is_hidden = topic.starts_with('$');
        // A node to look at, with where its next level begins; behind the topic: no level left. `+` is looked at
        // after the literal path, so a topic that meets none is followed without a detour.
        let mut literal = Some((ROOT, 0));
        let mut plus: SmallVec<[(u32, usize); 16]> = SmallVec::new();
        while let Some((id, at)) = literal.take().or_else(|| plus.pop()) {
            let node = &self.nodes[id as usize];
            let wildcards_apply = !(is_hidden && id == ROOT);
            if let Some(value) = node.rest.as_ref().filter(|_| wildcards_apply) {
                visit(value);
            }
            if at > topic_len {
                if let Some(value) = &node.value {
                    visit(value);
                }
                continue;
            }
            let level = first_level(&topic[at..]);
            let next = at + level.len() + 1;
            if wildcards_apply && node.plus != NONE {
                plus.push((node.plus, next));
            }
            if node.literal_count > 0 {
                literal = self.literal_child(id, level).map(|child| (child, next));
            }
        }
    }

    fn slot(&mut self, node: u32, place: Place) -> &mut Option<V> {
        let node = &mut self.nodes[node as usize];
        match place {
            Place::Value => &mut node.value,
            Place::Rest => &mut node.rest,
        }
    }

    /// The node of a path; the root for no path.
    fn find(&self, path: Option<&str>) -> Option<u32> {
        path.into_iter()
            .flat_map(|path| path.split('/'))
            .try_fold(ROOT, |node, level| self.child(node, level))
    }

    fn find_or_add(&mut self, path: Option<&str>) -> u32 {
        path.into_iter()
            .flat_map(|path| path.split('/'))
            .fold(ROOT, |node, level| self.child(node, level).unwrap_or_else(|| self.add_child(node, level)))
    }

    fn child(&self, parent: u32, level: &str) -> Option<u32> {
        if level == "+" {
            let plus = self.nodes[parent as usize].plus;
            return (plus != NONE).then_some(plus);
        }
        self.literal_child(parent, level)
    }

    fn literal_child(&self, parent: u32, level: &str) -> Option<u32> {
        let hash = self.edge_hash(parent, level);
        let is_it = |edge: &Edge| {
            let node = &self.nodes[edge.child as usize];
            edge.hash == hash && node.parent == parent && node.text.as_bytes() == level.as_bytes()
        };
        self.edges.find(hash.spread(), is_it).map(|edge| edge.child)
    }

    fn add_child(&mut self, parent: u32, level: &str) -> u32 {
        let child = self.add_node(parent, level);
        let node = &mut self.nodes[parent as usize];
        if level == "+" {
            node.plus = child;
        } else {
            node.literal_count += 1;
            let hash = self.edge_hash(parent, level);
            self.edges.insert_unique(hash.spread(), Edge { hash, child }, |edge| edge.hash.spread());
        }
        child
    }

    fn edge_hash(&self, parent: u32, level: &str) -> Fingerprint {
        Fingerprint::of(level, &self.hasher).below(parent)
    }

    fn add_node(&mut self, parent: u32, level: &str) -> u32 {
        let text = LevelText::new(level);
        let node = Node { parent, plus: NONE, literal_count: 0, value: None, rest: None, text };
        if self.free == NONE {
            return u32::try_from(self.nodes.push(node)).expect("fewer than 2^32 nodes");
        }
        let id = self.free;
        self.free = self.nodes[id as usize].parent;
        self.nodes[id as usize] = node;
        id
    }

    /// Frees the node if nothing needs it, then its parent, and so on up to the root, which stays.
    fn prune(&mut self, mut id: u32) {
        while id != ROOT && self.nodes[id as usize].is_unused() {
            let parent = self.nodes[id as usize].parent;
            if self.nodes[parent as usize].plus == id {
                self.nodes[parent as usize].plus = NONE;
            } else {
                self.remove_edge(parent, id);
            }
            let node = &mut self.nodes[id as usize];
            node.text = LevelText::EMPTY;
            node.parent = self.free;
            self.free = id;
            id = parent;
        }
    }

    fn remove_edge(&mut self, parent: u32, child: u32) {
        let level =
            std::str::from_utf8(self.nodes[child as usize].text.as_bytes()).expect("a level came in as str");
        let hash = self.edge_hash(parent, level);
        let edge = self.edges.find_entry(hash.spread(), |edge| edge.child == child);
        edge.expect("a literal node has an edge").remove();
        self.nodes[parent as usize].literal_count -= 1;
    }
}

impl<V> Node<V> {
    fn is_unused(&self) -> bool {
        self.value.is_none() && self.rest.is_none() && self.literal_count == 0 && self.plus == NONE
    }
}

/// Cuts a trailing `#` level off: the path above it, none when `#` stands alone, and where the value belongs.
fn split_rest(filter: &str) -> (Option<&str>, Place) {
    if filter == "#" {
        return (None, Place::Rest);
    }
    match filter.strip_suffix("/#") {
        Some(path) => (Some(path), Place::Rest),
        None => (Some(filter), Place::Value),
    }
}

fn first_level(rest: &str) -> &str {
    let end = rest.bytes().position(|byte| byte == b'/');
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests;
