//! A node in a network of its own, whose link to Redis is cut as if somebody had pulled the cable.
//!
//! Made of network namespaces, which only root may make; where that is forbidden the test says so and ends.

#![expect(clippy::print_stderr, reason = "a test that could not be made is named")]

use std::process::{Command, Stdio};
use std::time::Duration;

use super::nodes::{Fleet, until_nodes, until_tier};
use crate::held::Held;
use crate::redis_server::Redis;
use crate::support::padded_glb;

/// How long each piece of work takes: less than the shortest visibility timeout, and longer than it takes to cut.
const WORK_TIME: Duration = Duration::from_secs(3);

/// A network namespace with two links to this machine: one that is cut, and one by which the test talks to the node.
struct Network {
    name: String,
    subnet: u32,
}

impl Network {
    /// None where nobody may make one.
    fn new() -> Option<Self> {
        let subnet = std::process::id() % 250;
        let network = Self { name: format!("glbo{subnet}"), subnet };
        let made = ip(&format!("netns add {}", network.name))
            && network.connect("cut", 213)
            && network.connect("kept", 214);
        made.then_some(network)
    }

    fn connect(&self, which: &str, net: u32) -> bool {
        let Self { name, subnet } = self;
        let (here, there) = (self.end(which), format!("{which}1"));
        ip(&format!("link add {here} type veth peer name {there} netns {name}"))
            && ip(&format!("addr add 10.{net}.{subnet}.1/24 dev {here}"))
            && ip(&format!("link set {here} up"))
            && ip(&format!("-n {name} addr add 10.{net}.{subnet}.2/24 dev {there}"))
            && ip(&format!("-n {name} link set {there} up"))
    }

    /// The name of a link's end on this side.
    fn end(&self, which: &str) -> String {
        format!("{}{which}", self.name)
    }

    fn set_link(&self, state: &str) {
        assert!(ip(&format!("link set {} {state}", self.end("cut"))));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("link del {}", self.end("cut")));
        ip(&format!("link del {}", self.end("kept")));
        ip(&format!("netns del {}", self.name));
    }
}

/// Whether `ip` did it.
fn ip(words: &str) -> bool {
    let mut command = Command::new("ip");
    command.args(words.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_node_whose_link_is_cut_and_the_rest_of_the_fleet_finish_what_they_have() {
    let Some(network) = Network::new() else {
        eprintln!("not tested: this machine lets nobody make a network namespace");
        return;
    };
    let at_redis = format!("10.213.{}.1", network.subnet);
    let redis = Redis::start_with(&["--bind", "127.0.0.1", &at_redis, "--protected-mode", "no"]);
    let mut fleet = Fleet::of(&redis);
    fleet.redis_url = format!("redis://{at_redis}:{}", redis.port);
    let near = fleet.node("near").await;
    let far = fleet.node_behind(
        &["ip", "netns", "exec", &network.name],
        &format!("10.214.{}.2:0", network.subnet),
        "far",
    );
    until_nodes(&near, 2).await;

    let held = Held::hold(&[&near, &far], WORK_TIME);
    // The first keeps its node busy, so that the second goes to the far one, which then offers the third.
    let own = near.submit(padded_glb(0)).await;
    near.job_until(&own, |job| job["state"] == "running").await;
    let taken = near.submit(padded_glb(4)).await;
    near.job_until(&taken, |_| far.child().is_some()).await;
    let offered = far.submit(padded_glb(8)).await;
    network.set_link("down");

    // Each of them ends: the one that nobody can hear of is done anew by the near node, and the one that cannot be offered
    // by the far one, which counts each try to offer it.
    for (node, id) in [(&near, &own), (&near, &taken)] {
        let job = node.finished(id).await;
        assert_eq!((&job["state"], &job["attempt"]), (&"completed".into(), &1.into()), "{job:#}");
    }
    assert_eq!(far.finished(&offered).await["state"], "completed");
    let health = until_tier(&far, "embedded").await;
    assert!(health["tier_reason"].as_str().is_some_and(|reason| reason.contains(&at_redis)), "{health:#}");

    let before = near.job(&taken).await;
    network.set_link("up");
    until_tier(&far, "redis").await;
    until_nodes(&near, 2).await;
    // What the far one has to tell of a job that was done without it is not wanted any more.
    let work = format!("XLEN glb-optimizer:work:{}", env!("CARGO_PKG_VERSION"));
    near.health_until(|_| redis.say(&work) == ":0").await;
    assert_eq!(near.job(&taken).await, before);
    drop(held);
    let again = far.submit(padded_glb(12)).await;
    assert_eq!(far.finished(&again).await["state"], "completed");
}
