//! The authority as the operator's streams and `purser up` see it: windows and ledger behind one door, with time as an argument. Each
//! sentence is proved over every pair of stores that an authority can have.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "tests; of the rooms that they share with `ledger` and `redis` they use a part"
)]

#[path = "redis/server.rs"]
mod redis_server;
#[path = "ledger/server.rs"]
mod server;
#[path = "ledger/setup.rs"]
mod setup;

mod facade {
    pub(crate) mod credits;
    pub(crate) mod office;
    pub(crate) mod validity;
}

use facade::{credits, office, validity};

/// Each of these is a test over each pair of stores that an authority can have. Redis' windows with a ledger of one process' own are none.
macro_rules! over_all {
    ($($room:ident::$name:ident,)*) => {
        mod memory_and_sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::$room::$name(crate::office::Stores::memory_and_sqlite()).await;
            }
        )* }
        mod memory_and_postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = crate::office::Stores::memory_and_postgres().await {
                    crate::$room::$name(stores).await;
                }
            }
        )* }
        mod redis_and_postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = crate::office::Stores::redis_and_postgres().await {
                    crate::$room::$name(stores).await;
                }
            }
        )* }
    };
}

over_all! {
    validity::a_ten_day_pass_is_bought_used_over_and_renewed,
    validity::a_trial_that_two_sidecars_use_first_in_the_same_millisecond_begins_once,
    validity::a_month_ends_on_its_day_and_a_key_that_was_made_long_ago_began_then,
    validity::deleting_and_making_keys_again_begins_no_trial_anew,
    credits::the_five_hundredth_credit_is_spent_once_by_fifty_callers_at_once,
    credits::of_a_thousand_calls_on_the_last_credit_one_is_held,
    credits::a_grant_is_new_at_midnight_and_on_the_first_and_a_top_up_survives_both,
    credits::a_key_that_moves_up_and_down_keeps_its_credits_and_mints_none,
    credits::deleting_and_making_keys_again_mints_no_credit_and_no_window,
    credits::what_credits_refuse_holds_no_token_and_no_slot,
    credits::a_call_larger_than_the_tokens_of_a_minute_is_told_that_it_never_fits,
}
