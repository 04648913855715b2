//! The ledger as its callers see it, over both stores: the same promises are proved against a `SQLite` file and a real PostgreSQL.
//! One is started where its programs are on this machine; `PURSER_TEST_POSTGRES` names their folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

#[path = "../../../tests/harness/figures.rs"]
#[allow(unreachable_pub, reason = "the harness of another crate")]
mod figures;

mod ledger {
    pub(crate) mod setup;

    pub(crate) mod server;

    pub(crate) mod admin;
    pub(crate) mod calls;
    pub(crate) mod faults;
    pub(crate) mod grants;
    pub(crate) mod kill;
    pub(crate) mod log;
    pub(crate) mod looked_for;
    pub(crate) mod million;
    pub(crate) mod people;
    pub(crate) mod speed;
    pub(crate) mod sums;
    pub(crate) mod upgrade;
    pub(crate) mod usage;
}

use ledger::{
    admin, calls, faults, grants, kill, log, looked_for, people, server, setup, sums, upgrade,
    usage,
};

/// Each of these is a test against each store.
macro_rules! over_both {
    ($($room:ident::$name:ident,)*) => {
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::$room::$name(crate::setup::Store::sqlite()).await;
            }
        )* }
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(store) = crate::setup::Store::postgres().await {
                    crate::$room::$name(store).await;
                }
            }
        )* }
    };
}

over_both! {
    grants::a_key_is_granted_once_and_what_is_used_is_gone,
    grants::only_so_many_keys_of_a_namespace_are_granted,
    grants::keys_that_come_together_are_granted_to_no_more_than_may,
    grants::deleting_and_making_a_key_again_mints_nothing,
    grants::a_daily_grant_is_new_at_midnight_and_not_before,
    grants::a_clock_that_steps_back_mints_nothing,
    grants::a_monthly_grant_is_new_on_the_first_and_not_before,
    grants::another_plan_adds_its_grant_once,
    grants::time_begins_once_whoever_sees_it_first,
    grants::time_begins_for_no_more_keys_than_may,
    calls::one_of_a_thousand_takes_the_last_credit,
    calls::fifty_callers_share_the_five_hundredth_credit,
    calls::a_question_that_is_asked_again_is_answered_again,
    calls::what_was_released_before_it_was_asked_is_not_held,
    calls::an_allowance_is_a_quarter_and_at_least_one_call,
    calls::a_reservation_is_resolved_once_in_whatever_order,
    calls::an_allowance_pays_for_several_records,
    calls::nobody_pays_from_anothers_reservation,
    calls::a_spool_that_goes_on_under_a_new_name_pays_what_it_held,
    calls::what_was_given_back_after_its_day_is_gone,
    calls::a_sweep_spares_whoever_was_seen,
    calls::what_a_dead_process_held_comes_back_though_its_spool_lives_on,
    usage::a_batch_that_is_sent_again_is_kept_once,
    usage::a_batch_with_a_gap_is_refused_with_the_mark,
    usage::a_spool_is_its_first_senders_own,
    usage::a_key_out_of_scope_refuses_the_batch,
    usage::a_record_of_a_known_id_charges_nothing,
    usage::a_record_says_what_its_key_was_charged,
    usage::records_are_listed_newest_first_page_by_page,
    usage::what_no_store_could_keep_is_refused_alone,
    admin::a_top_up_is_made_once_and_survives_resets,
    admin::a_correction_never_goes_below_zero,
    admin::an_id_that_says_something_else_is_refused,
    admin::a_renewal_begins_time_anew_once,
    admin::accounts_tell_what_was_used,
    log::a_page_is_what_is_found_by_looking_at_every_record,
    sums::sums_are_what_every_record_adds_up_to,
    log::a_tail_tells_every_call_once_as_it_arrives,
    log::a_tail_of_what_is_rare_moves_on_and_of_nothing_stays,
    log::what_no_call_can_be_stops_no_sum,
    people::of_those_who_would_be_first_one_is,
    people::a_name_is_given_once_and_a_number_never_again,
    people::the_last_administrator_stays_one,
    people::wrong_passwords_lock_for_longer_each_time_and_a_right_one_forgives,
    people::a_session_ends_with_its_time_its_user_or_a_word,
    people::who_may_not_log_in_has_no_session,
    people::deeds_are_told_last_first_page_by_page,
    people::a_payment_does_what_it_pays_for_once,
    people::a_plan_that_is_on_is_done_with_and_so_is_what_was_paid_before,
    people::somebody_is_told_of_each_part_of_a_budget_once,
    upgrade::a_ledger_of_version_1_is_added_up_when_it_is_opened,
    upgrade::a_record_that_an_older_replica_keeps_is_added_up_with_the_next_sweep,
    faults::two_handles_of_one_store_agree,
    faults::a_newer_schema_is_refused_by_name,
    kill::what_was_acknowledged_survives_twenty_kills,
}
