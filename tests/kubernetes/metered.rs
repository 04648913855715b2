//! Credits, first uses and usage over several streams of one operator: what two sidecars do at once happens once, and what was
//! acknowledged survives the operator's death.

use super::operator::World;
use super::place::Place;
use super::speaker::{CREDIT, Speaker, is_held, record};
use super::suffers::until_enforceable;
use purser_config::Name;
use purser_config::quota::{Limited, ReserveVerdict, Verdict};
use purser_config::stream::FromOperator;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Three credits, and each call costs one.
pub(super) const METERED: &str =
    "credits: {grant: '3'}, prices: [{models: ['*'], perRequest: '1'}], models: {allow: ['*']}";

/// A place with one key on one plan.
pub(super) async fn scene(world: &Arc<World>, name: &str, plan: &str) -> (Place, Name) {
    let place = Place::new(world, name).await;
    let [secret, key] = place.key("one", "plan");
    place.apply(&[place.plan("plan", plan), secret, key]).await;
    place.until_key("one", "True").await;
    let key = Name::new(&place.namespace, "one");
    (place, key)
}

/// Something else in the place of the ledger.
fn damaged(ledger: &Path, aside: &Path) {
    std::fs::create_dir(aside).unwrap();
    for file in std::fs::read_dir(ledger.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        if file
            .file_name()
            .to_string_lossy()
            .starts_with("ledger.sqlite")
        {
            std::fs::rename(file.path(), aside.join(file.file_name())).unwrap();
        }
    }
    std::fs::write(ledger, [7; 4096]).unwrap();
}

fn mended(ledger: &Path, aside: &Path) {
    for file in std::fs::read_dir(aside).unwrap() {
        let file = file.unwrap();
        std::fs::rename(file.path(), ledger.with_file_name(file.file_name())).unwrap();
    }
}

/// Waits until a field of the key's status is so.
pub(super) async fn until_status(place: &Place, field: &str, wanted: Value) -> Value {
    let path = place.ours("apikeys", "one");
    let so = |key: &Value| key["status"][field] == wanted;
    let what = format!("its status says {field} {wanted}");
    place.world.cluster.until(&what, &path, so).await
}

#[tokio::test]
async fn the_last_credits_are_spent_once_by_two_sidecars_that_want_them_at_once() {
    let world = World::shared().await;
    let (place, key) = scene(&world, "metered", METERED).await;
    let mut one = Speaker::new(&place, "one").await;
    let mut two = Speaker::new(&place, "two").await;
    let wants = |speaker: &Speaker, pod: &str| {
        let ids = (0..50).map(|number| format!("{}-{pod}-{number}", place.namespace));
        ids.map(|id| speaker.credit(&key, &id)).collect::<Vec<_>>()
    };
    let (of_one, of_two) = (wants(&one, "one"), wants(&two, "two"));
    let (first, second) = tokio::join!(one.reserve(of_one), two.reserve(of_two));
    let held: Vec<_> = first.iter().chain(&second).filter(|a| is_held(a)).collect();
    assert_eq!(
        held.len(),
        3,
        "of a hundred calls, as many as there are credits"
    );
    let denied = first
        .iter()
        .chain(&second)
        .filter(|answer| !is_held(answer));
    let left = |verdict: &ReserveVerdict| matches!(verdict, ReserveVerdict::NoCredits { left } if *left < CREDIT);
    assert!(denied.into_iter().all(|answer| left(&answer.verdict)));

    // One was never sent: its credit is another call's.
    let unsent = held[0].id.clone();
    let owner = if unsent.contains("-one-") {
        &mut one
    } else {
        &mut two
    };
    owner.unsent(&key, &unsent);
    let again = owner.credit(&key, &format!("{}-again", place.namespace));
    let again = owner.reserve(vec![again]).await;
    assert!(is_held(&again[0]), "{again:?}");
    assert_eq!(again[0].credits_left, Some(0));

    let id = &again[0].id;
    assert_eq!(owner.ship(1, vec![record(&key, id)]).await, 1);
    let twice = owner.ship(1, vec![record(&key, id)]).await;
    assert_eq!(twice, 1, "shipped again, kept once");
    let gap = owner.ship(5, vec![record(&key, "later")]).await;
    assert_eq!(gap, 1, "records between are missing, and are asked for");
    let key = until_status(&place, "requestsUsed", 1.into()).await;
    let status = &key["status"];
    assert_eq!(
        (&status["creditsUsed"], &status["creditsLeft"]),
        (&"1".into(), &"0".into())
    );
    assert!(
        status["lastUsed"].as_str().unwrap().ends_with(":00Z"),
        "to the minute"
    );
}

