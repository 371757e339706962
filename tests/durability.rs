//! Is a webhook on the disk before it is answered? Asked of the kernel: the runner runs under `strace`, and between the
//! read of a delivery and the write of its 200, the store's file must have been written and synced.
//!
//! Skipped, and says so, where there is no `strace` (`apt-get install strace`) or it may not trace.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should panic, or say why"
)]

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use stage::{How, World, WorldConfig};
use sync_core::http::{ReqwestTransport, Transport};
use tokio::process::{Child, Command};

/// System calls that can carry a delivery in, an answer out, or a row to the disk.
const CALLS: &str = "trace=read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync";
/// Where everything is kept: the scheme of `store.url`, and how the name of the file ends.
const STORES: &[(&str, &str)] = &[
    ("", "/store.log>"),
    #[cfg(feature = "sled")]
    ("sled:", "/db>"),
];
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    // The traced process: this program, started again as the runner.
    if std::env::args().nth(1).is_some_and(|word| word == "serve") {
        return stage::main_with(std::env::args_os());
    }
    let can_trace = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if !can_trace.is_ok_and(|output| output.status.success()) {
        println!("durability: skipped, because `strace` is not installed or may not trace here");
        return ExitCode::SUCCESS;
    }
    for (scheme, file) in STORES {
        let question = is_a_delivery_synced_before_it_is_answered(scheme, file);
        tokio::runtime::Runtime::new().unwrap().block_on(question);
        println!("durability: every delivery was synced before it was answered ({file})");
    }
    ExitCode::SUCCESS
}

async fn is_a_delivery_synced_before_it_is_answered(scheme: &str, file: &str) {
    let world = World::new(WorldConfig::quick(How::Process)).await.unwrap();
    let directory = world.log().parent().unwrap().to_owned();
    let config = directory.join("wane-sync.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("\nurl = \"", &format!("\nurl = \"{scheme}"))).unwrap();
    let trace = directory.join("trace");
    let runner = traced(&directory, &trace);
    let deliveries: Vec<String> = (0..5).map(|n| format!("7770{n}7770")).collect();
    tokio::time::timeout(PATIENCE, async {
        while !directory.join("ports.json").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for contact in &deliveries {
            deliver(&world, contact).await;
        }
        stop(runner, &trace).await;
    })
    .await
    .unwrap();

    let lines = std::fs::read_to_string(&trace).unwrap();
    for contact in &deliveries {
        check(&lines, file, contact).unwrap();
        would_the_check_notice(&lines, file, contact);
    }
}

/// The runner under `strace`.
fn traced(directory: &Path, trace: &Path) -> Child {
    Command::new("strace")
        .args(["-f", "-y", "-s", "100000", "-e", CALLS, "-o"])
        .arg(trace)
        .arg(std::env::current_exe().unwrap())
        .args(["serve", "--config"])
        .arg(directory.join("wane-sync.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Posts a signed webhook about a contact and waits for its 200.
async fn deliver(world: &World, contact: &str) {
    let webhook = world.hubspot.with(|hubspot, now| {
        let event = serde_json::json!([{
            "eventId": 1, "subscriptionId": 1, "portalId": hubspot.config.portal_id, "appId": 1, "attemptNumber": 0,
            "occurredAt": now.as_millis(), "subscriptionType": "contact.creation", "objectId": contact,
            "changeSource": "CRM_UI", "sourceId": "userId:1",
        }]);
        hubspot.signed(now, event.to_string()).unwrap()
    });
    let answer = ReqwestTransport::new(PATIENCE).unwrap().send(webhook).await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// Ends the runner, and with it `strace`, which writes the process's id before each line.
async fn stop(mut strace: Child, trace: &PathBuf) {
    let lines = std::fs::read_to_string(trace).unwrap();
    let runner = lines.split(' ').next().unwrap();
    assert!(Command::new("kill").args(["-TERM", runner]).status().await.unwrap().success());
    strace.wait().await.unwrap();
}

/// A system call: the lines where it began and ended, and all that was written about it.
struct Call {
    began: usize,
    ended: usize,
    text: String,
}

/// Puts calls together that `strace` tells of in two lines, because others came in between.
fn calls(lines: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: Vec<(&str, usize)> = Vec::new();
    for (number, line) in lines.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some((_, rest)) = text.strip_prefix("<... ").and_then(|text| text.split_once(" resumed>")) {
            let Some(at) = unfinished.iter().position(|(waiting, _)| *waiting == thread) else { continue };
            let call = &mut calls[unfinished.remove(at).1];
            call.ended = number;
            call.text.push_str(rest);
        } else if let Some(begin) = text.strip_suffix("<unfinished ...>") {
            unfinished.push((thread, calls.len()));
            calls.push(Call { began: number, ended: usize::MAX, text: begin.to_owned() });
        } else {
            calls.push(Call { began: number, ended: number, text: text.to_owned() });
        }
    }
    calls
}

/// In this order: a delivery about `contact` is read, it is written to the store's file, that file is synced, and the
/// connection it came from is answered with 200.
fn check(lines: &str, file: &str, contact: &str) -> Result<(), String> {
    let calls = calls(lines);
    let find = |what: &str, fits: &dyn Fn(&Call) -> bool| {
        calls.iter().find(|call| fits(call)).ok_or_else(|| format!("{contact}: no {what}"))
    };
    let is = |call: &Call, names: &[&str]| names.iter().any(|name| call.text.starts_with(name));
    let read = find("read of the delivery", &|call| {
        is(call, &["read(", "recvfrom("]) && call.text.contains(contact)
    })?;
    let connection = read.text.split(['(', ',']).nth(1).unwrap_or_default();
    let answer = find("answer", &|call| {
        let to = call.text.split(['(', ',']).nth(1).unwrap_or_default();
        call.began > read.ended && to == connection && call.text.contains("HTTP/1.1 200")
    })?;
    let written = find("write of the row before the answer", &|call| {
        is(call, &["pwrite64("])
            && call.text.contains(file)
            && call.text.contains(contact)
            && read.ended < call.began
            && call.ended < answer.began
    })?;
    find("sync between the write and the answer", &|call| {
        is(call, &["fsync(", "fdatasync("])
            && call.text.contains(file)
            && call.text.trim_end().ends_with("= 0")
            && written.ended < call.began
            && call.ended < answer.began
    })?;
    Ok(())
}

/// A trace without syncs, and one with all syncs at the end, must not pass.
fn would_the_check_notice(lines: &str, file: &str, contact: &str) {
    let is_sync = |line: &&str| line.contains("fdatasync") || line.contains("fsync");
    let (syncs, others): (Vec<&str>, Vec<&str>) = lines.lines().partition(is_sync);
    assert!(check(&others.join("\n"), file, contact).is_err(), "without syncs");
    assert!(check(&[others, syncs].concat().join("\n"), file, contact).is_err(), "with late syncs");
}
