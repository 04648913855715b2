//! A simulated sidecar that leases: how much it wants, what it has, what it gives back. It uses a lease to its very last moment.

use super::{Event, GRACE_MS, Line, MS, Message, SECOND, World};
use purser_config::quota::{LEASE_MS, Verdict};

/// Calls that wait for one answer at most.
const WAITING: u32 = 300;

/// What one sidecar has and wants.
#[derive(Default)]
pub(super) struct Lessee {
    stock: Vec<Stock>,
    waiting: u32,
    asking: bool,
    /// Arrivals, fading by half in 2 s, and when they were counted last.
    arrivals: (f64, u64),
}

struct Stock {
    token: u64,
    left: u32,
    until: u64,
}

impl Lessee {
    /// What an older connection gave is void.
    pub(super) fn forget(&mut self) {
        (self.stock, self.waiting, self.asking) = Default::default();
    }

    fn count(&mut self, now: u64) {
        let (arrivals, before) = self.arrivals;
        let seconds = (now - before.min(now)) as f64 / SECOND as f64;
        self.arrivals = (arrivals * (-seconds / 2.0).exp2() + 1.0, now);
    }

    fn wants(&self) -> u32 {
        let rate = self.arrivals.0 * std::f64::consts::LN_2 / 2.0;
        let lease = LEASE_MS as f64 / 1_000.0;
        if rate * lease < 2.0 {
            return 1;
        }
        let mean = rate * (lease / 2.0 + 0.025);
        (mean + 2.0 * mean.sqrt()).ceil() as u32
    }

    fn usable(&mut self, now: u64) -> Option<&mut Stock> {
        let fits = |stock: &&mut Stock| stock.left > 0 && now <= stock.until;
        self.stock.iter_mut().find(fits)
    }
}

impl World {
    /// One call.
    pub(super) fn arrive(&mut self, real: u64, sidecar: usize) {
        let own = &mut self.sidecars[sidecar];
        let now = own.clock.read(real);
        own.lessee.count(now);
        own.lessee.waiting = (own.lessee.waiting + 1).min(WAITING);
        self.serve(real, self.line(sidecar));
    }

    /// Admits who waits from what is there, and asks for the rest.
    fn serve(&mut self, real: u64, line: Line) {
        loop {
            let unused = self.one_in(self.plan.unused);
            let own = &mut self.sidecars[line.sidecar];
            let now = own.clock.read(real);
            if own.lessee.waiting == 0 {
                return;
            }
            let Some(stock) = own.lessee.usable(now) else {
                break;
            };
            stock.left -= 1;
            let (token, count) = (stock.token, 1);
            own.lessee.waiting -= 1;
            if unused {
                self.send(real, line, Message::Return { token, count });
            } else {
                own.log.push(now);
                self.uses.push(real);
            }
        }
        let own = &mut self.sidecars[line.sidecar];
        if !own.lessee.asking {
            own.lessee.asking = true;
            let (sent, want) = (own.clock.read(real), own.lessee.wants());
            self.send(real, line, Message::Ask { sent, want });
        }
    }

    pub(super) fn leased(&mut self, real: u64, line: Line, (sent, verdict): (u64, Verdict)) {
        let own = &mut self.sidecars[line.sidecar];
        let now = own.clock.read(real);
        own.lessee.asking = false;
        match verdict {
            Verdict::Granted {
                count,
                ttl_ms,
                token,
            } => {
                let until = sent + (ttl_ms + GRACE_MS) * MS;
                let left = count;
                own.lessee.stock.push(Stock { token, left, until });
                self.serve(real, line);
                let wait = until.saturating_sub(now) + MS;
                self.at(real + wait, Event::Expire { line, token });
            }
            Verdict::Denied {
                next_free_ms: wait, ..
            }
            | Verdict::Learning { ready_ms: wait } => {
                own.lessee.waiting = 0;
                own.denied_until = own.denied_until.max(now + wait.min(1_000) * MS);
            }
            Verdict::Refused { .. } => {}
        }
    }

    /// What is left of a grant is given back.
    pub(super) fn expire(&mut self, real: u64, line: Line, token: u64) {
        if self.sidecars[line.sidecar].connection != line.connection {
            return;
        }
        let stock = &mut self.sidecars[line.sidecar].lessee.stock;
        let Some(at) = stock.iter().position(|stock| stock.token == token) else {
            return;
        };
        let count = stock.swap_remove(at).left;
        if count > 0 {
            self.send(real, line, Message::Return { token, count });
        }
    }
}
