//! Signing in with an identity provider: a real one (`oidc/provider.mjs`), one that lies (`oidc/liar.mjs`), and one that is down. All
//! calls are those that the page makes; the browser at the provider is the script's.

mod scene;

use super::setup::{House, PASSWORD, SOON};
use purser_tests::plain::send;
use purser_tests::port::reserve;
use purser_tests::process::Process;
use scene::{BEGIN, HERE, Provider, SECRET, Scene, members, node};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[tokio::test]
async fn people_are_here_what_their_groups_are_and_who_is_of_none_sees_nothing() {
    let scene = Scene::real().await;
    let status = scene.house.ask("GET", "/api/status", None, None).data();
    assert_eq!(
        (&status["oidc_enabled"], &status["oidc_name"]),
        (&json!(true), &json!("the house"))
    );
    let lee = scene.sign_in("lee").data();
    assert_eq!((&lee["username"], &lee["role"]), (&json!("lee"), &json!(5)));
    assert_eq!(lee["display_name"], "lee of the house");
    let keys = |user: &Value| {
        let token = user["token"].as_str();
        let keys = scene.house.ask("GET", "/api/token/", token, None).data();
        keys["total"].as_u64().unwrap()
    };
    assert_eq!(keys(&lee), 1, "the shop's");
    let ada = scene.sign_in("ada").data();
    assert_eq!((&ada["role"], keys(&ada)), (&json!(10), 3));
    let eve = scene.sign_in("eve").data();
    assert_eq!((&eve["role"], keys(&eve)), (&json!(1), 0));
    let deeds = scene.house.admin("GET", "/api/audit/", None).data();
    assert_eq!(
        (&deeds["items"][0]["what"], &deeds["items"][0]["by"]),
        (&json!("login"), &json!("eve"))
    );

    // Whoever leaves a group loses what it gave with the next sign-in, in every session.
    scene
        .provider
        .page("/groups", &[("of", "lee"), ("are", "else")]);
    let again = scene.sign_in("lee").data();
    assert_eq!((&again["id"], &again["role"]), (&lee["id"], &json!(1)));
    assert_ne!(again["token"], lee["token"], "each time a new session");
    assert_eq!((keys(&again), keys(&lee)), (0, 0));
}

#[tokio::test]
async fn a_code_is_worth_something_once_and_to_the_browser_alone_that_began() {
    let scene = Scene::real().await;
    let begun = send(scene.house.console, BEGIN, "", "");
    assert!(
        begun.head.contains("httponly; samesite=strict"),
        "{}",
        begun.head
    );
    let (cookie, url) = (begun.cookie.clone(), begun.data()["url"].clone());
    let sent = members(url.as_str().unwrap());
    assert_eq!(
        (&*sent["code_challenge_method"], &*sent["response_type"]),
        ("S256", "code")
    );
    let (code, state) = scene.returned("ada", url.as_str().unwrap());

    let (others, other_url) = scene.begin();
    let other_state = members(&other_url)["state"].clone();
    assert_eq!(scene.end("", (&code, &state)).status, 401, "no browser");
    assert_eq!(scene.end(&others, (&code, &state)).status, 401, "another's");
    assert_eq!(
        scene.end(&cookie, (&code, &other_state)).status,
        401,
        "another state"
    );
    assert_eq!(scene.end(&cookie, (&code, "")).status, 401, "no state");
    // With the attacker's own attempt and the victim's code, PKCE is what is left.
    let stolen = scene.end(&others, (&code, &other_state));
    assert_eq!(stolen.status, 401, "{stolen:?}");

    let (cookie, url) = scene.begin();
    let (code, state) = scene.returned("ada", &url);
    let good = scene.end(&cookie, (&code, &state));
    assert_eq!(good.status, 200, "{good:?}");
    assert!(
        good.head.contains("max-age=0"),
        "the attempt is over: {}",
        good.head
    );
    let replayed = scene.end(&cookie, (&code, &state));
    assert_eq!(replayed.status, 401);
    assert!(replayed.message().contains("begin again"), "{replayed:?}");
    let said = good.text + &scene.house.process.stderr();
    assert!(
        !said.contains(&code) && !said.contains(SECRET),
        "told: {said}"
    );
}

