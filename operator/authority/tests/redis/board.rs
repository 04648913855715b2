//! The board on which replicas read of each other, and what is left on it of those that are gone.

use super::server::Server;
use purser_authority::redis::RedisWindows;

#[tokio::test]
async fn replicas_read_each_others_notes_and_what_a_gone_one_left_is_cleared() {
    let Some(server) = Server::start() else {
        return;
    };
    let one = RedisWindows::open(&server.url(), "board").await.unwrap();
    let two = RedisWindows::open(&server.url(), "board").await.unwrap();
    let mut connection = server.connect();
    // A note of long ago, as a replica leaves it that is gone.
    for (name, value) in [("board:board", "old"), ("board:board:at", "7")] {
        let mut put = ::redis::cmd("HSET");
        let put = put.arg(name).arg("99").arg(value);
        put.query::<u64>(&mut connection).unwrap();
    }
    assert_eq!(
        one.post(Some("of one")).await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(two.post(Some("of two")).await.unwrap(), ["of one"]);
    assert_eq!(one.post(None).await.unwrap(), ["of two"]);
    let mut size = ::redis::cmd("HLEN");
    let left: u64 = size.arg("board:board").query(&mut connection).unwrap();
    assert_eq!(left, 2);
}
