#![no_main]

#[path = "../../orp-policy/tests/corpus/readers.rs"]
#[allow(dead_code, reason = "each target calls one of them")]
mod readers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    readers::documents(input);
});
