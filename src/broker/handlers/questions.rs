//! What other shards ask about retained messages: answered in turn, so much at a time that others get their turn as well.

use crate::clients::Timer;
use crate::handlers::retained;
use crate::letter::{Letter, RetainedAnswer, RetainedQuestion};
use crate::message::Message;
use crate::seed::ShardId;
use crate::shard::Shard;

/// Another shard asks for a page.
pub(crate) fn asked(shard: &mut Shard, from: ShardId, question: Box<RetainedQuestion>) {
    if shard.questions.is_paused() {
        return shard.questions.push(from, question);
    }
    answer(shard, from, &question);
}

/// Answers the questions that wait, until as many topics were looked at as a turn allows.
pub(crate) fn go_on(shard: &mut Shard) {
    shard.questions.go_on();
    while !shard.questions.is_paused()
        && let Some((from, question)) = shard.questions.pop()
    {
        answer(shard, from, &question);
    }
}

/// Answers with a page, a short one if no more may be looked at: who asked then asks for the rest, behind those that wait.
fn answer(shard: &mut Shard, from: ShardId, question: &RetainedQuestion) {
    let (found, next, looked_at) = retained::page(shard, question, shard.questions.left());
    let found = found.iter().map(Message::to_across).collect();
    let answer = RetainedAnswer { read: question.read, found, next };
    shard.clients.trays.post(from, Letter::RetainedAnswer(Box::new(answer)));
    shard.questions.looked_at(looked_at);
    if shard.questions.is_paused() {
        let clients = &mut shard.clients;
        let at = clients.now.plus_ms(retained::PAUSE_MS);
        clients.deadlines.insert(at, Timer::RetainedQuestions);
    }
}

#[cfg(test)]
mod tests;
