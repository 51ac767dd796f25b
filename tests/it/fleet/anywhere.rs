//! Any node answers for any job: what it is, how far it is, its files, and what is to be done with it.

use reqwest::multipart::{Form, Part};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::nodes::{Fleet, health_until, until_nodes, until_tier};
use crate::redis_server::Redis;
use crate::support::{Server, events_in, padded_glb, triangle_glb};

/// Waits until the node has heard of the job.
async fn until_known(node: &Server, id: &str) {
    let start = std::time::Instant::now();
    while node.get(&format!("/api/v1/jobs/{id}")).await.status() != 200 {
        assert!(start.elapsed() < crate::support::DEADLINE, "job {id} stays unknown");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn bytes(node: &Server, id: &str, what: &str) -> Vec<u8> {
    let answer = node.get(&format!("/api/v1/jobs/{id}/{what}")).await;
    assert_eq!(answer.status(), 200, "{what}");
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn any_node_shows_a_job_follows_it_and_serves_its_files() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other) = (fleet.node("owner").await, fleet.node("other").await);
    let (id, child) = owner.submit_frozen().await;
    until_known(&other, &id).await;
    let events = async {
        other.job_until(&id, |job| job["state"] == "running").await;
        // With the head of the answer, the stream listens.
        let stream = other.get(&format!("/api/v1/jobs/{id}/events")).await;
        kill_process(child, Signal::CONT).unwrap();
        events_in(&stream.text().await.unwrap())
    };
    let events = tokio::time::timeout(crate::support::DEADLINE, events).await.unwrap();
    let (last, job) = events.last().unwrap();
    assert_eq!((last.as_str(), &job["state"]), ("state", &"completed".into()), "{events:?}");
    for what in ["result", "original", "report"] {
        assert_eq!(bytes(&other, &id, what).await, bytes(&owner, &id, what).await, "{what}");
    }
    let list: Value = other.get("/api/v1/jobs?state=completed").await.json().await.unwrap();
    assert!(list["jobs"].as_array().unwrap().iter().any(|job| job["id"] == id.as_str()), "{list:#}");

    // What is known of it outlives its owner; what would change it does not.
    owner.kill();
    assert!(!bytes(&other, &id, "result").await.is_empty());
    until_nodes(&other, 1).await;
    assert_eq!(other.delete(&id).await, 503);
    let owner = fleet.node("owner").await;
    until_nodes(&other, 2).await;
    assert_eq!(other.delete(&id).await, 204);
    assert_eq!(owner.get(&format!("/api/v1/jobs/{id}")).await.status(), 404);
}

/// Two nodes, and a job of the first that has ended, of which the second knows.
async fn with_an_ended_job(fleet: &Fleet) -> (Server, Server, String) {
    let (owner, other) = (fleet.node("owner").await, fleet.node("other").await);
    let id = owner.submit(triangle_glb()).await;
    owner.finished(&id).await;
    until_known(&other, &id).await;
    other.finished(&id).await;
    (owner, other, id)
}

/// Fails if the job was deleted by a wish that got no answer, and then deletes it.
async fn was_left_alone(owner: &Server, other: &Server, id: &str) {
    // The next one waits behind it in the inbox, and is refused only as long as the job is there.
    let refused = other.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(refused.status(), 409);
    assert_eq!(owner.get(&format!("/api/v1/jobs/{id}")).await.status(), 200);
    assert_eq!(other.delete(id).await, 204);
}

/// It was answered with 503, and the job was gone all the same as soon as its node worked again.
#[tokio::test]
async fn regression_a_wish_that_got_no_answer_is_not_granted_later() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other, id) = with_an_ended_job(&fleet).await;
    owner.freeze();
    assert_eq!(other.delete(&id).await, 503);
    owner.signal(Signal::CONT);
    until_nodes(&other, 2).await;
    was_left_alone(&owner, &other, &id).await;
}

/// As above; Redis was slow to write the letter rather than the node to read it, and it was not taken back.
#[tokio::test]
async fn regression_a_wish_that_redis_wrote_too_late_is_not_granted() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other, id) = with_an_ended_job(&fleet).await;
    // Longer than nodes wait for an answer. What they write comes in, and is done afterwards; reads are answered.
    assert_eq!(redis.say("CLIENT PAUSE 8000 WRITE"), "+OK");
    assert_eq!(other.delete(&id).await, 503);
    redis.say("CLIENT UNPAUSE");
    for node in [&owner, &other] {
        until_tier(node, "redis").await;
    }
    was_left_alone(&owner, &other, &id).await;
}

#[tokio::test]
async fn a_job_is_followed_on_another_node_while_redis_forgets_everything() {
    let mut redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other) = (fleet.node("owner").await, fleet.node("other").await);
    let (id, child) = owner.submit_frozen().await;
    until_known(&other, &id).await;
    let path = format!("/api/v1/jobs/{id}");
    let stream = other.get(&format!("{path}/events")).await;
    assert_eq!(stream.status(), 200);
    redis.kill();
    health_until(&other, |health| health["tier"] != "redis").await;
    let answer = other.get(&path).await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "redis_away");
    assert_eq!(owner.get(&path).await.status(), 200);
    redis.start_again();
    for node in [&owner, &other] {
        until_tier(node, "redis").await;
    }
    kill_process(child, Signal::CONT).unwrap();
    let events = tokio::time::timeout(crate::support::DEADLINE, stream.text()).await.unwrap().unwrap();
    let events = events_in(&events);
    let (last, job) = events.last().unwrap();
    assert_eq!((last.as_str(), &job["state"]), ("state", &"completed".into()), "{events:?}");
}

