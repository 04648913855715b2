//! The scripts, each with what it builds on. Loaded by `link` on every connection; called by name and never by text.

/// Which script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Term,
    Join,
    Lost,
    Refresh,
    Ask,
    GiveBack,
    Hold,
    Unhold,
    Settle,
    Seat,
    Stand,
    Seats,
    Report,
    Used,
    Withhold,
    Lead,
    Event,
    Tell,
}

/// What all of them begin with, but `Term`.
macro_rules! on {
    ($($file:literal),+) => {
        concat!($(include_str!($file), "\n"),+)
    };
}

/// All texts, in the order of `Script`.
pub(super) const TEXTS: [&str; 18] = [
    include_str!("term.lua"),
    on!("people.lua", "join.lua"),
    on!("people.lua", "lost.lua"),
    on!("people.lua", "refresh.lua"),
    on!("window.lua", "requests.lua", "ask.lua"),
    on!("window.lua", "requests.lua", "give_back.lua"),
    on!("window.lua", "held.lua", "hold.lua"),
    on!("window.lua", "held.lua", "unhold.lua"),
    on!("window.lua", "held.lua", "settle.lua"),
    on!("window.lua", "seat.lua"),
    on!("window.lua", "stand.lua"),
    on!("window.lua", "seats.lua"),
    on!("window.lua", "requests.lua", "held.lua", "report.lua"),
    on!("window.lua", "requests.lua", "used.lua"),
    on!("window.lua", "withhold.lua"),
    on!("people.lua", "lead.lua"),
    on!("people.lua", "event.lua"),
    on!("people.lua", "tell.lua"),
];
