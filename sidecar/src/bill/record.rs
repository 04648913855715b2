//! The record that a bill ends as. Part of `bill`, which decides when; it must never charge more than was held.

use super::Open;
use crate::charge::{By, Ended, Stage, charge};
use crate::clock::millis;
use purser_config::price::{Micros, Tokens};
use purser_config::usage::{End, Record, user_metadata};

impl Open {
    pub(super) fn into_record(self, end: End, tokens: Tokens, reported: bool) -> Record {
        let (credits, reservation, unpaid) = self.charge(end, tokens, reported);
        let served = self.serving.as_ref();
        let used = served.filter(|_| !self.facts.stored);
        let cost = used.and_then(|serving| serving.model().cost);
        let channel = served.map(|serving| serving.reach.lane.name.clone());
        let labels = self.facts.user.as_deref().map(user_metadata);
        let labels = labels.unwrap_or_default();
        let gave_content = self.stage > Stage::Attempted;
        let tokens = if gave_content || reported {
            tokens
        } else {
            Tokens::default()
        };
        Record {
            id: self.id().to_owned(),
            key: self.facts.caller.name.clone(),
            plan: self.facts.caller.plan_name.to_string(),
            reservation,
            channel,
            endpoint: self.facts.endpoint,
            served: used
                .map(|serving| serving.upstream_name().to_owned())
                .unwrap_or_default(),
            attempts: self.attempts,
            status: self.status,
            end,
            stream: self.facts.stream,
            estimated: !reported && tokens != Tokens::default(),
            cost: cost
                .filter(|_| gave_content)
                .map_or(0, |cost| cost.of(&tokens)),
            tokens,
            credits,
            waste: self.waste,
            failures: self.failures,
            unpaid,
            began_ms: self.facts.began.1,
            latency_ms: millis(self.ended.saturating_sub(self.facts.began.0)),
            first_ms: self
                .content
                .map(|at| millis(at.saturating_sub(self.facts.began.0))),
            user_metadata: labels,
            pod: String::new(),
            asked: self.facts.asked,
        }
    }

    /// What the key pays, by which reservation, and what it was worth beyond that.
    fn charge(&self, end: End, tokens: Tokens, reported: bool) -> (Micros, Option<String>, Micros) {
        let Some(paid) = &self.paid else {
            return (0, None, 0);
        };
        let ended = Ended {
            stage: self.stage,
            by: match end {
                End::ClientLeft => By::Caller,
                _ => By::Provider,
            },
            tokens,
            reported,
            relayed: self.relayed,
        };
        let charge = charge(&ended, &paid.cost, paid.on_abort, paid.reserved);
        if let Some(serving) = &self.serving {
            self.ledger.metrics.charged(&serving.series, charge.credits);
        }
        let reservation = match &paid.drawn {
            Some(drawn) => {
                let unused = drawn.credits.saturating_sub(charge.credits);
                self.ledger.put_back(&self.facts.caller.name, drawn, unused);
                drawn.id.clone()
            }
            None => self.id().to_owned(),
        };
        (charge.credits, Some(reservation), charge.waste)
    }
}
