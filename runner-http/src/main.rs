//! `wane-sync`: keeps HubSpot contacts and Stripe customers in step.

fn main() -> std::process::ExitCode {
    runner_http::main_with(std::env::args_os())
}
