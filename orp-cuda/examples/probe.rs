//! Prints which CUDA devices are here: `cargo run -p orp-cuda --example probe`.
//!
//! With the path of a library, looks at that instead of the system's driver.

use orp_cuda::{Probe, accelerators};

fn main() {
    let probe = std::env::args_os().nth(1).map_or_else(Probe::default, Probe::with_library);
    let found = probe.discover();
    println!("CUDA: {}", found.availability);
    for device in &found.devices {
        println!("  {device}");
    }
    for (kind, count) in accelerators(&found.devices) {
        println!("offers would name: {count}× {} with {:.1} GB each", kind.model, kind.memory.as_gb());
    }
}