#[tokio::test]
async fn a_trial_that_two_sidecars_use_first_at_once_begins_once() {
    let world = World::shared().await;
    let trial = "validity: {duration: 240h, startsAt: FirstUse}, models: {allow: ['*']}";
    let (place, key) = scene(&world, "trial", trial).await;
    let mut one = Speaker::new(&place, "one").await;
    let mut two = Speaker::new(&place, "two").await;
    let (first, second) = tokio::join!(one.ask(&key), two.ask(&key));
    for grant in [&first, &second] {
        let granted = matches!(grant.verdict, Verdict::Granted { .. });
        assert!(granted, "{grant:?}");
    }
    let ends = first.expires_at_ms.unwrap();
    assert_eq!(second.expires_at_ms, Some(ends), "one beginning, one end");
    for speaker in [&mut one, &mut two] {
        let knows = |said: &FromOperator| {
            let FromOperator::Change { set, .. } = said else {
                return false;
            };
            let end = set.keys.get(&key).and_then(|key| key.plan_expires_at_ms);
            end == Some(ends)
        };
        speaker.stream.until(knows).await;
    }
    let moment = purser_config::calendar::moment(ends);
    let status = until_status(&place, "expires", moment.into()).await;
    let begun = purser_config::calendar::moment(ends - 240 * 3_600_000);
    assert_eq!(status["status"]["activated"], begun);
}

#[tokio::test]
async fn records_of_anothers_spool_or_key_are_refused_and_end_the_stream() {
    let world = World::shared().await;
    let (place, key) = scene(&world, "foreign", METERED).await;
    let mut one = Speaker::new(&place, "one").await;
    assert_eq!(one.ship(1, vec![record(&key, "foreign-1")]).await, 1);
    let elsewhere = Speaker::new(&place, "two").await;
    let other = Name::new("another-team", "one");
    elsewhere.send(1, vec![record(&other, "foreign-2")]);
    elsewhere.stream.ends().await;
    let thief = place.token_of_pod("three").await;
    let mut thief = super::stream::Stream::open(&world, &thief)
        .await
        .ok()
        .unwrap();
    let spool = format!("spool-{}-one", place.namespace);
    thief.hello_with("three", &spool).await;
    let (first, records) = (2, vec![record(&key, "foreign-3")]);
    let batch = purser_config::usage::Batch {
        spool,
        first,
        records,
    };
    thief.say(&purser_config::stream::FromSidecar::Usage(batch));
    thief.ends().await;
    assert!(world.log().contains("the spool is another pod's"));
    assert_eq!(one.ship(2, vec![record(&key, "foreign-4")]).await, 2);
}

/// On the key and on the operator's own page.
async fn tells_of_damage(world: &World, place: &Place) {
    let told = until_enforceable(place, ("False", "LedgerUnavailable")).await;
    assert!(told.contains("it is damaged, or no ledger"), "{told}");
    let page = world.page("/readyz").await;
    assert!(page.contains("opening the ledger: "), "{page}");
}

#[tokio::test]
async fn a_killed_operator_with_a_data_directory_forgets_nothing_and_waits_for_a_damaged_ledger() {
    let data = tempfile::tempdir().unwrap();
    let folder = format!("--data-dir={}", data.path().display());
    let soon = ["--unconfirmed-after=4s", "--usage-status-every=1s"];
    let world = World::own(&[&folder, soon[0], soon[1]]).await;
    let plan = format!("limits: {{requestsPerMinute: 3, requestsPerDay: 10}}, {METERED}");
    let (place, key) = scene(&world, "killed", &plan).await;
    let mut one = Speaker::new(&place, "one").await;
    for _ in 0..3 {
        let grant = one.ask(&key).await;
        assert!(
            matches!(grant.verdict, Verdict::Granted { .. }),
            "{grant:?}"
        );
    }
    let calls = ["killed-1", "killed-2"].map(|id| one.credit(&key, id));
    let held = one.reserve(calls.to_vec()).await;
    assert!(held.iter().all(is_held), "{held:?}");
    assert_eq!(one.ship(1, vec![record(&key, "killed-1")]).await, 1);
    world.kill();
    let (ledger, aside) = (data.path().join("ledger.sqlite"), data.path().join("aside"));
    damaged(&ledger, &aside);
    let mending = async {
        tells_of_damage(&world, &place).await;
        mended(&ledger, &aside);
    };
    tokio::join!(world.run(), mending);
    until_enforceable(&place, ("True", "Enforceable")).await;

    // Its Hello says nothing of what it used: the operator itself must know.
    let mut again = Speaker::new(&place, "one").await;
    let grant = again.ask(&key).await;
    let (Verdict::Denied { by, .. }, limit) = (&grant.verdict, grant.limit) else {
        panic!("the minute is full: {grant:?}");
    };
    assert_eq!((*by, limit), (Limited::Minute, Some(3)));
    let open = again.credit(&key, "killed-2");
    let answer = again.reserve(vec![open]).await;
    assert!(is_held(&answer[0]), "reserved before, and still");
    assert_eq!(answer[0].credits_left, Some(CREDIT), "and held once");
    assert_eq!(again.ship(1, vec![record(&key, "killed-1")]).await, 1);
    until_status(&place, "creditsLeft", "1".into()).await;
    until_status(&place, "creditsUsed", "1".into()).await;
    until_status(&place, "requestsUsed", 1.into()).await;
    until_status(&place, "requestsLeft", 7.into()).await;

    // Nobody ever says how the second call ended.
    drop((one, again));
    let status = until_status(&place, "creditsLeft", "2".into()).await;
    assert_eq!(status["status"]["requestsUsed"], 2, "it is on record");
    assert_eq!(
        status["status"]["creditsUsed"], "1",
        "and costs nothing on this plan"
    );
}

