//! What is refused, with names of the test's own; and fetches from a server on loopback, which only the seam lets through.

use super::*;
use base64::Engine;
use purser_dialects::talk::{Role, Turn};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

fn medium(url: &str) -> Medium {
    Medium {
        file: None,
        path: "messages[0].content[0].image_url.url".into(),
        sense: Sense::Image,
        url: Some(url.into()),
    }
}

fn ask(urls: &[&str]) -> Ask {
    let image = |url: &&str| Block::Image {
        source: Source::Url((*url).to_owned()),
        detail: None,
        cache: None,
    };
    let turn = Turn {
        role: Role::User,
        name: None,
        blocks: urls.iter().map(image).collect(),
    };
    Ask {
        turns: vec![turn],
        ..Ask::default()
    }
}

fn names(names: &[(&str, &[&str])]) -> Images {
    let read = |(name, addresses): &(&str, &[&str])| {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        ((*name).to_owned(), addresses.collect())
    };
    Images::with(Seam {
        names: names.iter().map(read).collect(),
        search: vec!["svc.cluster.local".into(), "cluster.local".into()],
        open: vec![],
    })
}

async fn refused(images: &Images, url: &str) -> Option<Reject> {
    images.check(&[medium(url)], Unknown::Passes).await.err()
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_however_many_public_addresses_it_has() {
    let images = names(&[
        ("good.example.com", &["93.184.215.14", "2606:2800:21f::1"]),
        ("both.example.com", &["93.184.215.14", "10.0.0.7"]),
        ("inside.example.com", &["127.0.0.1"]),
        ("mapped.example.com", &["::ffff:169.254.169.254"]),
    ]);
    for url in [
        "https://both.example.com/a.png",
        "http://inside.example.com/",
        "http://mapped.example.com/",
        "http://INSIDE.example.com./",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
    ] {
        let reject = refused(&images, url).await.unwrap();
        assert_eq!(
            (reject.status(), reject.code()),
            (400, "invalid_image_url"),
            "{url}"
        );
        assert_eq!(reject.param(), Some("messages[0].content[0].image_url.url"));
        let told = reject.message();
        assert!(
            !told.contains("10.0.0.7") && !told.contains("169.254"),
            "{told}"
        );
    }
    assert_eq!(
        refused(&images, "https://good.example.com/a.png").await,
        None
    );
    // What nobody here knows is the provider's to judge, unless it is ours to fetch.
    assert_eq!(refused(&images, "https://unknown.example.com/").await, None);
    let mut one = ask(&["https://unknown.example.com/"]);
    assert!(images.inline(&mut one, &[]).await.is_err());
}

#[tokio::test]
async fn a_name_that_only_the_cluster_knows_is_refused() {
    let images = names(&[
        ("good.example.com", &["93.184.215.14"]),
        ("grafana.monitoring.svc.cluster.local", &["10.96.0.7"]),
        ("good.dev", &["93.184.215.15"]),
        ("good.dev.svc.cluster.local", &["10.96.0.8"]),
    ]);
    for url in ["http://grafana.monitoring/", "http://good.dev:8080/"] {
        let told = refused(&images, url).await.unwrap().message();
        assert!(told.contains("leads to a private"), "{url}: {told}");
    }
    // A server in another namespace may know names that this pod does not.
    let check = |url: &str| [medium(url)];
    let (one, other) = (
        check("http://pod-0.db/"),
        check("https://good.example.com/"),
    );
    assert_eq!(images.check(&one, Unknown::Passes).await, Ok(()));
    let told = images.check(&one, Unknown::Refused).await.unwrap_err();
    assert!(told.message().contains("does not exist"));
    assert_eq!(images.check(&other, Unknown::Refused).await, Ok(()));
}

#[tokio::test]
async fn what_is_refused_is_called_what_it_is() {
    let images = names(&[]);
    let told = refused(&images, "http://127.0.0.1/").await.unwrap();
    assert!(told.message().starts_with("The address of an image "));
    let pdf = Medium {
        sense: Sense::Document,
        ..medium("http://127.0.0.1/a.pdf")
    };
    let told = images
        .check(&[pdf], Unknown::Passes)
        .await
        .unwrap_err()
        .message();
    assert!(
        told.starts_with("The address of a document ")
            && told.ends_with("send the document itself as data:application/pdf;base64,…"),
        "{told}"
    );
}

/// Answers one request with these bytes, and says what was asked.
async fn server(answer: Vec<u8>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        // The other side may have seen enough.
        drop(stream.write_all(&answer).await);
        String::from_utf8(asked).unwrap()
    });
    (address, asked)
}

