//! A letter from another shard: which handler it is for.

use crate::handlers::{announce, fan_out, memory, retained, shared, sys};
use crate::letter::Letter;
use crate::seed::ShardId;
use crate::shard::Shard;

/// Handles a letter.
pub(crate) fn deliver(shard: &mut Shard, from: ShardId, letter: Letter) {
    match letter {
        Letter::Route(change) => announce::route_changed(shard, from, &change),
        Letter::Group(change) => announce::group_changed(shard, from, &change),
        Letter::RoutesKnown(number) => announce::known(shard, from, number),
        Letter::Publish(content) => fan_out::publish_here(shard, &content),
        Letter::SharedPublish(publish) => shared::arrived(shard, &publish),
        Letter::Retain(content) => retained::keep_content(shard, content),
        Letter::RetainedQuestion(question) => retained::question(shard, from, &question),
        Letter::RetainedAnswer(answer) => retained::answer(shard, *answer),
        Letter::Memory(state) => memory::told(shard, from, state),
        Letter::Figures(figures) => sys::figures(shard, from, *figures),
    }
}
