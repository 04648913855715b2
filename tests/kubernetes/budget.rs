//! Credits that run out, as a cluster is told of them: an Event on the ApiKey and a count, once for each stage.

use super::metered::{METERED, scene, until_status};
use super::operator::World;
use super::place::Place;
use super::speaker::{Speaker, record};
use purser_config::Name;
use serde_json::Value;

impl Place {
    /// What Events told of this key's budget, once there are so many of them.
    async fn told_of_budget(&self, count: usize) -> Vec<(String, String)> {
        let of = |list: &Value| -> Vec<(String, String)> {
            let all = list["items"].as_array().into_iter().flatten();
            let ours = all.filter(|event| {
                event["reason"] == "BudgetReached" && event["involvedObject"]["name"] == "one"
            });
            let text = |event: &Value, field: &str| event[field].as_str().unwrap_or("").to_owned();
            let told = ours.map(|event| (text(event, "message"), text(event, "type")));
            let mut told: Vec<_> = told.collect();
            // 100 comes before 50, in the order of letters.
            told.sort();
            told
        };
        let there = move |list: &Value| of(list).len() >= count;
        let path = self.core("events", "");
        of(&self
            .world
            .cluster
            .until("the budget is told", &path, there)
            .await)
    }
}

/// A call that costs one credit.
async fn spend(speaker: &mut Speaker, key: &Name, number: u64) {
    let id = format!("{key}-{number}");
    let call = speaker.credit(key, &id);
    speaker.reserve(vec![call]).await;
    assert_eq!(speaker.ship(number, vec![record(key, &id)]).await, number);
}

#[tokio::test]
async fn an_event_tells_of_each_stage_of_a_budget_once() {
    let world = World::shared().await;
    let (place, key) = scene(&world, "budget", METERED).await;
    let mut speaker = Speaker::new(&place, "one").await;
    spend(&mut speaker, &key, 1).await;
    spend(&mut speaker, &key, 2).await;
    let told = place.told_of_budget(1).await;
    let half = format!(
        "50 % of the credits of key {key} on plan {}",
        place.wide("plan")
    );
    assert!(told[0].0.starts_with(&half), "{told:?}");
    assert!(
        told[0].0.ends_with("2 of 3: 1 can still be spent"),
        "{told:?}"
    );
    spend(&mut speaker, &key, 3).await;
    let told = place.told_of_budget(2).await;
    assert!(
        told[0].0.starts_with("100 %") && told[0].1 == "Warning",
        "{told:?}"
    );

    // Accounts are read once more, and tell nothing new.
    until_status(&place, "requestsUsed", 3.into()).await;
    assert_eq!(place.told_of_budget(2).await.len(), 2);
    let counted = world.page("/metrics").await;
    let of =
        |percent: &str| format!("purser_operator_budget_alarms_total{{percent=\"{percent}\"}}");
    assert!(
        counted.contains(&of("50")) && counted.contains(&of("80")),
        "{counted}"
    );
}
