//! One connection to one server that may keep the windows: opened, examined, with its scripts loaded. `office` opens and drops it;
//! it decides nothing, retries nothing, and never shows a password.

use super::error::{RedisError, Unreachable};
use super::scripts::{Script, TEXTS};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline,
    ServerErrorKind,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an answer may take. With what else a question costs it is answered within half a second.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);
/// How long opening may take.
const OPENING: Duration = Duration::from_secs(2);

/// What a script answers: integers, the first 0 when the term is over.
pub(super) type Reply = Vec<i64>;

/// The connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    scripts: Vec<String>,
    /// The error that it answered with last.
    said: Arc<Mutex<Option<String>>>,
    /// The server's life: another one after a restart or a failover.
    pub(super) run: String,
}

/// An address that was read. Over TCP nothing is held back to be sent together: a part of a message would wait for the other side to
/// acknowledge the one before, which takes it 40 ms.
pub(super) fn client(url: &str) -> Result<Client, RedisError> {
    let read = url.into_connection_info().and_then(|info| {
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        Client::open(info.set_tcp_settings(tcp))
    });
    read.map_err(|error| {
        let why = error.detail().unwrap_or("it is not an address of Redis");
        let why = if why.contains('@') {
            "it is not an address of Redis"
        } else {
            why
        };
        RedisError::Address {
            why: why.to_owned(),
        }
    })
}

/// Where it leads, without a password.
pub(super) fn place(client: &Client) -> String {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}")
        }
        ConnectionAddr::Unix(path) => path.display().to_string(),
        _ => "its address".to_owned(),
    }
}

impl Link {
    /// Connects, and looks whether the server may be trusted with windows.
    pub(super) async fn open(client: &Client) -> Result<Link, RedisError> {
        let at = place(client);
        let opening = Link::opened(client, &at);
        tokio::time::timeout(OPENING, opening)
            .await
            .unwrap_or_else(|_| {
                let why = format!("no answer within {} s", OPENING.as_secs());
                Err(RedisError::Unreachable { at, why })
            })
    }

    async fn opened(client: &Client, at: &str) -> Result<Link, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(OPENING))
            .set_response_timeout(Some(OPENING));
        let failed = |error: redis::RedisError| trouble(at, &error);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(failed)?;
        let info: String = redis::cmd("INFO")
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let run = examine(at, &info)?;
        let mut scripts = Vec::new();
        for text in TEXTS {
            let mut load = redis::cmd("SCRIPT");
            let load = load.arg("LOAD").arg(text);
            scripts.push(load.query_async(&mut connection).await.map_err(failed)?);
        }
        Ok(Link {
            connection,
            scripts,
            said: Arc::default(),
            run,
        })
    }

    /// The call of a script.
    pub(super) fn call(&self, script: Script, keys: [&str; 4]) -> redis::Cmd {
        let sha = self.scripts.get(script as usize);
        let mut call = redis::cmd("EVALSHA");
        call.arg(sha.map_or("", String::as_str)).arg(keys.len());
        keys.iter().for_each(|key| {
            call.arg(*key);
        });
        call
    }

    /// The error that the server answered with last; `None`: it was silent, or never did.
    pub(super) fn said(&self) -> Option<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }

    fn note(&self, error: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref() != Some(&error) {
            tracing::warn!(error, "Redis answers the windows with an error");
        }
        *said = Some(error);
    }

    /// Sends calls, and hears all their answers.
    pub(super) async fn send<T: redis::FromRedisValue>(
        &self,
        calls: &Pipeline,
        patience: Duration,
    ) -> Result<T, Unreachable> {
        let mut connection = self.connection.clone();
        match tokio::time::timeout(patience, calls.query_async(&mut connection)).await {
            Ok(Ok(replies)) => Ok(replies),
            Ok(Err(error)) => {
                // A connection that broke says nothing of the server.
                if !error.is_io_error() && !error.is_unrecoverable_error() {
                    self.note(error.to_string());
                }
                Err(Unreachable)
            }
            Err(_) => Err(Unreachable),
        }
    }
}

fn trouble(at: &str, error: &redis::RedisError) -> RedisError {
    let (at, why) = (at.to_owned(), error.to_string());
    match error.kind() {
        ErrorKind::AuthenticationFailed => RedisError::Password { at },
        ErrorKind::Server(ServerErrorKind::BusyLoading) => RedisError::Loading { at, waited_s: 0 },
        ErrorKind::Server(ServerErrorKind::ReadOnly) => RedisError::Replica { at },
        ErrorKind::Server(ServerErrorKind::NoPerm) => RedisError::Forbidden { at, why },
        _ => match error.code() {
            Some("NOAUTH" | "WRONGPASS") => RedisError::Password { at },
            _ => RedisError::Unreachable { at, why },
        },
    }
}

/// The server's run, if it may be used.
fn examine(at: &str, info: &str) -> Result<String, RedisError> {
    let lines = info.lines().filter_map(|line| line.trim().split_once(':'));
    let says: HashMap<&str, &str> = lines.collect();
    let at = at.to_owned();
    let is = |what: &str, value: &str| says.get(what) == Some(&value);
    if is("loading", "1") {
        return Err(RedisError::Loading { at, waited_s: 0 });
    }
    if is("redis_mode", "cluster") || is("cluster_enabled", "1") {
        return Err(RedisError::Cluster { at });
    }
    if !is("role", "master") {
        return Err(RedisError::Replica { at });
    }
    if !is("aof_enabled", "1") {
        return Err(RedisError::NoAppendOnlyFile { at });
    }
    let policy = says.get("maxmemory_policy").copied().unwrap_or("unknown");
    if policy != "noeviction" {
        let policy = policy.to_owned();
        return Err(RedisError::Evicts { at, policy });
    }
    match says.get("run_id") {
        Some(run) if !run.is_empty() => Ok((*run).to_owned()),
        _ => Err(RedisError::Forbidden {
            at,
            why: "INFO does not say run_id".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nrun_id:abc\r\nredis_mode:standalone\r\nloading:0\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n";

    #[test]
    fn only_a_primary_that_forgets_nothing_may_keep_windows() {
        assert_eq!(examine("here", GOOD), Ok("abc".to_owned()));
        let with = |from: &str, to: &str| examine("here", &GOOD.replace(from, to)).unwrap_err();
        let at = "here".to_owned();
        assert_eq!(
            with("aof_enabled:1", "aof_enabled:0"),
            RedisError::NoAppendOnlyFile { at: at.clone() }
        );
        let policy = "allkeys-lru".to_owned();
        assert_eq!(
            with("noeviction", "allkeys-lru"),
            RedisError::Evicts {
                at: at.clone(),
                policy
            }
        );
        assert_eq!(
            with("role:master", "role:slave"),
            RedisError::Replica { at: at.clone() }
        );
        assert_eq!(
            with("loading:0", "loading:1"),
            RedisError::Loading {
                at: at.clone(),
                waited_s: 0
            }
        );
        assert_eq!(with("standalone", "cluster"), RedisError::Cluster { at });
    }

    #[test]
    fn an_address_that_cannot_be_read_is_refused_without_its_password() {
        for url in [
            "redis//user:hunter2@host",
            "redis://:hunter2@host:port",
            "http://:hunter2@host",
            "",
        ] {
            let error = client(url).map(|_| ()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_sent_over_tcp_is_not_held_back() {
        let client = client("redis://host:6379").unwrap();
        assert!(client.get_connection_info().tcp_settings().nodelay());
    }
}
