//! Supervises one process for an ORP host: see [`orp_sdk::process`]. For hosts that cannot call the hook in their `main`.

fn main() {
    orp_sdk::process::supervise_if_asked();
    eprintln!("orp-supervisor is started by a host that launches a process, not by hand");
    std::process::exit(2);
}
