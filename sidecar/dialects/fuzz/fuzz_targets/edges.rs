//! Feeds `inputs::edges`. Called by cargo-fuzz.
#![no_main]

#[path = "../inputs.rs"]
#[allow(dead_code, reason = "each target uses one of its functions")]
mod inputs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs::edges(data));
