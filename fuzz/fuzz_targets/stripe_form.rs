#![no_main]

#[path = "../checks/stripe_form.rs"]
mod stripe_form;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stripe_form::check(input));