#[tokio::test]
async fn a_key_that_is_moved_to_another_plan_keeps_its_credits_and_is_told_so() {
    let world = World::shared().await;
    let (place, key) = scene(&world, "moved", METERED).await;
    let mut one = Speaker::new(&place, "one").await;
    let call = one.credit(&key, &format!("{}-1", place.namespace));
    one.reserve(vec![call]).await;
    let id = format!("{}-1", place.namespace);
    one.ship(1, vec![record(&key, &id)]).await;
    until_status(&place, "creditsUsed", "1".into()).await;
    let pro = METERED.replace("'3'", "'10'");
    place.apply(&[place.plan("pro", &pro)]).await;
    let path = place.ours("apikeys", "one");
    let to = place.wide("pro");
    let change = |key: &mut Value| key["spec"]["plan"] = to.clone().into();
    world.cluster.change(&path, change).await;
    let told = |key: &Value| super::cluster::condition(key, "PlanChanged") == "True";
    let moved = world.cluster.until("the move is told", &path, told).await;
    let message = super::cluster::field_of(&moved, "PlanChanged", "message");
    let from = place.wide("plan");
    assert!(
        message.contains(&format!(
            "from plan {from} to plan {to}: the 2 credits that are left stay"
        )),
        "{message}"
    );
    let status = until_status(&place, "creditsLeft", "12".into()).await;
    assert_eq!(status["status"]["plan"], to);
    let events = place.reasons_about("one").await;
    assert!(
        events.iter().any(|event| event == "PlanChanged"),
        "{events:?}"
    );

    // Down again: what is left stays, and the grant that was made once is not made again.
    // Who waits without a word is given up.
    let mut one = Speaker::new(&place, "one").await;
    let call = one.credit(&key, &format!("{}-2", place.namespace));
    let held = one.reserve(vec![call]).await;
    assert_eq!(held[0].credits_left, Some(11 * CREDIT), "{held:?}");
    // The message tells what the operator knew last.
    until_status(&place, "creditsLeft", "11".into()).await;
    let change = |key: &mut Value| key["spec"]["plan"] = from.clone().into();
    world.cluster.change(&path, change).await;
    let back = format!("from plan {to} to plan {from}: the 11 credits that are left stay");
    let told = |key: &Value| {
        let message = super::cluster::field_of(key, "PlanChanged", "message");
        message.contains(&back)
    };
    let what = "the way back is told";
    world.cluster.until(what, &path, told).await;
    let mut one = Speaker::new(&place, "one").await;
    let call = one.credit(&key, &format!("{}-3", place.namespace));
    let held = one.reserve(vec![call]).await;
    assert_eq!(held[0].credits_left, Some(10 * CREDIT), "{held:?}");
}

#[tokio::test]
async fn calls_of_two_sidecars_spend_what_there_is_and_then_cost_their_provider_nothing() {
    let world = World::shared().await;
    let place = Place::new(&world, "spent").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let plan = place.plan("plan", &METERED.replace("'3'", "'20'"));
    let channel = place.channel("live", &provider.url(), "{name: m}");
    let [secret, key] = place.key("one", "plan");
    place.apply(&[plan, channel, secret, key]).await;
    place.until_key("one", "True").await;
    let (spools, mut sidecars) = (tempfile::tempdir().unwrap(), Vec::new());
    for pod in ["pod-0", "pod-1"] {
        let spool = format!("--spool={}", spools.path().join(pod).display());
        let mut sidecar = place.sidecar(pod, &[&spool]).await;
        sidecar.until_connected().await;
        sidecars.push(sidecar);
    }
    let value = place.value("one");
    let calls = (0..60).map(|number| sidecars[number % 2].judged("m", &value));
    let outcomes = futures::future::join_all(calls).await;
    let good = outcomes.iter().filter(|(status, _)| *status == 200).count();
    let denied = (402, "insufficient_quota".to_owned());
    let others = outcomes
        .iter()
        .filter(|one| one.0 != 200 && **one != denied);
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&(u16, String)>::new());
    assert_eq!(provider.calls(), good as u64, "a refused call goes nowhere");
    assert!(
        (15..=20).contains(&good),
        "{good} of 20, less what is put by"
    );
    until_status(&place, "creditsUsed", good.to_string().into()).await;
    until_status(&place, "requestsUsed", good.into()).await;
}