#[tokio::test]
async fn a_token_that_is_wrong_in_one_thing_lets_nobody_in() {
    let scene = Scene::lying().await;
    assert_eq!(scene.lie(json!({})).status, 200, "the truth");
    let past = 1_000_000_000;
    for (lie, why) in [
        (json!({"claims": {"nonce": "another"}}), "nonce"),
        (json!({"claims": {"aud": "another client"}}), "audience"),
        (
            json!({"claims": {"aud": ["purser", "another"]}}),
            "audience",
        ),
        (
            json!({"claims": {"iss": "https://another.example"}}),
            "issuer",
        ),
        (
            json!({"claims": {"iat": past, "exp": past + 60}}),
            "expired",
        ),
        (json!({"by": "other"}), "ignature"),
        (json!({"by": "none"}), "believed"),
    ] {
        let answer = scene.lie(lie.clone());
        assert_eq!(answer.status, 401, "{lie}: {answer:?}");
        let said = answer.message();
        assert!(
            said.contains("not believed") && said.to_lowercase().contains(why),
            "{lie}: {said}"
        );
    }
    // New keys are looked for, as soon as may be.
    let begun = std::time::Instant::now();
    while scene.lie(json!({"by": "next"})).status != 200 {
        assert!(begun.elapsed() < SOON, "its new key is not believed");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn nobody_becomes_a_user_of_this_house_by_being_called_so_elsewhere() {
    let scene = Scene::real().await;
    let you = scene.sign_in("you").data();
    let name = you["username"].as_str().unwrap();
    assert!(
        name.starts_with("oidc-"),
        "`you` is the house's own: {name}"
    );
    assert_eq!(you["display_name"], "you of the house");
    let login = |name: &str, password: &str| {
        let body = json!({"username": name, "password": password});
        scene
            .house
            .ask("POST", "/api/user/login", None, Some(body))
            .status
    };
    assert_eq!(login("you", PASSWORD), 200);
    assert_eq!(login(name, ""), 401);
    let set = json!({"id": you["id"], "action": "set", "password": PASSWORD});
    let set = scene.house.admin("POST", "/api/user/manage", Some(set));
    assert_eq!(set.status, 409, "{set:?}");

    let disable = json!({"id": you["id"], "action": "disable"});
    scene
        .house
        .admin("POST", "/api/user/manage", Some(disable))
        .data();
    let refused = scene.sign_in("you");
    assert_eq!(
        (refused.status, refused.message().contains("disabled")),
        (403, true)
    );
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be_and_the_house_goes_on() {
    let mut scene = Scene::real().await;
    let (cookie, url) = scene.begin();
    let (code, state) = scene.returned("lee", &url);
    let port: u16 = scene
        .provider
        .issuer
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    scene.provider.process.kill();
    let down = scene.end(&cookie, (&code, &state));
    assert_eq!(down.status, 503, "{down:?}");
    assert!(down.message().contains("cannot be asked"), "{down:?}");
    let body = json!({"username": "you", "password": PASSWORD});
    let login = scene.house.ask("POST", "/api/user/login", None, Some(body));
    assert_eq!(login.status, 200);

    let told = json!({"redirect": format!("http://{}/", scene.house.console), "port": port});
    scene.provider = Provider::start("provider.mjs", told).await;
    assert_eq!(scene.sign_in("lee").status, 200);

    // And one that was never there.
    let nowhere = Provider {
        issuer: format!("http://{}", reserve().unwrap()),
        process: Process::start("true", &mut Command::new("true")).unwrap(),
    };
    let scene = Scene::over(nowhere, "127.0.0.1:0".into()).await;
    let begun = send(scene.house.console, BEGIN, "", "");
    assert_eq!((begun.status, begun.cookie.as_str()), (503, ""));
}

#[tokio::test]
async fn a_person_signs_in_with_the_provider_in_a_real_browser() {
    let scene = Scene::real().await;
    let told = json!({
        "console": format!("http://{}/", scene.house.console),
        "issuer": scene.provider.issuer,
        "node": node(),
        "chromium": "/usr/bin/chromium",
    });
    let mut command = Command::new("node");
    command
        .arg(Path::new(HERE).join("browser.mjs"))
        .arg(told.to_string());
    let mut script = Process::start("browser.mjs", &mut command).unwrap();
    let status = script.until_ended(SOON * 4).await.unwrap();
    assert!(status.success(), "{}{}", script.stdout(), script.stderr());
}

#[tokio::test]
async fn where_no_provider_is_set_up_nobody_signs_in_so_and_half_of_one_is_refused() {
    let house = House::start().await;
    assert_eq!(send(house.console, BEGIN, "", "").status, 404);
    let status = house.ask("GET", "/api/status", None, None).data();
    assert_eq!(status["oidc_enabled"], false);
    let half = ["up", "--demo", "--oidc-issuer", "https://login.example"];
    let mut refused = Process::ours("purser", half).unwrap();
    assert!(!refused.until_ended(SOON).await.unwrap().success());
    assert!(
        refused.stderr().contains("--oidc-client-id"),
        "{}",
        refused.stderr()
    );
}
