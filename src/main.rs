//! Entry point: parses nothing itself, calls the command line.

/// The system's allocator spends a fifth of the time that questions and folds take.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ledgerline::cli::main()
}
