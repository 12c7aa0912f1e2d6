//! The trainer as its own program: `trainer <stage|prepare|train|evaluate|register|calibrate>`.
//!
//! Everything lives below `trainer.rs`, so that another binary can include the same module and
//! offer the same commands; here is only the choice of the command.

mod trainer;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(command) if trainer::is_command(&command) => trainer::run(&command),
        Some(other) => {
            eprintln!("trainer: unknown command {other:?}, expected one of {}", trainer::COMMANDS.join(", "));
            ExitCode::from(2)
        }
        None => {
            eprintln!("trainer: no command, expected one of {}", trainer::COMMANDS.join(", "));
            ExitCode::from(2)
        }
    }
}
