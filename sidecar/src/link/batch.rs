//! Natural batches: what is asked goes at once while nothing is under way, else together with all that came meanwhile (reliability.md
//! 2.2). So a sidecar sends at most one message of a kind for each round trip, however many calls it has. Part of `session`.

use tokio::sync::oneshot;

/// Questions of one kind.
pub(super) struct Batches<Q, A> {
    waiting: Vec<(Q, oneshot::Sender<A>)>,
    under_way: Option<(u64, Vec<oneshot::Sender<A>>)>,
}

impl<Q, A> Default for Batches<Q, A> {
    fn default() -> Self {
        Batches {
            waiting: Vec::new(),
            under_way: None,
        }
    }
}

impl<Q, A> Batches<Q, A> {
    /// Takes a question.
    pub(super) fn push(&mut self, question: Q, answer: oneshot::Sender<A>) {
        self.waiting.push((question, answer));
    }

    /// What is to be sent now, under the next number of the row; questions for whose answer nobody waits any more are left out.
    pub(super) fn next(&mut self, row: &mut u64) -> Option<(u64, Vec<Q>)> {
        if self.under_way.is_some() {
            return None;
        }
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        if self.waiting.is_empty() {
            return None;
        }
        *row += 1;
        let (questions, answers) = self.waiting.drain(..).unzip();
        self.under_way = Some((*row, answers));
        Some((*row, questions))
    }

    /// Hands the answers out; returns those for which nobody waits any more.
    pub(super) fn answered(&mut self, number: u64, answers: Vec<A>) -> Vec<A> {
        let Some((_, waiting)) = self.under_way.take_if(|(asked, _)| *asked == number) else {
            return Vec::new();
        };
        let handed = waiting.into_iter().zip(answers);
        handed
            .filter_map(|(waiting, answer)| waiting.send(answer).err())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_one_is_under_way_goes_together() {
        let (mut batches, mut row) = (Batches::default(), 0);
        let mut answers: Vec<_> = (0..4)
            .map(|question| {
                let (answer, answered) = oneshot::channel::<&str>();
                batches.push(question, answer);
                if question == 0 {
                    assert_eq!(batches.next(&mut row), Some((1, vec![0])));
                }
                answered
            })
            .collect();
        assert_eq!(batches.next(&mut row), None);
        drop(answers.remove(2));
        assert!(batches.answered(7, vec!["of another message"]).is_empty());
        assert!(batches.answered(1, vec!["a"]).is_empty());
        assert_eq!(answers[0].try_recv(), Ok("a"));
        assert_eq!(batches.next(&mut row), Some((2, vec![1, 3])));
        drop(answers.remove(1));
        assert_eq!(batches.answered(2, vec!["b", "c"]), ["b"]);
        assert_eq!(answers[1].try_recv(), Ok("c"));
    }
}
