//! Every way in which Redis can be unusable: told apart, never waited for, and over when it is over.

#![expect(clippy::print_stderr, reason = "what was measured is shown with --nocapture")]

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use super::bars::is_full;
use super::nodes::{Fleet, alone, health_until, until_nodes, until_tier};
use super::proxy::{Mode, Proxy};
use crate::redis_server::{Redis, free_port};
use crate::support::{Server, triangle_glb};

/// The tier has to be right within this time, and a test may run on a slow machine.
const SOON: Duration = Duration::from_secs(5);
/// How much longer that may take where other tests run beside this one.
const BESIDE_OTHERS: u32 = 4;

/// Starts a node with this Redis and returns its health once it knows why that cannot be used.
async fn trouble_with(url: &str) -> (Server, tempfile::TempDir, Value) {
    let folder = tempdir().unwrap();
    let node = alone(folder.path(), &[("REDIS_URL", url)]);
    let health = health_until(&node, |health| {
        !matches!(health["components"]["redis"]["cause"].as_str(), None | Some("not_tried"))
    })
    .await;
    (node, folder, health)
}

/// What a connection that this program tries fails with.
fn cause_of_system(host: &str, port: u16) -> &'static str {
    let address = std::net::SocketAddr::new(host.parse().unwrap(), port);
    let Err(error) = std::net::TcpStream::connect_timeout(&address, SOON) else {
        // Something between here and nowhere takes every connection, and says nothing of use.
        return "other";
    };
    match error.raw_os_error() {
        Some(99) => "no_address",
        Some(111) => "refused",
        _ if error.kind() == std::io::ErrorKind::TimedOut => "timed_out",
        _ => "other",
    }
}

async fn assert_works(node: &Server) {
    let id = node.submit(triangle_glb()).await;
    assert_eq!(node.finished(&id).await["state"], "completed");
}

#[tokio::test]
async fn every_cause_is_told_apart_and_jobs_finish_all_the_same() {
    let port = free_port();
    let with_password = Redis::start_with(&["--requirepass", "secret"]);
    let password = |entry: &str| format!("redis://{entry}127.0.0.1:{}", with_password.port);
    let small = Redis::start_with(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &port.to_string()]);
    let plain = Redis::start();
    for (url, cause) in [
        (format!("redis://127.0.0.1:{port}"), "refused"),
        // What the system makes of an address family that it may not have: error 99, which stopped the program before
        // this one, or 111.
        (format!("redis://[::1]:{port}"), cause_of_system("::1", port)),
        ("redis://240.0.0.1:1".to_owned(), cause_of_system("240.0.0.1", 1)),
        ("redis://no-such-host.invalid".to_owned(), "unresolvable"),
        (password(""), "no_password"),
        (password(":wrong@"), "wrong_password"),
        (format!("{}/99", plain.url()), "wrong_database"),
        (format!("rediss://127.0.0.1:{}", plain.port), "tls"),
        (replica.url(), "read_only"),
        (small.url(), "out_of_memory"),
    ] {
        let (node, _folder, health) = trouble_with(&url).await;
        let found = health["components"]["redis"]["cause"].as_str().unwrap();
        assert_eq!(found, cause, "{url}: {health:#}");
        assert_eq!(
            (&health["tier"], &health["components"]["redis"]["status"]),
            (&"embedded".into(), &"disconnected".into())
        );
        assert!(!health.to_string().contains("wrong@"), "{health}");
        assert_eq!(node.get("/health").await.status(), 200);
        assert_works(&node).await;
    }
}

#[tokio::test]
async fn a_user_a_password_and_a_database_open_the_door() {
    let redis = Redis::start_with(&["--requirepass", "se%cret"]);
    let folder = tempdir().unwrap();
    let storage = format!("file://{}", folder.path().join("shared").display());
    let url = format!("redis://default:se%25cret@127.0.0.1:{}/3", redis.port);
    let node = alone(&folder.path().join("data"), &[("REDIS_URL", &url), ("STORAGE_URL", &storage)]);
    let health = until_tier(&node, "redis").await;
    assert_eq!(
        (
            &health["components"]["redis"]["connection"]["password_set"],
            &health["components"]["redis"]["connection"]["database"]
        ),
        (&true.into(), &3.into())
    );
    assert!(!health.to_string().contains("cret"), "{health}");
}

#[tokio::test]
async fn tls_is_spoken_with_one_whose_authority_is_known_and_with_nobody_else() {
    let redis = Redis::start_with_tls();
    let (_stranger, _folder, health) = trouble_with(&redis.url()).await;
    let trouble = &health["components"]["redis"];
    assert_eq!(trouble["cause"], "tls", "{health:#}");
    assert!(trouble["error"].as_str().unwrap().contains("REDIS_CA_FILE"), "{health:#}");

    let mut fleet = Fleet::of(&redis);
    fleet.redis_url = redis.url();
    let variables = [("REDIS_CA_FILE", &*redis.ca_file())];
    let [one, other] = ["one", "other"].map(|name| fleet.node_with(name, &variables));
    until_nodes(&one, 2).await;
    let (_frozen, _child) = one.submit_frozen().await;
    // Its only slot is taken, so that the other one does it.
    assert_works(&one).await;
    let health = until_tier(&other, "redis").await;
    assert_eq!(health["components"]["redis"]["connection"]["tls"], true);
}

