//! An API server of one Secret, written down: what is asked of it when that Secret is ours, another's, or not there.

use super::*;
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use std::convert::Infallible;
use std::sync::Mutex;

type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Answers every `get` with `found`, and every write with what was written. Says what it was asked.
fn server(found: Option<Secret>) -> (Api<Secret>, Asked) {
    let asked = Asked::default();
    let heard = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (found, heard) = (found.clone(), Arc::clone(&heard));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let text = String::from_utf8(body.to_vec()).unwrap();
            heard
                .lock()
                .unwrap()
                .push((parts.method.to_string(), text.clone()));
            let missing = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "reason": "NotFound", "message": "no such secret", "code": 404});
            let (code, answer) = match (parts.method.as_str(), found) {
                ("GET", None) => (404, missing.to_string()),
                ("GET" | "DELETE", found) => (
                    200,
                    serde_json::to_string(&found.unwrap_or_default()).unwrap(),
                ),
                _ => (200, text),
            };
            let answer = Response::builder()
                .status(code)
                .body(Body::from(answer.into_bytes()));
            Ok::<_, Infallible>(answer.unwrap())
        }
    });
    (Api::namespaced(Client::new(service, "shop"), "shop"), asked)
}

fn ours() -> Secret {
    let mut found = secret("purser-config".into(), BTreeMap::new());
    found.metadata.uid = Some("uid-7".into());
    found
}

fn another() -> Secret {
    let mut found = ours();
    found.metadata.labels = None;
    found
}

fn verbs(asked: &Asked) -> Vec<String> {
    asked
        .lock()
        .unwrap()
        .iter()
        .map(|(verb, _)| verb.clone())
        .collect()
}

#[tokio::test]
async fn a_persons_secret_of_that_name_is_never_written_whenever_it_came() {
    let (api, asked) = server(Some(another()));
    assert!(!write(&api, vec![BTreeMap::new()]).await.unwrap());
    assert_eq!(verbs(&asked), ["GET"]);
}

#[tokio::test]
async fn a_persons_secret_of_that_name_is_never_deleted() {
    let (api, asked) = server(Some(another()));
    remove(&api, 0..1).await.unwrap();
    assert_eq!(verbs(&asked), ["GET"]);
}

#[tokio::test]
async fn a_new_secret_is_posted_so_that_one_made_a_moment_before_is_not_taken_over() {
    let (api, asked) = server(None);
    assert!(write(&api, vec![BTreeMap::new()]).await.unwrap());
    assert_eq!(verbs(&asked), ["GET", "POST"]);
}

#[tokio::test]
async fn ours_is_applied_and_deleted_under_its_uid_so_that_a_successor_of_its_name_is_safe() {
    let (api, asked) = server(Some(ours()));
    assert!(write(&api, vec![BTreeMap::new()]).await.unwrap());
    remove(&api, 0..1).await.unwrap();
    assert_eq!(verbs(&asked), ["GET", "PATCH", "GET", "DELETE"]);
    let asked = asked.lock().unwrap();
    assert!(asked[1].1.contains("\"uid\":\"uid-7\""), "{}", asked[1].1);
    assert!(asked[3].1.contains("\"uid\":\"uid-7\""), "{}", asked[3].1);
}

#[test]
fn a_secret_without_our_label_is_foreign_whatever_it_holds() {
    assert!(matches!(judged(&ours()), Lies::Ours(..)));
    let mut found = ours();
    found.metadata.labels = Some([(CONFIG_LABEL.to_owned(), "false".to_owned())].into());
    assert_eq!(judged(&found), Lies::Foreign);
    assert_eq!(judged(&another()), Lies::Foreign);
}