fn seam(address: SocketAddr) -> Images {
    Images::with(Seam {
        names: vec![("images.example.com".into(), vec![address.ip()])],
        search: vec![],
        open: vec![address],
    })
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn inlined(answer: Vec<u8>) -> (Result<Source, String>, String) {
    let (address, asked) = server(answer).await;
    let url = format!("http://images.example.com:{}/a.png?b=c", address.port());
    let mut one = ask(&[&url]);
    let result = seam(address).inline(&mut one, &[medium(&url)]).await;
    let asked = asked.await.unwrap();
    let Some(Block::Image { source, .. }) = one.turns[0].blocks.first() else {
        unreachable!("the block is an image");
    };
    (
        result
            .map(|()| source.clone())
            .map_err(|reject| reject.message()),
        asked,
    )
}

#[tokio::test]
async fn bytes_take_the_place_of_an_address_and_say_themselves_what_they_are() {
    let (source, asked) = inlined(ok(PNG)).await;
    let data = base64::engine::general_purpose::STANDARD.encode(PNG);
    assert_eq!(
        source,
        Ok(Source::Data {
            media_type: "image/png".into(),
            data
        })
    );
    assert!(
        asked.starts_with("GET /a.png?b=c HTTP/1.1\r\nhost: images.example.com:"),
        "{asked}"
    );
    assert!(
        !asked.contains("authorization") && !asked.contains("cookie"),
        "{asked}"
    );
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_passed_over() {
    let (address, asked) = server(ok(PNG)).await;
    // Nobody listens at the first two of them.
    let first = ["::1", "127.0.0.2"].map(|text| text.parse().unwrap());
    let at = |ip: IpAddr| SocketAddr::new(ip, address.port());
    let images = Images::with(Seam {
        names: vec![(
            "images.example.com".into(),
            [first.as_slice(), &[address.ip()]].concat(),
        )],
        search: vec![],
        open: vec![at(first[0]), at(first[1]), address],
    });
    let url = format!("http://images.example.com:{}/a.png", address.port());
    let mut one = ask(&[&url]);
    images.inline(&mut one, &[medium(&url)]).await.unwrap();
    assert!(asked.await.unwrap().starts_with("GET /a.png "));
}

#[tokio::test]
async fn what_is_no_image_or_not_there_is_refused() {
    let redirect =
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    for (answer, why) in [
        (ok(b"<html>a page</html>"), "neither a PNG"),
        (redirect, "redirects, which is not followed"),
        (
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "answers 404",
        ),
        (b"garbage\r\n\r\n".to_vec(), "did not answer as HTTP says"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\x89PNG".to_vec(),
            "broke off",
        ),
    ] {
        let (source, _) = inlined(answer).await;
        let told = source.unwrap_err();
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[tokio::test]
async fn what_has_no_end_is_cut_off_at_the_limit() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.extend_from_slice(PNG);
    answer.resize(MOST_BYTES + 4096, 0);
    let (source, _) = inlined(answer).await;
    let told = source.unwrap_err();
    assert!(told.contains("more than 20 MiB together"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_left_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut one = ask(&[&format!("http://images.example.com:{}/", address.port())]);
    let told = seam(address)
        .inline(&mut one, &[])
        .await
        .unwrap_err()
        .message();
    assert!(told.contains("within 5 s"), "{told}");
}

#[tokio::test]
async fn no_connection_is_opened_to_what_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let images = names(&[("inside.example.com", &["127.0.0.1"])]);
    let room = AtomicUsize::new(MOST_BYTES);
    let url = format!("http://inside.example.com:{}/", address.port());
    assert!(images.fetch(&url, &room).await.is_err());
    let accepted = futures::poll!(std::pin::pin!(listener.accept()));
    assert!(accepted.is_pending());
    assert_eq!(room.load(Ordering::Relaxed), MOST_BYTES);
}