#[tokio::test]
async fn of_two_addresses_only_the_first_is_dialled() {
    let (first, second) = (Redis::start(), Redis::start());
    let folder = tempdir().unwrap();
    let variables = [("REPLIT_REDIS_URL", first.url()), ("REDIS_URL", second.url())];
    let variables: Vec<_> = variables.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let node = alone(folder.path(), &variables);
    let health = health_until(&node, |health| health["components"]["redis"]["status"] == "connected").await;
    assert_eq!(health["components"]["redis"]["connection"]["port"], first.port);
    // Without shared storage, knowledge is shared but no work, and it is said why.
    assert_eq!(health["tier"], "embedded");
    assert!(health["tier_reason"].as_str().unwrap().contains("STORAGE_URL"), "{health:#}");
    let clients = second.read("INFO clients");
    assert!(clients.contains("connected_clients:1\r"), "{clients}");
}

#[tokio::test]
async fn the_tier_follows_redis_within_seconds_and_says_why() {
    let mut redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let node = fleet.node("a").await;
    let switched = async |tier: &str, since: Instant| {
        // Written down a moment after it is so: one that is gone by then leaves no trace.
        let is_written = |health: &Value| {
            health["switches"].as_array().and_then(|all| all.last()).is_some_and(|last| last["to"] == tier)
        };
        let health = health_until(&node, |health| health["tier"] == tier && is_written(health)).await;
        let bound = if is_full() { SOON } else { SOON * BESIDE_OTHERS };
        assert!(since.elapsed() < bound, "{tier} came after {:?}", since.elapsed());
        health
    };
    let start = Instant::now();
    redis.freeze();
    let health = switched("embedded", start).await;
    assert_eq!(health["components"]["redis"]["cause"], "timed_out", "{health:#}");
    let start = Instant::now();
    redis.thaw();
    switched("redis", start + Duration::from_secs(2)).await;
    let start = Instant::now();
    redis.kill();
    let health = switched("embedded", start).await;
    assert_works(&node).await;
    assert!(
        ["refused", "other"].contains(&health["components"]["redis"]["cause"].as_str().unwrap()),
        "{health:#}"
    );
    let start = Instant::now();
    redis.start_again();
    let health = switched("redis", start + Duration::from_secs(2)).await;
    let switches = health["switches"].as_array().unwrap();
    let tiers: Vec<_> = switches.iter().map(|switch| switch["to"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["redis", "embedded", "redis", "embedded", "redis"]);
    assert!(switches.iter().all(|switch| !switch["reason"].as_str().unwrap().is_empty()));
}

#[tokio::test]
async fn a_redis_that_swallows_everything_slows_nothing_down() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port);
    proxy.set(Mode::Swallow);
    let (with, without) = (tempdir().unwrap(), tempdir().unwrap());
    // The fastest of three, because other tests run beside this one.
    let measured = async |variables: &[(&str, &str)], folder: &std::path::Path| {
        let start = Instant::now();
        let node = alone(folder, variables);
        let started = start.elapsed();
        let mut best = [Duration::MAX; 2];
        for _ in 0..3 {
            let start = Instant::now();
            let id = node.submit(triangle_glb()).await;
            best[0] = best[0].min(start.elapsed());
            let start = Instant::now();
            assert_eq!(node.get("/health").await.status(), 200);
            best[1] = best[1].min(start.elapsed());
            assert_eq!(node.finished(&id).await["state"], "completed");
        }
        [started, best[0], best[1]]
    };
    let without = measured(&[], without.path()).await;
    let with = measured(&[("REDIS_URL", &proxy.url())], with.path()).await;
    eprintln!("start, upload, health: {without:?} without Redis, {with:?} with one that swallows everything");
    // Whatever waited for Redis would wait for its time-out.
    let bound = Duration::from_millis(if is_full() { 200 } else { 4_000 });
    for (with, without) in with.iter().zip(without) {
        assert!(*with < without + bound, "{with:?} against {without:?}");
    }
}

#[tokio::test]
async fn a_node_never_has_more_than_twenty_connections_and_heals_by_itself() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port);
    let fleet = Fleet { redis_url: proxy.url(), ..Fleet::of(&redis) };
    let node = fleet.node("a").await;
    for _ in 0..3 {
        proxy.cut();
        redis.say("CLIENT KILL TYPE normal");
        assert_works(&node).await;
        until_tier(&node, "redis").await;
    }
    let health =
        health_until(&node, |health| health["components"]["redis"]["connection"]["active_connections"] == 4)
            .await;
    assert_eq!(health["components"]["redis"]["connection"]["max_connections"], 20);
    let clients = redis.read("INFO clients");
    let count: usize = clients
        .lines()
        .find_map(|line| line.strip_prefix("connected_clients:")?.trim().parse().ok())
        .unwrap();
    assert!(count <= 20, "{count}");
}
