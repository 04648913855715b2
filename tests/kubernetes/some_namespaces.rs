//! An operator that watches some namespaces only, with the Roles that the chart gives it there: it does all of its work in them, its own
//! among them, and touches nothing in another.

use super::installed::{Installed, Setup};
use super::operator::NAMESPACE;
use super::place::Place;
use serde_json::{Value, json};

const NAMESPACES: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: north}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: south}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: west}}
";

#[tokio::test(flavor = "multi_thread")]
async fn with_roles_in_its_namespaces_alone_it_makes_keys_judges_and_tells_there_and_nowhere_else()
{
    let watched = format!("north,south,{NAMESPACE}");
    let values = format!("--set=watchNamespaces={{{watched}}}");
    let more = format!("--watch-namespaces={watched}");
    let installed = Installed::set_up(&Setup {
        values: &[&values],
        objects: NAMESPACES,
        more: &[&more],
        ..Setup::default()
    })
    .await;
    let cluster = &installed.world.cluster;
    let west = Place::existing(&installed.world, "west").await;
    west.create_key("made").await;
    for namespace in ["north", "south", NAMESPACE] {
        let place = Place::existing(&installed.world, namespace).await;
        place
            .apply(&[place.plan("open", "models: {allow: ['*']}")])
            .await;
        place.create_key("made").await;
        let value = place.stored("made").await;
        place.until_prefix("made", &value).await;
        place.until_key("made", "True").await;
        let compiled = place.core("secrets", "purser-config");
        let what = format!("what sidecars in {namespace} mount is there");
        cluster.until(&what, &compiled, Value::is_object).await;
        let told = |list: &Value| list.to_string().contains("KeyGenerated");
        let events = place.core("events", "");
        cluster.until("an event tells of it", &events, told).await;
    }
    let unjudged = cluster.get(&west.ours("apikeys", "made")).await;
    assert_eq!(unjudged["status"], json!(null));
    let secret = west.core("secrets", "made-key");
    assert!(cluster.get(&secret).await.is_null());
}
