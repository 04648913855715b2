//! A machine whose kernel has no IPv6, as with `ipv6.disable=1`: `[::]`, which charts and injection ask for, is every address of IPv4
//! there, a provider whose name has an address of each family is reached by the one that there is, and who asks for `[::1]` is told.
//!
//! The kernel here may have IPv6, so each process gets the same answer from a filter of its own, which Python installs before it becomes
//! the program: no socket of that family can be made.

use super::cluster::SOON;
use super::operator::World;
use super::place::Place;
use purser_tests::model_server::tool;
use purser_tests::port::reserve;
use purser_tests::process::{Process, binary};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `socket(AF_INET6, …)` answers EAFNOSUPPORT from now on; a filter of struct sock_filter, whose numbers are those of linux/filter.h.
const WITHOUT: &str = r#"
import ctypes, os, platform, struct, sys
socket = {"x86_64": 41, "aarch64": 198}[platform.machine()]
steps = [
    (0x20, 0, 0, 0),               # load the call's number
    (0x15, 0, 3, socket),          # not `socket`: allow
    (0x20, 0, 0, 16),              # load its first argument, the family
    (0x15, 0, 1, 10),              # not AF_INET6: allow
    (0x06, 0, 0, 0x00050000 | 97), # EAFNOSUPPORT
    (0x06, 0, 0, 0x7FFF0000),      # allow
]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
kept = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(kept))
libc = ctypes.CDLL(None, use_errno=True)
unused = [ctypes.c_ulong(0)] * 2
if libc.prctl(38, ctypes.c_ulong(1), *unused, ctypes.c_ulong(0)) or libc.prctl(22, ctypes.c_ulong(2), program, *unused):
    sys.exit("the filter is refused: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"#;

fn python() -> PathBuf {
    tool("PURSER_TEST_PYTHON", "python/bin/python").unwrap()
}

/// A script that knows these names and no others, and becomes whatever follows; in a namespace of mounts of its own, which takes root.
fn with_hosts(folder: &Path, hosts: &str) -> String {
    let path = folder.join("hosts");
    std::fs::write(&path, hosts).unwrap();
    let path = path.display();
    format!("mount --bind {path} /etc/hosts && exec \"$0\" \"$@\"")
}

/// What is answered at the loopback address of IPv4.
async fn answered(port: u16, path: &str) -> u16 {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Call::get(path).send(address).await.unwrap().status()
}

#[tokio::test]
async fn operator_and_sidecar_listen_and_call_where_the_kernel_has_no_ipv6() {
    let python = python().display().to_string();
    let under = [python.as_str(), "-c", WITHOUT];
    let (console, metrics) = (reserve().unwrap().port(), reserve().unwrap().port());
    let listen = format!("--listen-console=[::]:{console}");
    let world = World::own_under(&under, &[&listen]).await;
    assert_eq!(answered(console, "/").await, 200);

    let place = Place::new(&world, "no-ipv6").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let url = format!("http://both:{}/v1", provider.address().port());
    let [secret, key] = place.key("one", "open");
    let plan = place.plan("open", "models: {allow: ['*']}");
    let channel = place.channel("live", &url, "{name: m}");
    place.apply(&[plan, channel, secret, key]).await;
    place.until_key("one", "True").await;
    let metrics_on = format!("--metrics=[::]:{metrics}");
    let folder = tempfile::tempdir().unwrap();
    let script = with_hosts(folder.path(), "::1 both\n127.0.0.1 both\n");
    let named = ["unshare", "--mount", "sh", "-c", script.as_str()];
    let under = [&named[..], &under].concat();
    let pod = ("pod", &[metrics_on.as_str()][..]);
    let mut sidecar = place.sidecar_under(&under, pod).await;
    sidecar.until_connected().await;
    assert_eq!(answered(metrics, "/healthz").await, 200);
    let judged = sidecar.judged("m", &place.value("one")).await;
    assert_eq!(judged, (200, String::new()));
}

#[tokio::test]
async fn who_asks_for_the_loopback_of_ipv6_alone_is_told_which_address_there_is_not() {
    let mut command = Command::new(python());
    let program = binary("purser-sidecar").unwrap();
    command.args(["-c", WITHOUT]).arg(program);
    command.args([
        "--listen=[::1]:0",
        "--admin=127.0.0.1:0",
        "--config=/nowhere",
    ]);
    let mut process = Process::start("purser-sidecar", &mut command).unwrap();
    let status = process.until_ended(SOON).await.unwrap();
    let said = process.stderr();
    assert!(!status.success());
    assert!(said.contains("opening [::1]:0 for callers"), "{said}");
    assert!(said.contains("not supported"), "{said}");
}