#[tokio::test]
async fn a_job_is_cancelled_retried_and_refused_through_any_node() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other) = (fleet.node("owner").await, fleet.node("other").await);
    let (id, _child) = owner.submit_frozen().await;
    until_known(&other, &id).await;
    let cancelled = other.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(cancelled.status(), 200);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["state"], "cancelled");
    assert_eq!(owner.job(&id).await["state"], "cancelled");
    let again = other.post(&format!("/api/v1/jobs/{id}/cancel")).await;
    assert_eq!(again.status(), 409);
    assert_eq!(other.post(&format!("/api/v1/jobs/{id}/retry")).await.status(), 200);
    assert_eq!(other.finished(&id).await["state"], "completed");
    let unknown = "0".repeat(32);
    assert_eq!(other.post(&format!("/api/v1/jobs/{unknown}/cancel")).await.status(), 404);
}

#[tokio::test]
async fn a_batch_is_known_and_an_upload_runs_again_on_any_node() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let (owner, other) = (fleet.node("owner").await, fleet.node("other").await);
    let file = |index: usize| Part::bytes(padded_glb(4 * index)).file_name(format!("{index}.glb"));
    let form = (0..3).fold(Form::new(), |form, index| form.part("file", file(index)));
    let posted = owner.client.post(owner.address("/api/v1/batches")).multipart(form).send().await.unwrap();
    let batch: Value = posted.json().await.unwrap();
    let names = |batch: &Value| -> Vec<String> {
        let jobs = batch["jobs"].as_array().into_iter().flatten();
        jobs.map(|job| job["input_name"].as_str().unwrap().to_owned()).collect()
    };
    let path = format!("/api/v1/batches/{}", batch["id"].as_str().unwrap());
    let start = std::time::Instant::now();
    let seen = loop {
        let seen: Value = other.get(&path).await.json().await.unwrap();
        if seen["ended"] == true && names(&seen).len() == 3 {
            break seen;
        }
        assert!(start.elapsed() < crate::support::DEADLINE, "the batch stays {seen:#}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(names(&seen), ["0.glb", "1.glb", "2.glb"]);
    let archive = |bytes| zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap().len();
    let result = format!("{path}/result");
    let here = owner.get(&result).await.bytes().await.unwrap();
    let there = other.get(&result).await.bytes().await.unwrap();
    assert_eq!((archive(here), archive(there)), (4, 4));

    // Its upload has to come from the owner's node.
    let first = seen["jobs"][0]["id"].as_str().unwrap();
    let again = other.post(&format!("/api/v1/jobs/{first}/rerun?preset=high")).await;
    assert_eq!(again.status(), 202);
    let again: Value = again.json().await.unwrap();
    owner.kill();
    let again = other.finished(again["id"].as_str().unwrap()).await;
    assert_eq!((&again["state"], &again["input_name"]), (&"completed".into(), &"0.glb".into()), "{again:#}");
    assert_eq!(bytes(&other, again["id"].as_str().unwrap(), "original").await, padded_glb(0));
    let unknown = "0".repeat(32);
    assert_eq!(other.post(&format!("/api/v1/jobs/{unknown}/rerun")).await.status(), 404);
    assert_eq!(other.get(&format!("/api/v1/batches/{unknown}")).await.status(), 404);
}

#[tokio::test]
async fn a_list_has_the_jobs_of_all_nodes_once_and_in_order() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let nodes = [fleet.node("a").await, fleet.node("b").await];
    let mut ids = Vec::new();
    for index in 0..8 {
        let id = nodes[index % 2].submit(padded_glb(4 * index)).await;
        nodes[index % 2].finished(&id).await;
        ids.push(id);
    }
    ids.reverse();
    for node in &nodes {
        for id in &ids {
            until_known(node, id).await;
            node.finished(id).await;
        }
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page: Value =
                node.get(&format!("/api/v1/jobs?state=completed&limit=3{after}")).await.json().await.unwrap();
            found.extend(
                page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
            );
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(found, ids);
    }
}

#[tokio::test]
async fn the_bytes_are_the_same_in_every_tier_and_on_the_command_line() {
    let redis = Redis::start();
    let fleet = Fleet::of(&redis);
    let model = padded_glb(64);
    let mut results = Vec::new();

    let (busy, _free) = (fleet.node("busy").await, fleet.node("free").await);
    until_nodes(&busy, 2).await;
    let (_frozen, _child) = busy.submit_frozen().await;
    let id = busy.submit(model.clone()).await;
    busy.finished(&id).await;
    results.push(("redis", bytes(&busy, &id, "result").await));

    let embedded = Server::start(&fleet.folder.path().join("embedded"));
    let id = embedded.submit(model.clone()).await;
    embedded.finished(&id).await;
    results.push(("embedded", bytes(&embedded, &id, "result").await));

    let file = fleet.folder.path().join("model.glb");
    std::fs::write(&file, &model).unwrap();
    let sync = Server::start(&file.join("data"));
    let posted = sync.client.post(sync.address("/api/v1/jobs")).body(model).send().await.unwrap();
    let job: Value = posted.json().await.unwrap();
    results.push(("sync", bytes(&sync, job["id"].as_str().unwrap(), "result").await));

    let output = fleet.folder.path().join("small.glb");
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_glb-optimizer"))
        .arg("optimize")
        .arg(&file)
        .arg("-o")
        .arg(&output)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    results.push(("command line", std::fs::read(&output).unwrap()));

    for (tier, bytes) in &results {
        assert_eq!(blake3::hash(bytes), blake3::hash(&results[0].1), "{tier}");
    }
    assert!(results[0].1.len() < triangle_glb().len() + 64);
}
