//! The program: commands, signals, exit codes.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::*;

fn wane_sync() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wane-sync"));
    command.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts `serve`, runs `test`, sends SIGTERM and waits for the end.
async fn terminated(world: &World, toml: &str, test: impl AsyncFnOnce(Ports)) -> Output {
    let file = world.config_file(toml);
    let child = wane_sync().arg("serve").arg("--config").arg(file).spawn().unwrap();
    test(Ports::of(&world.port_file()).await).await;
    let killed = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert!(killed.success());
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output());
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("ended within 10 s").unwrap().unwrap()
}

#[tokio::test]
async fn does_sigterm_end_it_in_order() {
    let world = World::new().await;
    let output = terminated(&world, &world.toml(), async |ports| {
        assert_eq!(get(&ports.admin("/healthz"), None).await.0, 200);
        assert_eq!(get(&ports.admin("/readyz"), None).await.0, 200);
    })
    .await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn does_sigterm_end_it_in_order_while_a_call_hangs() {
    let world = World::new().await;
    world.stripe.with(|stripe, _| stripe.config.response_time = Duration::from_secs(600));
    let output = terminated(&world, &world.toml(), async |_| {
        eventually("a call", async || {
            world.stripe.with(|stripe, _| stripe.calls().calls().first().map(|_| ()))
        })
        .await;
    })
    .await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn are_log_lines_json_with_the_addresses_and_without_secrets() {
    let world = World::new().await;
    let toml = world.toml() + "[log]\nlevel = \"trace\"\n";
    let mut listen = None;
    let output = terminated(&world, &toml, async |ports| {
        listen = Some(ports.listen.to_string());
        let webhook = from_hubspot(now(), "/webhooks/hubspot", r#"[{"email":"ada@person.example"}]"#);
        assert_eq!(deliver(ports.listen, webhook).await.status(), 200);
        eventually("a call to HubSpot", async || {
            world.hubspot.with(|hubspot, _| hubspot.calls().calls().get(2).map(|_| ()))
        })
        .await;
    })
    .await;
    let lines = String::from_utf8(output.stderr).unwrap();
    let events: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        events
            .iter()
            .any(|e| e["message"] == "listening for webhooks" && e["address"] == *listen.as_ref().unwrap())
    );
    let secrets = ["pat-na1-fake", "fake-client-secret", "sk_test_wane", "whsec_test_wane", ADMIN_TOKEN];
    for secret in secrets.into_iter().chain(["person.example"]) {
        let line = lines.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} in the log");
    }
}

#[tokio::test]
async fn does_check_say_ok_and_open_nothing() {
    let world = World::new().await;
    let data = world.directory.path().join("data");
    let file = world.config_file(&world.toml().replace("\"memory:\"", &format!("{data:?}")));
    let output = wane_sync().arg("check").arg("--config").arg(file).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"ok\n"[..]));
    assert!(!data.exists() && !world.port_file().exists());
    assert!(world.hubspot.with(|hubspot, _| hubspot.calls().calls().is_empty()));
}

#[tokio::test]
async fn does_a_bad_configuration_end_it_with_2_and_the_name_of_the_key() {
    let world = World::new().await;
    let bad = [
        (world.toml().replace("app_id", "app"), "hubspot.app"),
        (world.toml() + "[log]\nlevel = \"a=b=c\"\n", "log.level"),
        // Only the connector knows that this is wrong.
        (world.toml().replace("[sync]", "api_version = \"\"\n[sync]"), "stripe.api_version"),
    ];
    for (toml, key) in bad {
        for command in ["serve", "check"] {
            let file = world.config_file(&toml);
            let output = wane_sync().arg(command).arg("--config").arg(file).output().unwrap();
            let complaint = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{complaint}");
            assert!(complaint.contains(key), "{complaint}");
        }
    }
}

#[test]
fn does_a_bad_command_line_end_it_with_2() {
    for arguments in [&[][..], &["serve"], &["serve", "--config"], &["dance", "--config", "x"]] {
        assert_eq!(wane_sync().args(arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
    let missing = wane_sync().args(["check", "--config", "/nowhere/wane.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("/nowhere/wane.toml"));
}
